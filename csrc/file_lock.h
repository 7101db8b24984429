/* file_lock.h: a file that one process at a time holds. */
#ifndef MG_FILE_LOCK_H
#define MG_FILE_LOCK_H

#include "base.h"

typedef struct mg_file_lock {
  int descriptor; /* -1: nothing is held */
  char *path;
} mg_file_lock;

typedef enum { MG_LOCK_FAILED, MG_LOCK_HELD, MG_LOCK_TAKEN } mg_lock_result;

/* Take the lock that a file stands for, without waiting; the file is made where there is none.  The system lets go
 * of it when the process ends, however that happens.  Where another holds it, be it in this process, *holder is the
 * number of that process, 0 where it is not known.  A file system that has no locks lets everybody take them.
 * MG_LOCK_FAILED with an error that names the file where it cannot be opened. */
mg_lock_result mg_file_lock_take(const char *path, mg_file_lock *lock, long *holder);

/* Let go of it and remove the file.  Nothing where nothing is held. */
void mg_file_lock_release(mg_file_lock *lock);

#endif

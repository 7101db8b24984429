#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file_lock.h"

enum { MAX_ATTEMPTS = 100 };

/* The file that is open is the one that has the name: else its holder has removed it meanwhile. */
static bool is_there(int descriptor, const char *path) {
  struct stat open_one, named;
  return fstat(descriptor, &open_one) == 0 && stat(path, &named) == 0 && open_one.st_dev == named.st_dev &&
         open_one.st_ino == named.st_ino;
}

static long read_holder(int descriptor) {
  char text[24] = {0};
  return pread(descriptor, text, sizeof text - 1, 0) > 0 ? strtol(text, NULL, 10) : 0;
}

/* For people; a disk that has no room for it does no harm. */
static void write_holder(int descriptor) {
  char text[24];
  const int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());
  if (ftruncate(descriptor, 0) == 0 && pwrite(descriptor, text, (size_t)length, 0) != length) errno = 0;
}

static mg_lock_result try_to_take(int descriptor) {
  if (flock(descriptor, LOCK_EX | LOCK_NB) == 0) return MG_LOCK_TAKEN;
  return errno == EWOULDBLOCK ? MG_LOCK_HELD : MG_LOCK_TAKEN; /* what else fails is a file system without locks */
}

mg_lock_result mg_file_lock_take(const char *path, mg_file_lock *lock, long *holder) {
  *lock = (mg_file_lock){-1, NULL};
  *holder = 0;
  for (int attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
    if (descriptor < 0) return mg_fail("%s: cannot open: %s", path, strerror(errno)), MG_LOCK_FAILED;
    if (try_to_take(descriptor) == MG_LOCK_HELD) {
      *holder = read_holder(descriptor);
      close(descriptor);
      return MG_LOCK_HELD;
    }
    if (is_there(descriptor, path)) {
      write_holder(descriptor);
      *lock = (mg_file_lock){descriptor, strdup(path)};
      if (lock->path) return MG_LOCK_TAKEN;
      mg_file_lock_release(lock);
      return mg_fail_memory(strlen(path)), MG_LOCK_FAILED;
    }
    close(descriptor);
  }
  return MG_LOCK_HELD;
}

/* The name goes first, while nobody else can take the lock: whoever waits for it sees that and opens a new file. */
void mg_file_lock_release(mg_file_lock *lock) {
  if (lock->path) unlink(lock->path);
  if (lock->descriptor >= 0) close(lock->descriptor);
  free(lock->path);
  *lock = (mg_file_lock){-1, NULL};
}

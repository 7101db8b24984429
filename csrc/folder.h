/* folder.h: what is in a folder. */
#ifndef MG_FOLDER_H
#define MG_FOLDER_H

#include "base.h"

typedef struct mg_folder {
  int64_t count;
  struct {
    char *name;
    bool folder;
  } * entry; /* in the order of their names' bytes */
} mg_folder;

/* The regular files and folders in a folder, symbolic links followed; without those whose names
 * begin with a dot.  False with an error that names the folder, and nothing allocated. */
bool mg_folder_read(const char *path, mg_folder *folder);
void mg_folder_free(mg_folder *folder);

#endif

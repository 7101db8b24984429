/* file.h: whole files in, whole files out: a reader never sees half of what is written. */
#ifndef MG_FILE_H
#define MG_FILE_H

#include "base.h"

/* A descriptor for reading a regular file, for close(); -1 with an error that names the file where it
 * cannot be opened or is anything else (a pipe could be waited on for ever). */
int mg_file_open(const char *path);

/* The contents of a regular file as a block for free(), its length in *size.  NULL with an error
 * that names the file where it cannot be read or holds more than `limit` bytes. */
uint8_t *mg_file_read(const char *path, size_t limit, size_t *size);

/* Write a file: to a temporary name beside it, synchronised to the disk, then renamed over `path`.
 * On an error (set, naming the file) nothing is left behind and what was there before is
 * untouched.  A symbolic link is followed; anything but a regular file is refused. */
bool mg_file_write(const char *path, const void *bytes, size_t size);

/* The same for contents in several pieces, one after the other. */
typedef struct mg_piece {
  const void *bytes;
  size_t size;
} mg_piece;
bool mg_file_write_pieces(const char *path, const mg_piece *pieces, size_t count);

/* Add to the end of a file, which is made where there is none; with `sync` it is on the disk when this
 * returns.  On an error (set, naming the file) the file is as long as it was. */
bool mg_file_append(const char *path, const void *bytes, size_t size, bool sync);

typedef enum { MG_FILE_NONE, MG_FILE_REGULAR, MG_FILE_FOLDER, MG_FILE_OTHER } mg_file_kind;

/* What the path leads to, symbolic links followed, and the size of a regular file.  A path that cannot be
 * looked up leads to nothing. */
mg_file_kind mg_file_look(const char *path, int64_t *size);

/* Remove a file or an empty folder.  False without an error where there was nothing. */
bool mg_file_remove(const char *path);

/* Make a folder and those above it that are missing; an existing one is fine. */
bool mg_folder_make(const char *path);

#endif

/* tar.h: the members of a tar archive (POSIX.1-1988 "ustar", and what GNU tar writes), plain or
 * gzip, from first to last. */
#ifndef MG_TAR_H
#define MG_TAR_H

#include "base.h"

typedef struct mg_tar mg_tar;

typedef struct mg_tar_member {
  char name[257]; /* folders and all */
  bool regular;   /* a file, not a folder, link or note of the archiver's */
  int64_t size;   /* bytes, >= 0 */
} mg_tar_member;

/* NULL with an error that names the file. */
mg_tar *mg_tar_open(const char *path);
void mg_tar_close(mg_tar *tar); /* NULL-safe */

/* Go on to the next member, whatever is left of the present one: 1, or 0 at the archive's end, which
 * is checked to be one, or -1 with an error set where the file is no archive or damaged. */
int mg_tar_next(mg_tar *tar, mg_tar_member *member);

/* Read exactly `size` bytes, no more than the present member has left; false with an error set. */
bool mg_tar_read(mg_tar *tar, void *out, int64_t size);

#endif

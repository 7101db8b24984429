#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

/* ---- reading ------------------------------------------------------------------------------- */

int mg_file_open(const char *path) {
  struct stat status;
  int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* without waiting for a pipe's writer */
  if (descriptor < 0) {
    mg_fail("%s: cannot open: %s", path, strerror(errno));
    return -1;
  }
  if (fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode)) return descriptor;
  mg_fail("%s: expected a regular file", path);
  close(descriptor);
  return -1;
}

static uint8_t *read_descriptor(int descriptor, const char *path, size_t limit, size_t *size) {
  struct stat status;
  if (fstat(descriptor, &status) != 0) return mg_fail("%s: cannot read: %s", path, strerror(errno));
  if ((uintmax_t)status.st_size > limit) {
    return mg_fail("%s: expected at most %zu bytes, the file has %jd", path, limit, (intmax_t)status.st_size);
  }
  size_t length = (size_t)status.st_size, got = 0;
  uint8_t *bytes = malloc(length + 1); /* + 1: an empty file is no failed allocation */
  if (!bytes) return mg_fail_memory(length);
  while (got < length) {
    ssize_t n = read(descriptor, bytes + got, length - got);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      mg_fail("%s: cannot read: %s", path, strerror(errno));
      free(bytes);
      return NULL;
    }
    if (n == 0) break; /* it shrank meanwhile: the decoder will find it truncated */
    got += (size_t)n;
  }
  *size = got;
  return bytes;
}

uint8_t *mg_file_read(const char *path, size_t limit, size_t *size) {
  int descriptor = mg_file_open(path);
  if (descriptor < 0) return NULL;
  uint8_t *bytes = read_descriptor(descriptor, path, limit, size);
  close(descriptor);
  return bytes;
}

/* ---- writing ------------------------------------------------------------------------------- */

static bool write_all(int descriptor, const uint8_t *bytes, size_t size) {
  while (size > 0) {
    ssize_t n = write(descriptor, bytes, size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    bytes += n;
    size -= (size_t)n;
  }
  return true;
}

/* Open a new file beside `path`, under a name that nobody has; its name goes to `temporary`. */
static int open_temporary(const char *path, char *temporary, size_t capacity) {
  for (int attempt = 0; attempt < 100; attempt++) {
    snprintf(temporary, capacity, "%s.%ld-%d.part", path, (long)getpid(), attempt);
    int descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor >= 0 || errno != EEXIST) return descriptor;
  }
  return -1;
}

/* A rename lasts through a power cut once the folder that holds it is on the disk. */
static bool sync_folder(const char *path) {
  char folder[PATH_MAX];
  snprintf(folder, sizeof folder, "%s", path);
  char *slash = strrchr(folder, '/');
  if (!slash) {
    strcpy(folder, ".");
  } else if (slash == folder) {
    strcpy(folder, "/");
  } else {
    *slash = '\0';
  }
  int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return errno == EACCES; /* a folder may be writable and not readable */
  bool done = fsync(descriptor) == 0 || errno == EINVAL || errno == ENOTSUP;
  close(descriptor);
  return done;
}

static bool write_pieces(int descriptor, const mg_piece *pieces, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (!write_all(descriptor, pieces[i].bytes, pieces[i].size)) return false;
  }
  return true;
}

static bool write_and_rename(const char *path, const mg_piece *pieces, size_t count) {
  char temporary[PATH_MAX + 64];
  int descriptor = open_temporary(path, temporary, sizeof temporary);
  if (descriptor < 0) {
    mg_fail("%s: cannot create a file there: %s", path, strerror(errno));
    return false;
  }
  bool done = write_pieces(descriptor, pieces, count) && fsync(descriptor) == 0;
  int cause = errno;
  if (close(descriptor) != 0 && done) {
    done = false;
    cause = errno;
  }
  if (done && rename(temporary, path) != 0) {
    done = false;
    cause = errno;
  }
  if (!done) {
    unlink(temporary);
    mg_fail("%s: cannot write: %s", path, strerror(cause));
    return false;
  }
  if (!sync_folder(path)) {
    mg_fail("%s: written, but its folder cannot be synchronised: %s", path, strerror(errno));
    return false;
  }
  return true;
}

bool mg_file_write_pieces(const char *path, const mg_piece *pieces, size_t count) {
  if (strlen(path) >= PATH_MAX) {
    mg_fail("%.60s...: the path is longer than %d bytes", path, PATH_MAX - 1);
    return false;
  }
  struct stat status;
  if (stat(path, &status) != 0) return write_and_rename(path, pieces, count);
  if (!S_ISREG(status.st_mode)) {
    mg_fail("%s: expected a regular file or a new name, it is a %s", path,
            S_ISDIR(status.st_mode) ? "folder" : "device, pipe or socket");
    return false;
  }
  char target[PATH_MAX];
  if (!realpath(path, target)) {
    mg_fail("%s: cannot resolve: %s", path, strerror(errno));
    return false;
  }
  return write_and_rename(target, pieces, count);
}

bool mg_file_write(const char *path, const void *bytes, size_t size) {
  return mg_file_write_pieces(path, &(mg_piece){bytes, size}, 1);
}

/* Add bytes behind those that are there; on a failure errno says why, and nothing was added unless an error
 * is set that says so. */
static bool append_to(int descriptor, const char *path, const void *bytes, size_t size, bool sync) {
  struct stat status;
  if (fstat(descriptor, &status) != 0) return false;
  if (!S_ISREG(status.st_mode)) return errno = EINVAL, false;
  if (write_all(descriptor, bytes, size) && (!sync || fsync(descriptor) == 0)) return true;
  const int cause = errno;
  if (ftruncate(descriptor, status.st_size) != 0)
    mg_fail("%s: appended in part, which cannot be taken back: %s", path, strerror(cause));
  errno = cause;
  return false;
}

bool mg_file_append(const char *path, const void *bytes, size_t size, bool sync) {
  const int descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
  const bool added = descriptor >= 0 && append_to(descriptor, path, bytes, size, sync);
  if (!added) mg_fail("%s: cannot append: %s", path, strerror(errno));
  if (descriptor >= 0) close(descriptor);
  return added;
}

/* ---- what is there --------------------------------------------------------------------------- */

mg_file_kind mg_file_look(const char *path, int64_t *size) {
  struct stat status;
  if (stat(path, &status) != 0) return MG_FILE_NONE;
  *size = (int64_t)status.st_size;
  return S_ISREG(status.st_mode) ? MG_FILE_REGULAR : S_ISDIR(status.st_mode) ? MG_FILE_FOLDER : MG_FILE_OTHER;
}

bool mg_file_remove(const char *path) {
  if (remove(path) == 0) return true;
  if (errno != ENOENT) mg_fail("%s: cannot remove: %s", path, strerror(errno));
  return false;
}

/* ---- folders ------------------------------------------------------------------------------- */

static bool make_one(const char *path) {
  struct stat status;
  if (mkdir(path, 0777) == 0) return true;
  int cause = errno;
  if (stat(path, &status) == 0) {
    if (S_ISDIR(status.st_mode)) return true;
    cause = ENOTDIR;
  }
  mg_fail("%s: cannot make the folder: %s", path, strerror(cause));
  return false;
}

bool mg_folder_make(const char *path) {
  char prefix[PATH_MAX];
  size_t length = strlen(path);
  if (length == 0 || length >= sizeof prefix) {
    mg_fail("a folder's path has 1 to %d bytes, got %zu", PATH_MAX - 1, length);
    return false;
  }
  for (size_t i = 1; i <= length; i++) {
    if (path[i] != '/' && path[i] != '\0') continue;
    memcpy(prefix, path, i);
    prefix[i] = '\0';
    if (!make_one(prefix)) return false;
  }
  return true;
}

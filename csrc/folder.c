#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "folder.h"

void mg_folder_free(mg_folder *folder) {
  for (int64_t i = 0; i < folder->count; i++) free(folder->entry[i].name);
  free(folder->entry);
  *folder = (mg_folder){0};
}

static bool add_entry(mg_folder *folder, const char *name, bool is_folder) {
  const int64_t n = folder->count;
  char *copy = strdup(name);
  if ((n & (n - 1)) == 0) { /* full: it doubles at powers of two */
    void *larger = realloc(folder->entry, (size_t)MG_MAX(2 * n, 1) * sizeof *folder->entry);
    if (larger) folder->entry = larger;
    if (!larger) {
      free(copy);
      copy = NULL;
    }
  }
  if (!copy) {
    mg_fail_memory((size_t)(2 * n) * sizeof *folder->entry);
    return false;
  }
  folder->entry[n].name = copy;
  folder->entry[n].folder = is_folder;
  folder->count++;
  return true;
}

static bool read_entries(DIR *stream, const char *path, mg_folder *folder) {
  struct stat status;
  for (;;) {
    errno = 0;
    const struct dirent *entry = readdir(stream);
    if (!entry && errno != 0) mg_fail("%s: cannot read the folder: %s", path, strerror(errno));
    if (!entry) return mg_error() == NULL;
    if (entry->d_name[0] == '.' || fstatat(dirfd(stream), entry->d_name, &status, 0) != 0) continue;
    const bool is_folder = S_ISDIR(status.st_mode);
    if ((is_folder || S_ISREG(status.st_mode)) && !add_entry(folder, entry->d_name, is_folder)) return false;
  }
}

static int compare_entries(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b); /* an entry begins with its name */
}

bool mg_folder_read(const char *path, mg_folder *folder) {
  *folder = (mg_folder){0};
  DIR *stream = opendir(path);
  if (!stream) {
    mg_fail("%s: cannot open the folder: %s", path, strerror(errno));
    return false;
  }
  const bool done = read_entries(stream, path, folder);
  closedir(stream);
  if (!done) mg_folder_free(folder);
  if (folder->count > 1) qsort(folder->entry, (size_t)folder->count, sizeof *folder->entry, compare_entries);
  return done;
}

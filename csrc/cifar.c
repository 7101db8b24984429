#include <stdlib.h>
#include <string.h>

#include "byte_stream.h"
#include "cifar.h"
#include "parallel.h"
#include "tar.h"

#define PIXELS (MG_CIFAR_SIDE * MG_CIFAR_SIDE)
#define IMAGE (3 * PIXELS)

/* A data set while its batches are read. */
typedef struct batches {
  int count;
  int64_t records; /* in each */
  int classes;
  uint8_t *raw; /* one batch as it is in its file */
  uint8_t *bytes;
  int32_t *labels;
} batches;

static bool start(batches *b) {
  const size_t n = (size_t)b->count * (size_t)b->records;
  b->raw = malloc((size_t)b->records * MG_CIFAR_RECORD);
  b->bytes = malloc(n * IMAGE);
  b->labels = malloc(n * sizeof *b->labels);
  if (!b->raw || !b->bytes || !b->labels) mg_fail_memory(n * IMAGE);
  return b->raw && b->bytes && b->labels;
}

static mg_dataset *finish(batches *b, bool done) {
  static const int64_t shape[3] = {MG_CIFAR_SIDE, MG_CIFAR_SIDE, 3};
  free(b->raw);
  if (done) return mg_dataset_from_bytes(b->count * b->records, shape, b->bytes, b->labels);
  free(b->bytes);
  free(b->labels);
  return NULL;
}

static bool check_size(const batches *b, const char *name, int64_t size, bool more) {
  const int64_t expected = b->records * MG_CIFAR_RECORD;
  if (size == expected && !more) return true;
  mg_fail("%s: expected %lld bytes (%lld records of %d), got %s%lld", name, (long long)expected, (long long)b->records,
          MG_CIFAR_RECORD, more ? "more than " : "", (long long)size);
  return false;
}

typedef struct unpacking {
  const uint8_t *raw;
  uint8_t *bytes;
} unpacking;

/* From planes to pixels. */
static void unpack_images(void *argument, int64_t begin, int64_t end) {
  const unpacking *u = argument;
  for (int64_t i = begin; i < end; i++) {
    const uint8_t *plane = u->raw + i * MG_CIFAR_RECORD + 1;
    uint8_t *out = u->bytes + i * IMAGE;
    for (int p = 0; p < PIXELS; p++, out += 3) {
      out[0] = plane[p];
      out[1] = plane[PIXELS + p];
      out[2] = plane[2 * PIXELS + p];
    }
  }
}

/* Put the batch that was read in its place. */
static bool unpack(batches *b, int batch, const char *name) {
  const int64_t first = batch * b->records;
  for (int64_t i = 0; i < b->records; i++) {
    const int label = b->raw[i * MG_CIFAR_RECORD];
    b->labels[first + i] = label;
    if (label < b->classes) continue;
    mg_fail("%s: expected labels from 0 to %d, got %d in record %lld", name, b->classes - 1, label, (long long)i + 1);
    return false;
  }
  unpacking u = {b->raw, b->bytes + first * IMAGE};
  mg_parallel_ranges(b->records, 16, unpack_images, &u);
  return true;
}

/* ---- from files ------------------------------------------------------------------------------ */

static bool read_file(batches *b, int batch, const char *path) {
  mg_byte_stream *stream = mg_byte_stream_open(path);
  if (!stream) return false;
  uint8_t extra;
  const int64_t got = mg_byte_stream_read(stream, b->raw, b->records * MG_CIFAR_RECORD);
  const int64_t more = got < 0 ? -1 : mg_byte_stream_read(stream, &extra, 1);
  mg_byte_stream_close(stream);
  return more >= 0 && check_size(b, path, got, more > 0) && unpack(b, batch, path);
}

mg_dataset *mg_dataset_from_cifar(const char *const *path, int count, int64_t records, int classes) {
  batches b = {.count = count, .records = records, .classes = classes};
  bool done = start(&b);
  for (int i = 0; done && i < count; i++) done = read_file(&b, i, path[i]);
  return finish(&b, done);
}

/* ---- from an archive ------------------------------------------------------------------------- */

/* Which of the names a member has, or -1. */
static int find_name(const mg_tar_member *member, const char *const *name, int count) {
  const char *slash = strrchr(member->name, '/'), *own = slash ? slash + 1 : member->name;
  for (int i = 0; member->regular && i < count; i++) {
    if (strcmp(own, name[i]) == 0) return i;
  }
  return -1;
}

static bool read_member(batches *b, int batch, mg_tar *tar, const char *archive, const mg_tar_member *member) {
  char name[1024];
  snprintf(name, sizeof name, "%s: %s", archive, member->name);
  return check_size(b, name, member->size, false) && mg_tar_read(tar, b->raw, member->size) && unpack(b, batch, name);
}

/* Read each member that is called for; `found` says which there were. */
static bool read_members(batches *b, mg_tar *tar, const char *archive, const char *const *name, bool *found) {
  mg_tar_member member;
  int more;
  while ((more = mg_tar_next(tar, &member)) > 0) {
    const int batch = find_name(&member, name, b->count);
    if (batch < 0) continue;
    if (found[batch]) mg_fail("%s: expected one file %s, got several", archive, name[batch]);
    if (found[batch] || !read_member(b, batch, tar, archive, &member)) return false;
    found[batch] = true;
  }
  for (int i = 0; more == 0 && i < b->count; i++) {
    if (found[i]) continue;
    mg_fail("%s: expected a file %s in the archive, got none", archive, name[i]);
    return false;
  }
  return more == 0;
}

mg_dataset *mg_dataset_from_cifar_archive(const char *archive, const char *const *name, int count, int64_t records,
                                          int classes) {
  batches b = {.count = count, .records = records, .classes = classes};
  bool *found = calloc((size_t)count, sizeof *found);
  if (!found) return mg_fail_memory((size_t)count);
  mg_tar *tar = mg_tar_open(archive);
  const bool done = tar && start(&b) && read_members(&b, tar, archive, name, found);
  mg_tar_close(tar);
  free(found);
  return finish(&b, done);
}

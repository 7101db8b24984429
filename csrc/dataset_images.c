#include <stdlib.h>
#include <string.h>

#include "examples.h"

/* Files decoded before anybody looks at what went wrong with them. */
#define CHUNK 256

void mg_failures_free(mg_failures *failures) {
  if (!failures) return;
  for (int64_t i = 0; i < failures->count; i++) free(failures->message[i]);
  free(failures->message);
  free(failures);
}

/* A list of files while it is decoded for the first time. */
typedef struct loading {
  mg_image_list *list;
  int32_t *labels;
  uint8_t *bytes; /* of the files kept, or NULL */
  int64_t kept;   /* so far; a file that is left out makes room for the next */
  bool skip;
  mg_failures *skipped;
} loading;

static bool note_skipped(loading *l, const char *message) {
  if (!l->skipped && !(l->skipped = calloc(1, sizeof *l->skipped))) {
    mg_fail_memory(sizeof *l->skipped);
    return false;
  }
  mg_failures *f = l->skipped;
  char **larger = realloc(f->message, (size_t)(f->count + 1) * sizeof *larger);
  char *copy = strdup(message);
  if (larger) f->message = larger;
  if (!larger || !copy) {
    free(copy);
    mg_fail_memory(strlen(message) + 1);
    return false;
  }
  f->message[f->count++] = copy;
  return true;
}

/* Keep file `row`, whose bytes are where `decoded` says, as the next. */
static void keep_file(loading *l, int64_t row, const uint8_t *decoded) {
  mg_image_list *list = l->list;
  if (l->bytes && decoded != l->bytes + l->kept * list->size) {
    memmove(l->bytes + l->kept * list->size, decoded, (size_t)list->size);
  }
  if (l->kept != row) {
    free(list->path[l->kept]);
    list->path[l->kept] = list->path[row];
    list->path[row] = NULL;
    if (l->labels) l->labels[l->kept] = l->labels[row];
  }
  l->kept++;
}

static bool load_chunk(loading *l, int64_t begin, int64_t end) {
  const int64_t size = l->list->size, count = end - begin;
  int64_t rows[CHUNK];
  for (int64_t i = 0; i < count; i++) rows[i] = begin + i;
  mg_decoding *d = mg_decoding_new(l->list, rows, count, l->bytes ? l->bytes + l->kept * size : NULL);
  bool done = d && mg_decoding_finish(d);
  for (int64_t i = 0; done && i < count; i++) {
    const char *message = mg_decoding_message(d, i);
    if (!message) {
      keep_file(l, begin + i, mg_decoding_bytes(d) + i * size);
    } else if (l->skip) {
      done = note_skipped(l, message);
    } else {
      mg_fail("%s", message);
      done = false;
    }
  }
  mg_decoding_free(d);
  return done;
}

static bool load_all(loading *l) {
  const int64_t count = l->list->count;
  for (int64_t begin = 0; begin < count; begin += CHUNK) {
    if (!load_chunk(l, begin, MG_MIN(begin + CHUNK, count))) return false;
  }
  if (l->kept > 0) return true;
  mg_fail("none of %lld pictures can be read; the first: %s", (long long)count, l->skipped->message[0]);
  return false;
}

mg_dataset *mg_dataset_from_images(mg_image_list *list, int32_t *labels, bool keep, bool skip) {
  loading l = {.list = list, .labels = labels, .skip = skip, .kept = list->count};
  bool done = true;
  if (keep) {
    l.bytes = malloc((size_t)(list->count * list->size));
    if (!l.bytes) mg_fail_memory((size_t)(list->count * list->size));
    done = l.bytes != NULL;
  }
  if (done && (keep || skip)) {
    l.kept = 0;
    done = load_all(&l);
  }
  if (!done) {
    free(l.bytes);
    free(labels);
    mg_failures_free(l.skipped);
    mg_image_list_release(list);
    return NULL;
  }
  const int64_t shape[3] = {list->h, list->w, list->channels};
  struct mg_examples contents = {.bytes = l.bytes, .skipped = l.skipped};
  if (keep) {
    mg_image_list_release(list);
  } else {
    contents.files = list;
  }
  return mg_dataset_over(l.kept, 3, shape, contents, labels);
}

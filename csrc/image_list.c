#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "image_file.h"
#include "image_list.h"
#include "parallel.h"
#include "resize.h"

/* ---- lists ------------------------------------------------------------------------------------- */

mg_image_list *mg_image_list_new(int64_t count, int64_t h, int64_t w, int channels, bool crop) {
  mg_image_list *list = malloc(sizeof *list);
  if (!list) return mg_fail_memory(sizeof *list);
  *list = (mg_image_list){1, count, NULL, h, w, channels, crop, h * w * channels};
  list->path = calloc((size_t)count, sizeof *list->path);
  if (list->path) return list;
  free(list);
  return mg_fail_memory((size_t)count * sizeof *list->path);
}

bool mg_image_list_set(mg_image_list *list, int64_t i, const char *path) {
  list->path[i] = strdup(path);
  if (!list->path[i]) mg_fail_memory(strlen(path) + 1);
  return list->path[i] != NULL;
}

mg_image_list *mg_image_list_retain(mg_image_list *list) {
  list->refs++;
  return list;
}

void mg_image_list_release(mg_image_list *list) {
  if (!list || --list->refs > 0) return;
  for (int64_t i = 0; i < list->count; i++) free(list->path[i]);
  free(list->path);
  free(list);
}

/* ---- decoding ---------------------------------------------------------------------------------- */

typedef struct item {
  atomic_bool claimed; /* by the thread that decodes it */
  int64_t row;
  char *message;
} item;

struct mg_decoding {
  mg_image_list *list;
  int64_t count;
  uint8_t *own, *out; /* own: the block behind out, where it is the decoding's */
  bool threaded;
  pthread_t thread;
  atomic_bool stop;
  atomic_bool out_of_memory;
  item items[];
};

mg_decoding *mg_decoding_new(mg_image_list *list, const int64_t *row, int64_t count, uint8_t *out) {
  const size_t head = sizeof(mg_decoding) + (size_t)count * sizeof(item), body = (size_t)(count * list->size);
  mg_decoding *d = calloc(1, head);
  uint8_t *own = out ? NULL : malloc(body);
  if (!d || (!out && !own)) {
    free(d);
    free(own);
    return mg_fail_memory(head + body);
  }
  d->list = mg_image_list_retain(list);
  d->count = count;
  d->own = own;
  d->out = out ? out : own;
  for (int64_t i = 0; i < count; i++) d->items[i].row = row[i];
  return d;
}

/* Take the error of this thread, which a file's trouble is no matter for, down as a message. */
static void note_failure(mg_decoding *d, item *it) {
  it->message = strdup(mg_error());
  if (mg_error_is_memory() || !it->message) atomic_store(&d->out_of_memory, true);
  mg_clear_error();
}

/* Decode one, unless another thread has it. */
static void decode_item(void *argument, int64_t i) {
  mg_decoding *d = argument;
  const mg_image_list *list = d->list;
  item *it = &d->items[i];
  if (atomic_exchange(&it->claimed, true)) return;
  mg_image image;
  bool done = mg_image_read(list->path[it->row], list->channels, &image);
  if (done) {
    done = mg_image_resize(&image, list->crop, list->h, list->w, d->out + i * list->size);
    free(image.bytes);
  }
  if (!done) note_failure(d, it);
}

static void *run_in_background(void *argument) {
  mg_decoding *d = argument;
  for (int64_t i = 0; i < d->count && !atomic_load(&d->stop); i++) decode_item(d, i);
  return NULL;
}

void mg_decoding_start(mg_decoding *d) { d->threaded = pthread_create(&d->thread, NULL, run_in_background, d) == 0; }

static void join(mg_decoding *d) {
  if (d->threaded) pthread_join(d->thread, NULL);
  d->threaded = false;
}

bool mg_decoding_finish(mg_decoding *d) {
  mg_parallel(d->count, decode_item, d);
  join(d);
  if (atomic_load(&d->out_of_memory)) mg_fail_memory((size_t)(d->count * d->list->size));
  return !atomic_load(&d->out_of_memory);
}

bool mg_decoding_finish_all(mg_decoding *d) {
  bool done = mg_decoding_finish(d);
  for (int64_t i = 0; done && i < d->count; i++) {
    done = d->items[i].message == NULL;
    if (!done) mg_fail("%s", d->items[i].message);
  }
  return done;
}

const char *mg_decoding_message(const mg_decoding *d, int64_t i) { return d->items[i].message; }

const uint8_t *mg_decoding_bytes(const mg_decoding *d) { return d->out; }

bool mg_decoding_is(const mg_decoding *d, const mg_image_list *list, const int64_t *row, int64_t count) {
  if (d->list != list || d->count != count) return false;
  for (int64_t i = 0; i < count; i++) {
    if (d->items[i].row != row[i]) return false;
  }
  return true;
}

void mg_decoding_free(mg_decoding *d) {
  if (!d) return;
  atomic_store(&d->stop, true);
  join(d);
  for (int64_t i = 0; i < d->count; i++) free(d->items[i].message);
  mg_image_list_release(d->list);
  free(d->own);
  free(d);
}

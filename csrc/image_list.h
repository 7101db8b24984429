/* image_list.h: picture files that all become bytes of one shape, and their decoding, side by side
 * or in the background. */
#ifndef MG_IMAGE_LIST_H
#define MG_IMAGE_LIST_H

#include "base.h"

typedef struct mg_image_list {
  int refs;
  int64_t count;
  char **path;
  int64_t h, w; /* what each becomes, >= 1 */
  int channels; /* 1 grey, 3 colour */
  bool crop;    /* the centred part of that ratio of sides; else all of it, stretched */
  int64_t size; /* h * w * channels */
} mg_image_list;

/* A list with room for `count` paths, all still NULL; NULL with an error set. */
mg_image_list *mg_image_list_new(int64_t count, int64_t h, int64_t w, int channels, bool crop);
/* Set path i (not set before) to a copy; false with an error set. */
bool mg_image_list_set(mg_image_list *list, int64_t i, const char *path);
mg_image_list *mg_image_list_retain(mg_image_list *list);
void mg_image_list_release(mg_image_list *list); /* NULL-safe */

/* Pictures row[0 .. count - 1] of a list on their way to bytes. */
typedef struct mg_decoding mg_decoding;

/* They will be written to `out`, one behind the other, or where that is NULL to a block of the
 * decoding's own.  Retains the list, copies the rows.  NULL with an error set. */
mg_decoding *mg_decoding_new(mg_image_list *list, const int64_t *row, int64_t count, uint8_t *out);

/* Begin in a thread of its own.  Where none can be had nothing happens: finishing does the work. */
void mg_decoding_start(mg_decoding *d);

/* Wait until all are decoded, helping with all threads.  False with an error set where memory ran
 * out; a file that cannot be decoded is no error here but has a message. */
bool mg_decoding_finish(mg_decoding *d);

/* The same, but the first file that cannot be decoded is an error. */
bool mg_decoding_finish_all(mg_decoding *d);

/* After finishing: what is wrong with file i of the decoding, or NULL; and the bytes. */
const char *mg_decoding_message(const mg_decoding *d, int64_t i);
const uint8_t *mg_decoding_bytes(const mg_decoding *d);

/* Whether it is a decoding of just these rows of this list. */
bool mg_decoding_is(const mg_decoding *d, const mg_image_list *list, const int64_t *row, int64_t count);

/* NULL-safe; breaks off what is not finished. */
void mg_decoding_free(mg_decoding *d);

#endif

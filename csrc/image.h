/* image.h: pictures as bytes, and the way between them and tensors.
 *
 * Rows run from the top, pixels from the left, channels last: 1 is grey, 3 is red, green, blue. */
#ifndef MG_IMAGE_H
#define MG_IMAGE_H

#include "tensor.h"

/* The most pixels that are read from a file: beyond any picture that a network is trained on, below
 * what would exhaust a machine. */
#define MG_IMAGE_MAX_PIXELS ((int64_t)1 << 26)

typedef struct mg_image {
  int64_t h, w, c;
  uint8_t *bytes; /* h * w * c, a block for free() */
} mg_image;

/* Bytes to numbers: 0 becomes low, 255 becomes high, both exactly where the range is -1 to 1 or
 * 0 to 1. */
void mg_bytes_to_real(int64_t n, const uint8_t *in, real *out, double low, double high);

/* Numbers to bytes, the inverse: rounded to the nearest, clamped to 0 .. 255; NaN becomes 0. */
void mg_real_to_bytes(int64_t n, const real *in, uint8_t *out, double low, double high);

/* The picture of a tensor (H, W, C), C being 1 or 3, whose numbers low .. high are black .. white.
 * False with an error for any other shape, for an empty one, and where memory runs out. */
bool mg_image_from_tensor(const mg_tensor *t, double low, double high, mg_image *image);

/* A tensor (H, W, C) of a picture, a temporary; NULL on an error. */
mg_tensor *mg_image_to_tensor(const mg_image *image, double low, double high);

typedef struct mg_grid_options {
  int64_t columns;   /* pictures in a row, >= 1; fewer pictures than that make one short row */
  int64_t padding;   /* pixels between two pictures and around them all, >= 0 */
  int64_t scale;     /* each pixel becomes scale x scale, >= 1 */
  double background; /* of the padding and of places left empty, in the tensor's own numbers */
} mg_grid_options;

/* Lay N pictures (N, H, W, C) out in rows, the first at the top left: a tensor
 * (rows (scale H + padding) + padding, columns (scale W + padding) + padding, C). */
mg_tensor *mg_image_grid(const mg_tensor *images, const mg_grid_options *options);

#endif

/* conv_gather.h: rows of patches (im2col) for a tile of positions. */
#ifndef MG_CONV_GATHER_H
#define MG_CONV_GATHER_H

#include "base.h"

/* Positions (n, y, x) of a grid; each takes, for every tap, `channels` values from first_channel
 * on of pixel (y step_y + tap_y, x step_x + tap_x) of image n, or zeros outside the image. */
typedef struct mg_gather {
  const real *source; /* (n, height, width, stride) */
  int64_t height, width, pixel;
  int64_t grid_h, grid_w;
  int64_t step_y, step_x;
  int taps_y, taps_x;
  const int64_t *tap_y, *tap_x; /* every pair of them is a tap, tap_x running faster */
  int64_t first_channel, channels;
} mg_gather;

/* Fill `rows` rows, from position `first` on, of taps_y taps_x channels values each. */
void mg_gather_rows(const mg_gather *g, int64_t first, int64_t rows, real *out);

#endif

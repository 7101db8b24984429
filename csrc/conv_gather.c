#include "conv_gather.h"

#include <string.h>

/* One line of taps beside each other: a single run where they are neighbours. */
static real *gather_line(const mg_gather *g, const real *line, int64_t x0, real *out) {
  const size_t bytes = (size_t)g->channels * sizeof(real);
  const int last = g->taps_x - 1;
  int64_t left = x0 + g->tap_x[0], right = x0 + g->tap_x[last];
  if (g->channels == g->pixel && right - left == last && left >= 0 && right < g->width) {
    int64_t run = g->taps_x * g->channels;
    memcpy(out, line + left * g->pixel, (size_t)run * sizeof(real));
    return out + run;
  }
  for (int t = 0; t < g->taps_x; t++, out += g->channels) {
    int64_t x = x0 + g->tap_x[t];
    if (x >= 0 && x < g->width)
      memcpy(out, line + x * g->pixel + g->first_channel, bytes);
    else
      memset(out, 0, bytes);
  }
  return out;
}

void mg_gather_rows(const mg_gather *g, int64_t first, int64_t rows, real *out) {
  int64_t x = first % g->grid_w, y = first / g->grid_w % g->grid_h, n = first / (g->grid_w * g->grid_h);
  const int64_t line = g->width * g->pixel;
  for (int64_t r = 0; r < rows; r++) {
    const real *image = g->source + n * g->height * line;
    for (int t = 0; t < g->taps_y; t++) {
      int64_t from = y * g->step_y + g->tap_y[t];
      if (from >= 0 && from < g->height) {
        out = gather_line(g, image + from * line, x * g->step_x, out);
      } else {
        int64_t run = g->taps_x * g->channels;
        memset(out, 0, (size_t)run * sizeof(real));
        out += run;
      }
    }
    if (++x == g->grid_w) {
      x = 0;
      if (++y == g->grid_h) y = 0, n++;
    }
  }
}

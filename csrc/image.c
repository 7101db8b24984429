#include <stdlib.h>
#include <string.h>

#include "image.h"
#include "parallel.h"

void mg_bytes_to_real(int64_t n, const uint8_t *in, real *out, double low, double high) {
  /* Divided last: 255 span / 255 is span again, which span / 255 * 255 need not be. */
  const real base = (real)low, span = (real)(high - low);
  for (int64_t i = 0; i < n; i++) out[i] = base + span * (real)in[i] / (real)255;
}

typedef struct quantisation {
  const real *in;
  uint8_t *out;
  real low, factor;
} quantisation;

static void quantise(void *argument, int64_t begin, int64_t end) {
  const quantisation *q = argument;
  for (int64_t i = begin; i < end; i++) {
    real level = (q->in[i] - q->low) * q->factor + (real)0.5;
    level = level > 0 ? level : 0; /* not the other way round: NaN goes to 0 here */
    q->out[i] = (uint8_t)(level < 255 ? level : 255);
  }
}

void mg_real_to_bytes(int64_t n, const real *in, uint8_t *out, double low, double high) {
  quantisation q = {in, out, (real)low, (real)(255 / (high - low))};
  mg_parallel_ranges(n, MG_GRAIN, quantise, &q);
}

bool mg_image_from_tensor(const mg_tensor *t, double low, double high, mg_image *image) {
  if (t->ndim != 3 || t->numel == 0 || (t->shape[2] != 1 && t->shape[2] != 3)) {
    mg_fail("expected a picture (H, W, 1) or (H, W, 3), got %s", mg_tensor_text(t));
    return false;
  }
  *image = (mg_image){t->shape[0], t->shape[1], t->shape[2], malloc((size_t)t->numel)};
  if (!image->bytes) {
    mg_fail_memory((size_t)t->numel);
    return false;
  }
  mg_real_to_bytes(t->numel, t->data, image->bytes, low, high);
  return true;
}

mg_tensor *mg_image_to_tensor(const mg_image *image, double low, double high) {
  mg_tensor *t = mg_tensor_new(3, (int64_t[]){image->h, image->w, image->c});
  if (t) mg_bytes_to_real(t->numel, image->bytes, t->data, low, high);
  return t;
}

/* ---- grids --------------------------------------------------------------------------------- */

/* scale * size + padding, `count` times, + padding; false where that overflows. */
static bool grid_length(int64_t count, int64_t size, const mg_grid_options *options, int64_t *length) {
  return !__builtin_mul_overflow(size, options->scale, length) &&
         !__builtin_add_overflow(*length, options->padding, length) &&
         !__builtin_mul_overflow(*length, count, length) && !__builtin_add_overflow(*length, options->padding, length);
}

/* One row of pixels of a picture, each `scale` times. */
static void widen_row(const real *in, real *out, int64_t width, int64_t channels, int64_t scale) {
  for (int64_t x = 0; x < width; x++, in += channels) {
    for (int64_t s = 0; s < scale; s++, out += channels) memcpy(out, in, (size_t)channels * sizeof *out);
  }
}

mg_tensor *mg_image_grid(const mg_tensor *images, const mg_grid_options *options) {
  if (images->ndim != 4 || images->numel == 0) {
    return mg_fail("expected pictures (N, H, W, C), at least one, got %s", mg_tensor_text(images));
  }
  const int64_t n = images->shape[0], h = images->shape[1], w = images->shape[2], c = images->shape[3];
  const int64_t columns = MG_MIN(options->columns, n), scale = options->scale;
  int64_t shape[3] = {0, 0, c};
  if (!grid_length((n + columns - 1) / columns, h, options, &shape[0]) ||
      !grid_length(columns, w, options, &shape[1])) {
    return mg_fail("a grid of %lld pictures of this padding and scale is too large", (long long)n);
  }
  mg_tensor *grid = mg_tensor_full(3, shape, options->background);
  if (!grid) return NULL;
  const int64_t stride = shape[1] * c;
  for (int64_t i = 0; i < n; i++) {
    const int64_t top = i / columns * (scale * h + options->padding) + options->padding;
    const int64_t left = i % columns * (scale * w + options->padding) + options->padding;
    for (int64_t y = 0; y < h; y++) {
      real *out = grid->data + (top + y * scale) * stride + left * c;
      widen_row(images->data + (i * h + y) * w * c, out, w, c, scale);
      for (int64_t s = 1; s < scale; s++) memcpy(out + s * stride, out, (size_t)(w * scale * c) * sizeof *out);
    }
  }
  return grid;
}

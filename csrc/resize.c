#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "resize.h"

/* Along one side: output i is the sum of inputs first[i] .. first[i] + count[i] - 1, times weights. */
typedef struct filter {
  int64_t stride; /* between two outputs' weights: the largest count there can be */
  int64_t *first, *count;
  float *weight;
} filter;

static void free_filter(filter *f) {
  free(f->first);
  free(f->count);
  free(f->weight);
}

/* The weights of one output whose centre is at `centre`, and which reaches `support` to both sides. */
static void weigh(filter *f, int64_t i, int64_t size, double centre, double support) {
  const int64_t begin = (int64_t)MG_MAX(floor(centre - support + 0.5), 0);
  const int64_t end = MG_MIN((int64_t)floor(centre + support + 0.5), size);
  float *weight = f->weight + i * f->stride;
  double total = 0;
  f->first[i] = begin;
  f->count[i] = end - begin;
  for (int64_t k = begin; k < end; k++) total += MG_MAX(1 - fabs(((double)k + 0.5 - centre) / support), 0);
  for (int64_t k = begin; k < end; k++) {
    weight[k - begin] = (float)(MG_MAX(1 - fabs(((double)k + 0.5 - centre) / support), 0) / total);
  }
}

/* The filter that makes `outputs` of the part start .. start + length of a side of `size` pixels. */
static bool make_filter(filter *f, int64_t size, double start, double length, int64_t outputs) {
  const double scale = length / (double)outputs, support = MG_MAX(scale, 1);
  f->stride = 2 * (int64_t)ceil(support) + 1;
  f->first = malloc((size_t)outputs * sizeof *f->first);
  f->count = malloc((size_t)outputs * sizeof *f->count);
  f->weight = malloc((size_t)(outputs * f->stride) * sizeof *f->weight);
  if (!f->first || !f->count || !f->weight) {
    mg_fail_memory((size_t)(outputs * f->stride) * sizeof *f->weight);
    return false;
  }
  for (int64_t i = 0; i < outputs; i++) weigh(f, i, size, start + ((double)i + 0.5) * scale, support);
  return true;
}

static void add_row(int64_t n, float *restrict sum, const uint8_t *restrict row, float weight) {
  for (int64_t i = 0; i < n; i++) sum[i] += weight * (float)row[i];
}

/* One row of the result from the filtered row of the source. */
static void shrink_row(const filter *f, int64_t w, int64_t c, const float *row, uint8_t *out) {
  for (int64_t x = 0; x < w; x++, out += c) {
    const float *in = row + f->first[x] * c, *weight = f->weight + x * f->stride;
    for (int64_t k = 0; k < c; k++) {
      float sum = 0.5f;
      for (int64_t i = 0; i < f->count[x]; i++) sum += weight[i] * in[i * c + k];
      out[k] = (uint8_t)MG_MIN(sum, 255.0f);
    }
  }
}

/* Down the columns first: there the loop runs along the rows' bytes. */
static bool resample(const mg_image *image, const filter *rows, const filter *columns, int64_t h, int64_t w,
                     uint8_t *out) {
  const int64_t c = image->c, stride = image->w * c;
  const int64_t begin = columns->first[0] * c, end = (columns->first[w - 1] + columns->count[w - 1]) * c;
  float *sum = malloc((size_t)stride * sizeof *sum);
  if (!sum) {
    mg_fail_memory((size_t)stride * sizeof *sum);
    return false;
  }
  for (int64_t y = 0; y < h; y++) {
    memset(sum + begin, 0, (size_t)(end - begin) * sizeof *sum);
    for (int64_t i = 0; i < rows->count[y]; i++) {
      const uint8_t *row = image->bytes + (rows->first[y] + i) * stride;
      add_row(end - begin, sum + begin, row + begin, rows->weight[y * rows->stride + i]);
    }
    shrink_row(columns, w, c, sum, out + y * w * c);
  }
  free(sum);
  return true;
}

bool mg_image_resize(const mg_image *image, bool crop, int64_t h, int64_t w, uint8_t *out) {
  if (image->h == h && image->w == w) {
    memcpy(out, image->bytes, (size_t)(h * w * image->c));
    return true;
  }
  double height = (double)image->h, width = (double)image->w;
  if (crop) {
    height = MG_MIN(height, (double)(image->w * h) / (double)w);
    width = MG_MIN(width, (double)(image->h * w) / (double)h);
  }
  filter rows = {0}, columns = {0};
  const bool done = make_filter(&rows, image->h, ((double)image->h - height) / 2, height, h) &&
                    make_filter(&columns, image->w, ((double)image->w - width) / 2, width, w) &&
                    resample(image, &rows, &columns, h, w, out);
  free_filter(&rows);
  free_filter(&columns);
  return done;
}

#include <string.h>

#include "conv.h"
#include "conv_gather.h"
#include "conv_winograd.h"
#include "gemm.h"
#include "kernel.h"
#include "parallel.h"
#include "storage.h"

/* The transposed convolution.  Pixels of x whose coordinates leave the same remainder by the
 * stride (a phase) meet the same taps of the kernel: each phase is a plain convolution of y with
 * those taps, stride 1.  So every pixel is gathered, never scattered to. */

#define FEW_CHANNELS 16 /* below this, products are too narrow: see by_columns */

typedef struct phase {
  int64_t y, x;             /* the remainders */
  int64_t grid_h, grid_w;   /* pixels of the phase */
  int64_t rows, first_task; /* in all images */
  int taps_y, taps_x;
  int64_t tap_y[MG_MAX_KERNEL], tap_x[MG_MAX_KERNEL];       /* offsets into y */
  int64_t kernel_y[MG_MAX_KERNEL], kernel_x[MG_MAX_KERNEL]; /* and rows and columns of the kernel */
  int64_t tile;                                             /* pixels of a task */
  int64_t weight, group_size;                               /* where its packed weights begin; numbers of one group */
} phase;

typedef struct input_job {
  const mg_conv *conv;
  const real *source, *weight, *bias;
  real *x, *packed, *scratch;
  int64_t in, out;      /* channels of x and of y in one group */
  int64_t scratch_size; /* of one thread */
  phase *phases;
  int phase_count;
  int64_t tasks, packed_size; /* of all phases */
} input_job;

/* Taps that meet remainder r: those where r + padding - tap dilation is a multiple of the stride. */
static int find_taps(int64_t r, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation, int64_t *offset,
                     int64_t *index) {
  int count = 0;
  /* From the last tap on, so that offsets rise: neighbours in y are gathered as one run. */
  for (int64_t k = kernel - 1; k >= 0; k--) {
    int64_t reach = r + padding - k * dilation;
    if (reach % stride) continue;
    offset[count] = reach / stride;
    index[count++] = k;
  }
  return count;
}

static void plan_phases(input_job *job) {
  const mg_conv *v = job->conv;
  const mg_geometry *g = &v->geometry;
  for (int64_t py = 0; py < MG_MIN(g->stride[0], v->h); py++)
    for (int64_t px = 0; px < MG_MIN(g->stride[1], v->w); px++) {
      phase *p = &job->phases[job->phase_count++];
      p->y = py, p->x = px;
      p->grid_h = (v->h - py + g->stride[0] - 1) / g->stride[0];
      p->grid_w = (v->w - px + g->stride[1] - 1) / g->stride[1];
      p->taps_y = find_taps(py, v->kh, g->stride[0], g->padding[0], g->dilation[0], p->tap_y, p->kernel_y);
      p->taps_x = find_taps(px, v->kw, g->stride[1], g->padding[1], g->dilation[1], p->tap_x, p->kernel_x);
      p->rows = v->n * p->grid_h * p->grid_w;
      p->first_task = job->tasks;
      p->weight = job->packed_size;
      int64_t k = p->taps_y * p->taps_x * job->out;
      p->tile = mg_gemm_tile(k);
      p->group_size = mg_packed_size(job->in, k);
      job->packed_size += g->groups * p->group_size;
      job->tasks += (p->rows + p->tile - 1) / p->tile * g->groups;
      job->scratch_size = MG_MAX(job->scratch_size, p->tile * (k + job->in));
    }
}

static mg_packed packed_group(const input_job *job, const phase *p, int64_t group) {
  return (mg_packed){job->in, p->taps_y * p->taps_x * job->out, job->packed + p->weight + group * p->group_size};
}

/* The weights of one phase: (tap, o) by c, from (kernel, c, o). */
static void pack_task(void *argument, int64_t index) {
  const input_job *job = argument;
  const phase *p = &job->phases[index];
  int64_t o = job->conv->o;
  for (int64_t group = 0; group < job->conv->geometry.groups; group++) {
    mg_packed to = packed_group(job, p, group);
    for (int t = 0; t < p->taps_y * p->taps_x; t++) {
      int64_t tap = p->kernel_y[t / p->taps_x] * job->conv->kw + p->kernel_x[t % p->taps_x];
      mg_pack(&to, t * job->out, job->out, true, job->weight + tap * job->in * o + group * job->out, o);
    }
  }
}

/* The tile's rows go to pixels stride apart. */
static void place_rows(const input_job *job, const phase *p, int64_t first, int64_t rows, int64_t channel,
                       const real *from) {
  const mg_conv *v = job->conv;
  const mg_geometry *g = &v->geometry;
  int64_t x = first % p->grid_w, y = first / p->grid_w % p->grid_h, n = first / (p->grid_w * p->grid_h);
  for (int64_t r = 0; r < rows; r++, from += job->in) {
    int64_t pixel = (n * v->h + y * g->stride[0] + p->y) * v->w + x * g->stride[1] + p->x;
    real *to = job->x + pixel * v->c + channel;
    if (job->bias)
      mg_kernel->add(job->in, from, 1, job->bias + channel, 1, to, 0, 0);
    else
      memcpy(to, from, (size_t)job->in * sizeof(real));
    if (++x == p->grid_w) {
      x = 0;
      if (++y == p->grid_h) y = 0, n++;
    }
  }
}

static void input_task(void *argument, int64_t index) {
  const input_job *job = argument;
  const mg_conv *v = job->conv;
  int i = job->phase_count - 1;
  while (job->phases[i].first_task > index) i--;
  const phase *p = &job->phases[i];
  int64_t groups = v->geometry.groups, task = index - p->first_task, group = task % groups;
  int64_t first = task / groups * p->tile, rows = MG_MIN(p->tile, p->rows - first);
  mg_packed weight = packed_group(job, p, group);
  real *patches = job->scratch + mg_worker() * job->scratch_size, *result = patches + p->tile * weight.k;
  mg_gather gather = {job->source, v->oh,     v->ow,     v->o,     p->grid_h, p->grid_w,        1,
                      1,           p->taps_y, p->taps_x, p->tap_y, p->tap_x,  group * job->out, job->out};
  if (weight.k) mg_gather_rows(&gather, first, rows, patches);
  mg_gemm_packed(rows, patches, weight.k, &weight, NULL, false, result, job->in);
  place_rows(job, p, first, rows, group * job->in, result);
}

static bool by_phases(const mg_conv *v, const real *y, const real *weight, const real *bias, real *x) {
  const mg_geometry *g = &v->geometry;
  input_job job = {.conv = v, .source = y, .weight = weight, .bias = bias, .x = x};
  job.in = v->c / g->groups;
  job.out = v->o / g->groups;
  size_t phase_bytes, packed_bytes = 0, scratch_bytes = 0;
  int64_t phases = MG_MIN(g->stride[0], v->h) * MG_MIN(g->stride[1], v->w);
  job.phases = mg_scratch_get((size_t)phases * sizeof(phase), &phase_bytes);
  if (!job.phases) return false;
  plan_phases(&job);
  job.packed = mg_scratch_get((size_t)job.packed_size * sizeof(real), &packed_bytes);
  if (job.packed)
    job.scratch = mg_scratch_get((size_t)(mg_threads() * job.scratch_size) * sizeof(real), &scratch_bytes);
  bool fine = job.packed && job.scratch;
  if (fine) {
    mg_parallel(job.phase_count, pack_task, &job);
    mg_parallel(job.tasks, input_task, &job);
  }
  mg_scratch_put(job.scratch, scratch_bytes);
  mg_scratch_put(job.packed, packed_bytes);
  mg_scratch_put(job.phases, phase_bytes);
  return fine;
}

/* ---- few channels -------------------------------------------------------------------------- */

/* Where x has few channels its pixels make narrow products; all taps together make wide ones.  An
 * image is a task: a product gives every position's taps, which are then added into the image. */

/* to[i to_step + t] += from[i from_step + t] for i < count and t < run. */
static inline __attribute__((always_inline)) void add_each(int64_t count, int64_t run, const real *from,
                                                           int64_t from_step, real *to, int64_t to_step) {
  for (int64_t i = 0; i < count; i++, from += from_step, to += to_step)
    for (int64_t t = 0; t < run; t++) to[t] += from[t];
}

/* The same; compiled for the runs that stride 2 has with one to three channels. */
static void add_runs(int64_t count, int64_t run, const real *from, int64_t from_step, real *to, int64_t to_step) {
  if (run == 2)
    add_each(count, 2, from, from_step, to, to_step);
  else if (run == 4)
    add_each(count, 4, from, from_step, to, to_step);
  else if (run == 6)
    add_each(count, 6, from, from_step, to, to_step);
  else
    add_each(count, run, from, from_step, to, to_step);
}

/* Add taps j to j + taps - 1 of a row of positions, neighbours of each other, to a row of pixels; `from` is the first
 * position's tap j. */
static void add_row_taps(const mg_conv *v, int64_t j, int64_t taps, const real *from, int64_t k, real *row) {
  const mg_geometry *g = &v->geometry;
  /* Position p meets pixels from p s + offset on. */
  int64_t s = g->stride[1], offset = j * g->dilation[1] - g->padding[1];
  for (int64_t p = 0; p < v->ow;) {
    int64_t x = p * s + offset, skip = MG_MAX(-x, 0), end = MG_MIN(taps, v->w - x), count = 1;
    if (skip == 0 && end == taps) count = MG_MIN((v->w - taps - x) / s + 1, v->ow - p); /* all taps inside */
    if (skip < end)
      add_runs(count, (end - skip) * v->c, from + p * k + skip * v->c, k, row + (x + skip) * v->c, s * v->c);
    p += count;
  }
}

/* A row of positions' taps overlap in the pixels; those of one tap, or of as many as the stride, do not.  From the last
 * taps on, so that each pixel's sum goes from left to right, whatever the stride. */
static void add_row(const mg_conv *v, const real *from, int64_t k, real *row) {
  int64_t most = v->geometry.dilation[1] == 1 ? v->geometry.stride[1] : 1;
  for (int64_t end = v->kw, taps; end > 0; end -= taps) {
    taps = MG_MIN(most, end);
    add_row_taps(v, end - taps, taps, from + (end - taps) * v->c, k, row);
  }
}

static void column_task(void *argument, int64_t n) {
  const input_job *job = argument;
  const mg_conv *v = job->conv;
  const mg_geometry *g = &v->geometry;
  int64_t k = v->kh * v->kw * v->c, positions = v->oh * v->ow;
  real *columns = job->scratch + mg_worker() * job->scratch_size, *image = job->x + n * v->h * v->w * v->c;
  mg_gemm_packed(positions, job->source + n * positions * v->o, v->o, &(mg_packed){k, v->o, job->packed}, NULL, false,
                 columns, k);
  for (int64_t i = 0; i < v->h * v->w; i++)
    for (int64_t c = 0; c < v->c; c++) image[i * v->c + c] = job->bias ? job->bias[c] : 0;
  for (int64_t p = 0; p < v->oh; p++)
    for (int64_t i = 0; i < v->kh; i++) {
      int64_t y = p * g->stride[0] - g->padding[0] + i * g->dilation[0];
      if (y >= 0 && y < v->h) add_row(v, columns + p * v->ow * k + i * v->kw * v->c, k, image + y * v->w * v->c);
    }
}

static bool by_columns(const mg_conv *v, const real *y, const real *weight, const real *bias, real *x) {
  input_job job = {.conv = v, .source = y, .weight = weight, .bias = bias, .x = x};
  size_t bytes;
  int64_t k = v->kh * v->kw * v->c;
  job.scratch_size = v->oh * v->ow * k;
  job.packed_size = mg_packed_size(k, v->o);
  job.scratch = mg_scratch_get((size_t)(mg_threads() * job.scratch_size + job.packed_size) * sizeof(real), &bytes);
  if (!job.scratch) return false;
  job.packed = job.scratch + mg_threads() * job.scratch_size;
  mg_pack(&(mg_packed){k, v->o, job.packed}, 0, v->o, true, weight, v->o);
  mg_parallel(v->n, column_task, &job);
  mg_scratch_put(job.scratch, bytes);
  return true;
}

bool mg_conv_input(const mg_conv *v, const real *y, const real *weight, const real *bias, real *x) {
  if (mg_conv_is_dense(v) && !bias) {
    int64_t k = v->kh * v->kw * v->c;
    return mg_gemm(&(mg_product){false, true, v->n, k, v->o, y, weight, v->o, v->o, .c = x, .ldc = k});
  }
  const mg_winograd *f = mg_conv_winograd(v);
  if (f) return mg_winograd_input(v, f, y, weight, bias, x);
  if (v->c < FEW_CHANNELS && v->geometry.groups == 1) return by_columns(v, y, weight, bias, x);
  return by_phases(v, y, weight, bias, x);
}

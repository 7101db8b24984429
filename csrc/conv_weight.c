#include <string.h>

#include "conv.h"
#include "conv_gather.h"
#include "conv_winograd.h"
#include "gemm.h"
#include "kernel.h"
#include "parallel.h"
#include "storage.h"

/* The weight's gradient sums over every position of every image.  That sum is never cut by
 * thread: either each task owns part of the weight, or a fixed number of blocks of positions is
 * summed apart and then added up in order. */

#define TILE 512
#define BLOCKS 16       /* of positions, where the weight is small */
#define FEW_CHANNELS 16 /* a weight with fewer is small */

typedef struct weight_job {
  const mg_conv *conv;
  const real *x, *y;
  real *weight, *scratch;
  int64_t scratch_size, rows;
  int64_t in, out;       /* channels in one group */
  int64_t block, blocks; /* channels of x a task takes; positions a block has */
  int64_t tap_y[MG_MAX_KERNEL], tap_x[MG_MAX_KERNEL];
} weight_job;

static mg_gather gather_of(const weight_job *job) {
  const mg_conv *v = job->conv;
  const mg_geometry *g = &v->geometry;
  return (mg_gather){job->x,       v->h,       v->w,       v->c,       v->oh,      v->ow, g->stride[0],
                     g->stride[1], (int)v->kh, (int)v->kw, job->tap_y, job->tap_x, 0,     v->c};
}

/* ---- each task owns one tap and some channels ---------------------------------------------- */

static void tap_task(void *argument, int64_t index) {
  const weight_job *job = argument;
  const mg_conv *v = job->conv;
  int64_t blocks = (job->in + job->block - 1) / job->block;
  int64_t first_channel = index % blocks * job->block, group = index / blocks % v->geometry.groups;
  int64_t tap = index / blocks / v->geometry.groups, channels = MG_MIN(job->block, job->in - first_channel);
  mg_gather gather = gather_of(job);
  gather.taps_y = gather.taps_x = 1;
  gather.tap_y = &job->tap_y[tap / v->kw];
  gather.tap_x = &job->tap_x[tap % v->kw];
  gather.first_channel = group * job->in + first_channel;
  gather.channels = channels;
  real *patches = job->scratch + mg_worker() * job->scratch_size;
  real *weight = job->weight + (tap * job->in + first_channel) * v->o + group * job->out;
  for (int64_t first = 0; first < job->rows; first += TILE) {
    int64_t rows = MG_MIN(TILE, job->rows - first);
    mg_gather_rows(&gather, first, rows, patches);
    mg_gemm_transposed(channels, job->out, rows, patches, channels, job->y + first * v->o + group * job->out, v->o,
                       first > 0, weight, v->o, patches + TILE * job->block);
  }
}

static bool by_taps(weight_job *job) {
  const mg_conv *v = job->conv;
  int64_t taps = v->kh * v->kw, groups = v->geometry.groups;
  /* Some sixteen tasks, of no fewer than 32 channels. */
  job->block = job->in;
  while (job->block >= 64 && taps * groups * ((job->in + job->block - 1) / job->block) < 16)
    job->block = (job->block + 1) / 2;
  job->scratch_size = TILE * job->block + mg_gemm_scratch(TILE);
  size_t bytes;
  job->scratch = mg_scratch_get((size_t)(mg_threads() * job->scratch_size) * sizeof(real), &bytes);
  if (!job->scratch) return false;
  mg_parallel(taps * groups * ((job->in + job->block - 1) / job->block), tap_task, job);
  mg_scratch_put(job->scratch, bytes);
  return true;
}

/* ---- blocks of positions, each with a weight of its own ------------------------------------- */

static void block_task(void *argument, int64_t index) {
  const weight_job *job = argument;
  const mg_conv *v = job->conv;
  int64_t k = v->kh * v->kw * v->c, begin = index * job->block, end = MG_MIN(begin + job->block, job->rows);
  mg_gather gather = gather_of(job);
  real *weight = job->weight + index * k * v->o, *patches = job->scratch + mg_worker() * job->scratch_size;
  for (int64_t first = begin; first < end; first += TILE) {
    int64_t rows = MG_MIN(TILE, end - first);
    mg_gather_rows(&gather, first, rows, patches);
    mg_gemm_transposed(k, v->o, rows, patches, k, job->y + first * v->o, v->o, first > begin, weight, v->o,
                       patches + TILE * k);
  }
}

static bool by_blocks(weight_job *job) {
  const mg_conv *v = job->conv;
  int64_t k = v->kh * v->kw * v->c, size = k * v->o;
  job->block = MG_MAX((job->rows + BLOCKS - 1) / BLOCKS, TILE);
  job->blocks = (job->rows + job->block - 1) / job->block;
  job->scratch_size = TILE * k + mg_gemm_scratch(TILE);
  size_t bytes;
  real *total = job->weight;
  job->scratch = mg_scratch_get((size_t)(mg_threads() * job->scratch_size + job->blocks * size) * sizeof(real), &bytes);
  if (!job->scratch) return false;
  job->weight = job->scratch + mg_threads() * job->scratch_size;
  mg_parallel(job->blocks, block_task, job);
  memcpy(total, job->weight, (size_t)size * sizeof(real));
  for (int64_t b = 1; b < job->blocks; b++) mg_kernel->accumulate(size, job->weight + b * size, total);
  mg_scratch_put(job->scratch, bytes);
  return true;
}

bool mg_conv_weight(const mg_conv *v, const real *x, const real *y, real *weight) {
  const mg_geometry *g = &v->geometry;
  weight_job job = {.conv = v, .x = x, .y = y, .weight = weight, .rows = v->n * v->oh * v->ow};
  job.in = v->c / g->groups;
  job.out = v->o / g->groups;
  for (int64_t i = 0; i < v->kh; i++) job.tap_y[i] = i * g->dilation[0] - g->padding[0];
  for (int64_t i = 0; i < v->kw; i++) job.tap_x[i] = i * g->dilation[1] - g->padding[1];
  if (job.rows == 0) {
    memset(weight, 0, (size_t)(v->kh * v->kw * job.in * v->o) * sizeof(real));
    return true;
  }
  if (mg_conv_is_dense(v)) {
    int64_t k = v->kh * v->kw * v->c;
    return mg_gemm(&(mg_product){true, false, k, v->o, v->n, x, y, k, v->o, .c = weight, .ldc = v->o});
  }
  const mg_winograd *f = mg_conv_winograd(v);
  if (f) return mg_winograd_weight(v, f, x, y, weight);
  return v->c < FEW_CHANNELS && g->groups == 1 ? by_blocks(&job) : by_taps(&job);
}

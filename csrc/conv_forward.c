#include <string.h>

#include "conv.h"
#include "conv_gather.h"
#include "gemm.h"
#include "parallel.h"
#include "storage.h"

#define TILE 256 /* positions a task gathers at a time */

int64_t mg_conv_size(int64_t size, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation) {
  int64_t room = size + 2 * padding - dilation * (kernel - 1) - 1;
  return room < 0 ? 0 : room / stride + 1;
}

bool mg_conv_is_dense(const mg_conv *v) {
  const mg_geometry *g = &v->geometry;
  return v->oh == 1 && v->ow == 1 && v->kh == v->h && v->kw == v->w && g->padding[0] == 0 && g->padding[1] == 0 &&
         g->dilation[0] == 1 && g->dilation[1] == 1 && g->groups == 1;
}

typedef struct forward_job {
  const mg_conv *conv;
  mg_gather gather;
  const real *weight, *bias;
  real *y, *patches;
  int64_t rows, k, groups; /* positions in all; values a patch has in one group */
  int64_t tap_y[MG_MAX_KERNEL], tap_x[MG_MAX_KERNEL];
} forward_job;

static void forward_task(void *argument, int64_t index) {
  const forward_job *job = argument;
  const mg_conv *v = job->conv;
  int64_t group = index % job->groups, first = index / job->groups * TILE, rows = MG_MIN(TILE, job->rows - first);
  int64_t out = v->o / job->groups;
  mg_gather gather = job->gather;
  gather.first_channel = group * gather.channels;
  real *patches = job->patches + mg_worker() * TILE * job->k;
  real *y = job->y + first * v->o + group * out;
  mg_gather_rows(&gather, first, rows, patches);
  for (int64_t r = 0; job->bias && r < rows; r++)
    memcpy(y + r * v->o, job->bias + group * out, (size_t)out * sizeof(real));
  mg_gemm_serial(false, false, rows, out, job->k, patches, job->k, job->weight + group * out, v->o, job->bias ? 1 : 0,
                 y, v->o);
}

static bool forward_tiles(const mg_conv *v, const real *x, const real *weight, const real *bias, real *y) {
  const mg_geometry *g = &v->geometry;
  forward_job job = {.conv = v, .weight = weight, .bias = bias, .y = y, .rows = v->n * v->oh * v->ow};
  for (int64_t i = 0; i < v->kh; i++) job.tap_y[i] = i * g->dilation[0] - g->padding[0];
  for (int64_t i = 0; i < v->kw; i++) job.tap_x[i] = i * g->dilation[1] - g->padding[1];
  job.groups = g->groups;
  job.k = v->kh * v->kw * v->c / g->groups;
  job.gather =
      (mg_gather){x,          v->h,       v->w,      v->c,      v->oh, v->ow,           g->stride[0], g->stride[1],
                  (int)v->kh, (int)v->kw, job.tap_y, job.tap_x, 0,     v->c / g->groups};
  size_t capacity;
  job.patches = mg_scratch_get((size_t)(mg_threads() * TILE * job.k) * sizeof(real), &capacity);
  if (!job.patches) return false;
  mg_parallel((job.rows + TILE - 1) / TILE * job.groups, forward_task, &job);
  mg_scratch_put(job.patches, capacity);
  return true;
}

bool mg_conv_forward(const mg_conv *v, const real *x, const real *weight, const real *bias, real *y) {
  if (!mg_conv_is_dense(v)) return forward_tiles(v, x, weight, bias, y);
  int64_t k = v->kh * v->kw * v->c;
  return mg_gemm(&(mg_product){
      .m = v->n, .n = v->o, .k = k, .a = x, .lda = k, .b = weight, .ldb = v->o, .bias = bias, .c = y, .ldc = v->o});
}

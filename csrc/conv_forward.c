#include <string.h>

#include "conv.h"
#include "conv_gather.h"
#include "conv_winograd.h"
#include "gemm.h"
#include "parallel.h"
#include "storage.h"

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
  real *y, *patches, *panels; /* panels: the weight, packed group by group */
  int64_t rows, k, groups;    /* positions in all; values a patch has in one group */
  int64_t tile, group_size;   /* positions a task gathers; numbers in a group's panels */
  int64_t tap_y[MG_MAX_KERNEL], tap_x[MG_MAX_KERNEL];
} forward_job;

static mg_packed packed_group(const forward_job *job, int64_t group) {
  return (mg_packed){job->conv->o / job->groups, job->k, job->panels + group * job->group_size};
}

/* One row of taps of one group's weights. */
static void pack_task(void *argument, int64_t index) {
  const forward_job *job = argument;
  const mg_conv *v = job->conv;
  mg_packed to = packed_group(job, index % job->groups);
  int64_t count = job->k / v->kh, first = index / job->groups * count;
  mg_pack(&to, first, count, false, job->weight + first * v->o + index % job->groups * to.n, v->o);
}

static void forward_task(void *argument, int64_t index) {
  const forward_job *job = argument;
  const mg_conv *v = job->conv;
  int64_t group = index % job->groups, first = index / job->groups * job->tile;
  int64_t rows = MG_MIN(job->tile, job->rows - first);
  mg_packed weight = packed_group(job, group);
  mg_gather gather = job->gather;
  gather.first_channel = group * gather.channels;
  real *patches = job->patches + mg_worker() * job->tile * job->k;
  mg_gather_rows(&gather, first, rows, patches);
  mg_gemm_packed(rows, patches, job->k, &weight, job->bias ? job->bias + group * weight.n : NULL, false,
                 job->y + first * v->o + group * weight.n, v->o);
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
  job.tile = mg_gemm_tile(job.k);
  job.group_size = mg_packed_size(v->o / g->groups, job.k);
  size_t capacity;
  job.patches =
      mg_scratch_get((size_t)(mg_threads() * job.tile * job.k + job.groups * job.group_size) * sizeof(real), &capacity);
  if (!job.patches) return false;
  job.panels = job.patches + mg_threads() * job.tile * job.k;
  mg_parallel(v->kh * job.groups, pack_task, &job);
  mg_parallel((job.rows + job.tile - 1) / job.tile * job.groups, forward_task, &job);
  mg_scratch_put(job.patches, capacity);
  return true;
}

bool mg_conv_forward(const mg_conv *v, const real *x, const real *weight, const real *bias, real *y) {
  const mg_winograd *f = mg_conv_winograd(v);
  if (f) return mg_winograd_forward(v, f, x, weight, bias, y);
  if (!mg_conv_is_dense(v)) return forward_tiles(v, x, weight, bias, y);
  int64_t k = v->kh * v->kw * v->c;
  return mg_gemm(&(mg_product){
      .m = v->n, .n = v->o, .k = k, .a = x, .lda = k, .b = weight, .ldb = v->o, .bias = bias, .c = y, .ldc = v->o});
}

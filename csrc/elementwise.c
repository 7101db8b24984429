#include "elementwise.h"

#include <string.h>

#include "parallel.h"
#include "profile.h"

typedef struct unary_job {
  mg_unary_kernel *kernel;
  const real *x;
  real *y;
  real p, q;
} unary_job;

static void unary_range(void *argument, int64_t begin, int64_t end) {
  const unary_job *job = argument;
  job->kernel(end - begin, job->x + begin, job->y + begin, job->p, job->q);
}

void mg_run_unary(mg_unary_kernel *kernel, const mg_tensor *x, mg_tensor *y, double p, double q) {
  unary_job job = {kernel, x->data, y->data, (real)p, (real)q};
  mg_parallel_ranges(y->numel, MG_GRAIN, unary_range, &job);
}

/* Broadcasting as loops: `outer` dimensions around one run of `inner` elements, over which each
 * operand steps by 0 or 1. */
typedef struct binary_job {
  mg_binary_kernel *kernel;
  const real *a, *b;
  real *y;
  real p, q;
  int64_t inner, step_a, step_b;
  int outer;
  int64_t size[MG_MAX_DIM], stride_a[MG_MAX_DIM], stride_b[MG_MAX_DIM];
} binary_job;

static void strides_of(const mg_tensor *t, const mg_tensor *y, int64_t *stride) {
  int64_t step = 1;
  for (int i = 1; i <= y->ndim; i++) {
    int64_t size = i <= t->ndim ? t->shape[t->ndim - i] : 1;
    stride[y->ndim - i] = size == 1 ? 0 : step;
    step *= size;
  }
}

/* Merge neighbouring dimensions that both operands cross as one. */
static void plan(binary_job *job, const mg_tensor *a, const mg_tensor *b, const mg_tensor *y) {
  int64_t stride_a[MG_MAX_DIM], stride_b[MG_MAX_DIM];
  strides_of(a, y, stride_a);
  strides_of(b, y, stride_b);
  int n = 0;
  for (int i = 0; i < y->ndim; i++) {
    int64_t size = y->shape[i];
    if (size == 1) continue;
    if (n > 0 && job->stride_a[n - 1] == stride_a[i] * size && job->stride_b[n - 1] == stride_b[i] * size) {
      job->size[n - 1] *= size;
      job->stride_a[n - 1] = stride_a[i];
      job->stride_b[n - 1] = stride_b[i];
    } else {
      job->size[n] = size;
      job->stride_a[n] = stride_a[i];
      job->stride_b[n++] = stride_b[i];
    }
  }
  job->inner = 1;
  if (n > 0) {
    n--;
    job->inner = job->size[n];
    job->step_a = job->stride_a[n];
    job->step_b = job->stride_b[n];
  }
  job->outer = n;
}

static void binary_run(void *argument, int64_t begin, int64_t end) {
  const binary_job *job = argument;
  job->kernel(end - begin, job->a + begin * job->step_a, job->step_a, job->b + begin * job->step_b, job->step_b,
              job->y + begin, job->p, job->q);
}

static void binary_rows(void *argument, int64_t begin, int64_t end) {
  const binary_job *job = argument;
  int64_t index[MG_MAX_DIM], rest = begin;
  const real *a = job->a, *b = job->b;
  for (int d = job->outer - 1; d >= 0; d--) {
    index[d] = rest % job->size[d];
    rest /= job->size[d];
    a += index[d] * job->stride_a[d];
    b += index[d] * job->stride_b[d];
  }
  for (int64_t row = begin; row < end; row++) {
    job->kernel(job->inner, a, job->step_a, b, job->step_b, job->y + row * job->inner, job->p, job->q);
    for (int d = job->outer - 1; d >= 0; d--) {
      a += job->stride_a[d];
      b += job->stride_b[d];
      if (++index[d] < job->size[d]) break;
      a -= index[d] * job->stride_a[d];
      b -= index[d] * job->stride_b[d];
      index[d] = 0;
    }
  }
}

void mg_run_binary(mg_binary_kernel *kernel, const mg_tensor *a, const mg_tensor *b, mg_tensor *y, double p, double q) {
  if (y->numel == 0) return;
  binary_job job = {.kernel = kernel, .a = a->data, .b = b->data, .y = y->data, .p = (real)p, .q = (real)q};
  plan(&job, a, b, y);
  if (job.outer == 0)
    mg_parallel_ranges(job.inner, MG_GRAIN, binary_run, &job);
  else
    mg_parallel_ranges(y->numel / job.inner, MG_MAX(MG_GRAIN / job.inner, 1), binary_rows, &job);
}

typedef struct copy_job {
  const real *x;
  real *y;
} copy_job;

static void accumulate_range(void *argument, int64_t begin, int64_t end) {
  const copy_job *job = argument;
  mg_kernel->accumulate(end - begin, job->x + begin, job->y + begin);
}

static void copy_range(void *argument, int64_t begin, int64_t end) {
  const copy_job *job = argument;
  memmove(job->y + begin, job->x + begin, (size_t)(end - begin) * sizeof(real));
}

void mg_accumulate(mg_tensor *y, const mg_tensor *x) {
  copy_job job = {x->data, y->data};
  mg_profile_mark mark = mg_profile_begin();
  mg_parallel_ranges(y->numel, MG_GRAIN, accumulate_range, &job);
  mg_profile_end(mark, "accumulate", 0, 3.0 * (double)y->numel * sizeof(real));
}

void mg_copy_into(mg_tensor *y, const mg_tensor *x) {
  copy_job job = {x->data, y->data};
  mg_profile_mark mark = mg_profile_begin();
  mg_parallel_ranges(y->numel, 4 * MG_GRAIN, copy_range, &job);
  mg_profile_end(mark, "copy", 0, 2.0 * (double)y->numel * sizeof(real));
}

mg_tensor *mg_copy(const mg_tensor *x) {
  mg_tensor *y = mg_tensor_like(x);
  if (y) mg_copy_into(y, x);
  return y;
}

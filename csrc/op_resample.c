/* Linear interpolation along one dimension, and its transpose. */
#include <string.h>

#include "kernel.h"
#include "op_rows.h"
#include "parallel.h"

typedef struct resample_job {
  int64_t outer, from, to, inner; /* sizes along the dimension */
  const real *x;
  real *y;
  bool transposed; /* x has `to` positions, y `from` */
} resample_job;

/* Position j of `to` lies between two of `from`: centres of pixels, edges repeated (PyTorch's
 * align_corners = false). */
static void neighbours(const resample_job *job, int64_t j, int64_t *a, int64_t *b, real *share_b) {
  double at = ((double)j + 0.5) * (double)job->from / (double)job->to - 0.5;
  at = at < 0 ? 0 : at;
  *a = MG_MIN((int64_t)at, job->from - 1);
  *b = MG_MIN(*a + 1, job->from - 1);
  *share_b = (real)(at - (double)*a);
}

static void resample_slabs(void *argument, int64_t begin, int64_t end) {
  const resample_job *job = argument;
  int64_t a, b, inner = job->inner;
  real share;
  for (int64_t o = begin; o < end; o++) {
    const real *x = job->x + o * (job->transposed ? job->to : job->from) * inner;
    real *y = job->y + o * (job->transposed ? job->from : job->to) * inner;
    memset(y, 0, (size_t)((job->transposed ? job->from : job->to) * inner) * sizeof(real));
    for (int64_t j = 0; j < job->to; j++) {
      neighbours(job, j, &a, &b, &share);
      mg_kernel->axpy(inner, 1 - share, x + (job->transposed ? j : a) * inner, y + (job->transposed ? a : j) * inner);
      mg_kernel->axpy(inner, share, x + (job->transposed ? j : b) * inner, y + (job->transposed ? b : j) * inner);
    }
  }
}

static bool shape_resized(const mg_call *call, mg_shape *result) {
  int64_t dim = call->attrs->integer[0], size = call->attrs->integer[1];
  mg_shape_same(call, result);
  if (dim < 0 || dim >= result->ndim || result->size[dim] < 1 || size < 1)
    return mg_fail("expected sizes of at least 1, got %s to %lld", mg_tensor_text(call->in[0]), (long long)size), false;
  result->size[dim] = size;
  return true;
}

static bool run(mg_call *call, bool transposed) {
  const mg_tensor *x = call->in[0];
  int64_t dim = call->attrs->integer[0], size = call->attrs->integer[1];
  resample_job job = {
      1, transposed ? size : x->shape[dim], transposed ? x->shape[dim] : size, 1, x->data, call->out->data, transposed};
  for (int64_t i = 0; i < dim; i++) job.outer *= x->shape[i];
  for (int64_t i = dim + 1; i < x->ndim; i++) job.inner *= x->shape[i];
  mg_parallel_ranges(job.outer, MG_MAX(MG_GRAIN / MG_MAX(job.to * job.inner, 1), 1), resample_slabs, &job);
  return true;
}

static mg_tensor *apply(mg_op_id id, mg_tensor *x, int64_t dim, int64_t size) {
  mg_attrs attrs = {.integer = {dim, size}};
  return mg_apply(id, &x, 1, &attrs);
}

bool mg_shape_resample(const mg_call *call, mg_shape *result) { return shape_resized(call, result); }
bool mg_forward_resample(mg_call *call) { return run(call, false); }
mg_tensor *mg_resample(mg_tensor *x, int dim, int64_t size) { return apply(MG_OP_resample, x, dim, size); }

void mg_vjp_resample(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  int64_t dim = node->attrs.integer[0];
  gradient[0] = apply(MG_OP_resample_input, g, dim, node->edge[0].shape.size[dim]);
}

bool mg_shape_resample_input(const mg_call *call, mg_shape *result) { return shape_resized(call, result); }
bool mg_forward_resample_input(mg_call *call) { return run(call, true); }

void mg_vjp_resample_input(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  int64_t dim = node->attrs.integer[0];
  gradient[0] = apply(MG_OP_resample, g, dim, node->edge[0].shape.size[dim]);
}

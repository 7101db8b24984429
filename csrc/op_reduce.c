/* Sums, means and extremes. */
#include <string.h>

#include "elementwise.h"
#include "op_rows.h"
#include "parallel.h"
#include "reduce.h"

/* Dimension -1 is all of them. */
typedef struct extent {
  int64_t outer, size, inner;
} extent;

static extent extent_of(const mg_tensor *x, int64_t dim) {
  if (dim < 0) return (extent){1, x->numel, 1};
  extent e = {1, x->shape[dim], 1};
  for (int64_t i = 0; i < dim; i++) e.outer *= x->shape[i];
  for (int64_t i = dim + 1; i < x->ndim; i++) e.inner *= x->shape[i];
  return e;
}

bool mg_shape_reduce(const mg_call *call, mg_shape *result) {
  const mg_tensor *x = call->in[0];
  int64_t dim = call->attrs->integer[0], keepdim = call->attrs->integer[1];
  if (dim < -1 || dim >= MG_MAX(x->ndim, 1)) return mg_fail("expected a dimension of %s", mg_tensor_text(x)), false;
  result->ndim = 0;
  for (int i = 0; i < x->ndim; i++) {
    if (dim >= 0 && i != dim)
      result->size[result->ndim++] = x->shape[i];
    else if (keepdim)
      result->size[result->ndim++] = 1;
  }
  return true;
}

/* g, without the reduced dimension or with it as 1, repeated to the input's shape. */
static mg_tensor *unreduce(mg_node *node, mg_tensor *g) {
  const mg_shape *shape = &node->edge[0].shape;
  int64_t dim = node->attrs.integer[0], kept[MG_MAX_DIM];
  for (int i = 0; i < shape->ndim; i++) kept[i] = dim < 0 || i == dim ? 1 : shape->size[i];
  return mg_expand(mg_reshape(g, shape->ndim, kept), shape->ndim, shape->size);
}

static mg_tensor *apply_reduce(mg_op_id id, mg_tensor *x, int dim, bool keepdim) {
  mg_attrs attrs = {.integer = {dim, keepdim}};
  return mg_apply(id, &x, 1, &attrs);
}

/* ---- sum, mean ----------------------------------------------------------------------------- */

bool mg_forward_sum(mg_call *call) {
  const mg_tensor *x = call->in[0];
  /* A 0-dimensional tensor is its own only dimension. */
  extent e = extent_of(x, x->ndim ? call->attrs->integer[0] : -1);
  return mg_reduce_sum(x->data, e.outer, e.size, e.inner, call->out->data);
}

mg_tensor *mg_sum(mg_tensor *x, int dim, bool keepdim) { return apply_reduce(MG_OP_sum, x, dim, keepdim); }

void mg_vjp_sum(mg_node *node, mg_tensor *g, mg_tensor **gradient) { gradient[0] = unreduce(node, g); }

bool mg_forward_mean(mg_call *call) {
  if (!mg_forward_sum(call)) return false;
  double count = (double)call->in[0]->numel / (double)MG_MAX(call->out->numel, 1);
  mg_run_unary(mg_kernel->affine, call->out, call->out, 1 / count, 0);
  return true;
}

mg_tensor *mg_mean(mg_tensor *x, int dim, bool keepdim) { return apply_reduce(MG_OP_mean, x, dim, keepdim); }

void mg_vjp_mean(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  const mg_shape *shape = &node->edge[0].shape;
  double count = 1;
  for (int i = 0; i < shape->ndim; i++)
    if (node->attrs.integer[0] < 0 || node->attrs.integer[0] == i) count *= (double)shape->size[i];
  gradient[0] = unreduce(node, mg_affine(g, 1 / count, 0));
}

/* ---- sum_to -------------------------------------------------------------------------------- */

bool mg_shape_sum_to(const mg_call *call, mg_shape *result) {
  const mg_tensor *x = call->in[0];
  const mg_attrs *to = call->attrs;
  bool fits = to->ndim <= x->ndim;
  for (int i = 1; fits && i <= to->ndim; i++) {
    int64_t size = to->shape[to->ndim - i];
    fits = size == 1 || size == x->shape[x->ndim - i];
  }
  if (!fits)
    return mg_fail("shape %s does not broadcast to %s", mg_shape_text(to->ndim, to->shape), mg_tensor_text(x)), false;
  result->ndim = to->ndim;
  memcpy(result->size, to->shape, sizeof result->size);
  return true;
}

/* Sum runs of neighbouring dimensions that go away, from the last to the first. */
bool mg_forward_sum_to(mg_call *call) {
  const mg_tensor *x = call->in[0];
  const mg_attrs *to = call->attrs;
  int64_t shape[MG_MAX_DIM];
  memcpy(shape, x->shape, sizeof shape);
  const real *from = x->data;
  for (int end = x->ndim; end > 0;) {
    int offset = x->ndim - to->ndim, begin = end;
    extent e = {1, 1, 1};
    while (begin > 0 && shape[begin - 1] != (begin - 1 < offset ? 1 : to->shape[begin - 1 - offset]))
      e.size *= shape[--begin];
    if (begin == end) {
      end--;
      continue;
    }
    for (int i = 0; i < begin; i++) e.outer *= shape[i];
    for (int i = end; i < x->ndim; i++) e.inner *= shape[i];
    for (int i = begin; i < end; i++) shape[i] = 1;
    mg_tensor *sum = mg_tensor_new(1, (int64_t[]){e.outer * e.inner});
    if (!sum || !mg_reduce_sum(from, e.outer, e.size, e.inner, sum->data)) return false;
    from = sum->data;
    end = begin;
  }
  memcpy(call->out->data, from, (size_t)call->out->numel * sizeof(real));
  return true;
}

mg_tensor *mg_sum_to(mg_tensor *x, int ndim, const int64_t *shape) {
  if (!x || (x->ndim == ndim && memcmp(x->shape, shape, sizeof *shape * (size_t)ndim) == 0)) return x;
  mg_attrs attrs = {.ndim = ndim};
  memcpy(attrs.shape, shape, sizeof *shape * (size_t)ndim);
  return mg_apply(MG_OP_sum_to, &x, 1, &attrs);
}

void mg_vjp_sum_to(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  gradient[0] = mg_expand(g, node->edge[0].shape.ndim, node->edge[0].shape.size);
}

/* ---- argmax, argmin, max, min -------------------------------------------------------------- */

bool mg_shape_arg(const mg_call *call, mg_shape *result) {
  const mg_tensor *x = call->in[0];
  if (!mg_shape_reduce(call, result)) return false;
  int64_t size = extent_of(x, x->ndim ? call->attrs->integer[0] : -1).size;
  if (size == 0) return mg_fail("expected at least one element, got %s", mg_tensor_text(x)), false;
  return true;
}

typedef struct arg_job {
  const real *x;
  real *best, *at;
  extent e;
  void (*kernel)(int64_t rows, int64_t n, int64_t stride, const real *x, real *best, real *at);
} arg_job;

static void arg_range(void *argument, int64_t begin, int64_t end) {
  const arg_job *job = argument;
  for (int64_t o = begin; o < end; o++)
    job->kernel(job->e.size, job->e.inner, job->e.inner, job->x + o * job->e.size * job->e.inner,
                job->best + o * job->e.inner, job->at + o * job->e.inner);
}

static bool forward_arg(mg_call *call, void (*kernel)(int64_t, int64_t, int64_t, const real *, real *, real *)) {
  const mg_tensor *x = call->in[0];
  mg_tensor *best = mg_tensor_like(call->out);
  if (!best) return false;
  arg_job job = {x->data, best->data, call->out->data, extent_of(x, x->ndim ? call->attrs->integer[0] : -1), kernel};
  mg_parallel_ranges(job.e.outer, MG_MAX(MG_GRAIN / MG_MAX(job.e.size * job.e.inner, 1), 1), arg_range, &job);
  return true;
}

bool mg_forward_argmax(mg_call *call) { return forward_arg(call, mg_kernel->column_argmax); }
bool mg_forward_argmin(mg_call *call) { return forward_arg(call, mg_kernel->column_argmin); }
mg_tensor *mg_argmax(mg_tensor *x, int dim, bool keepdim) { return apply_reduce(MG_OP_argmax, x, dim, keepdim); }
mg_tensor *mg_argmin(mg_tensor *x, int dim, bool keepdim) { return apply_reduce(MG_OP_argmin, x, dim, keepdim); }

/* What stands at the extreme's position: gather's derivative is then the extreme's. */
static mg_tensor *extreme(mg_op_id id, mg_tensor *x, int dim, bool keepdim) {
  if (!x) return NULL;
  if (dim < 0 || x->ndim == 0) {
    mg_tensor *value = extreme(id, mg_reshape(x, 1, &x->numel), 0, false);
    int64_t ones[MG_MAX_DIM] = {1, 1, 1, 1, 1, 1, 1, 1};
    return keepdim ? mg_reshape(value, x->ndim, ones) : value;
  }
  mg_tensor *value = mg_gather(x, dim, apply_reduce(id, x, dim, true));
  if (keepdim || !value) return value;
  int64_t shape[MG_MAX_DIM];
  for (int i = 0, n = 0; i < x->ndim; i++)
    if (i != dim) shape[n++] = x->shape[i];
  return mg_reshape(value, x->ndim - 1, shape);
}

mg_tensor *mg_max(mg_tensor *x, int dim, bool keepdim) { return extreme(MG_OP_argmax, x, dim, keepdim); }
mg_tensor *mg_min(mg_tensor *x, int dim, bool keepdim) { return extreme(MG_OP_argmin, x, dim, keepdim); }

/* ---- variance, norm ------------------------------------------------------------------------ */

mg_tensor *mg_var(mg_tensor *x, int dim, bool unbiased, bool keepdim) {
  if (!x) return NULL;
  double count = (double)extent_of(x, x->ndim ? dim : -1).size;
  mg_tensor *square = mg_square(mg_sub(x, mg_mean(x, dim, true)));
  return mg_affine(mg_sum(square, dim, keepdim), 1 / (count - (unbiased ? 1 : 0)), 0);
}

mg_tensor *mg_norm(mg_tensor *x, int dim, bool keepdim, double eps) {
  mg_tensor *sum = mg_sum(mg_square(x), dim, keepdim);
  return mg_sqrt(eps == 0 ? sum : mg_affine(sum, 1, eps));
}

/* op_shape.c: operations that rearrange elements: views, and one strided copy each. */
#include <inttypes.h>
#include <string.h>

#include "op_rows.h"
#include "strided.h"

/* ---- helpers ------------------------------------------------------------------------------- */

bool mg_shape_along(const mg_call *call, mg_shape *result) {
  const mg_tensor *x = call->in[0];
  int64_t dim = call->attrs->integer[0];
  mg_shape_same(call, result);
  if (dim >= 0 && dim < x->ndim) return true;
  return mg_fail("expected a dimension of tensor %s, got %" PRId64, mg_tensor_text(x), dim + 1), false;
}

/* Elements between two neighbours along dim. */
static int64_t inner_size(const mg_tensor *x, int64_t dim) {
  int64_t inner = 1;
  for (int i = (int)dim + 1; i < x->ndim; i++) inner *= x->shape[i];
  return inner;
}

/* A box of the shape given within the layouts of two tensors with the same number of dimensions. */
static mg_strided box_within(const mg_tensor *shape, const mg_tensor *source, const mg_tensor *target) {
  mg_strided box = {.n = shape->ndim};
  memcpy(box.size, shape->shape, sizeof box.size);
  mg_row_major(source->ndim, source->shape, box.from);
  mg_row_major(target->ndim, target->shape, box.to);
  return box;
}

static mg_attrs dim_attrs(int64_t dim, int64_t a, int64_t b) {
  mg_attrs attrs = {.integer = {dim, a, b}};
  return attrs;
}

static mg_attrs shape_attrs(int ndim, const int64_t *shape) {
  mg_attrs attrs = {.ndim = ndim};
  for (int i = 0; i < ndim && i < MG_MAX_DIM; i++) attrs.shape[i] = shape[i];
  return attrs;
}

/* ---- reshape ------------------------------------------------------------------------------- */

/* The shape asked for, with the one size that may be -1 filled in. */
static bool resolve_shape(const mg_tensor *x, const mg_attrs *attrs, mg_shape *result) {
  int64_t known = 1;
  int unknown = -1;
  bool fits = true;
  result->ndim = attrs->ndim;
  for (int i = 0; i < attrs->ndim; i++) {
    int64_t size = result->size[i] = attrs->shape[i];
    if (size == -1 && unknown < 0)
      unknown = i;
    else if (size < 0)
      return mg_fail("expected sizes of at least 0, one of them -1 at most, got %s",
                     mg_shape_text(attrs->ndim, attrs->shape)),
             false;
    else if (__builtin_mul_overflow(known, size, &known))
      fits = false;
  }
  if (fits && unknown >= 0) {
    fits = known > 0 && x->numel % known == 0;
    if (fits) known *= result->size[unknown] = x->numel / known;
  }
  if (fits && known == x->numel) return true;
  return mg_fail("expected a shape of %" PRId64 " elements for x %s, got %s", x->numel, mg_tensor_text(x),
                 mg_shape_text(attrs->ndim, attrs->shape)),
         false;
}

bool mg_forward_reshape(mg_call *call) {
  mg_shape shape;
  if (!resolve_shape(call->in[0], call->attrs, &shape)) return false;
  call->out = mg_tensor_view(call->in[0], 0, shape.ndim, shape.size);
  return call->out;
}

void mg_vjp_reshape(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  gradient[0] = mg_reshape(g, node->edge[0].shape.ndim, node->edge[0].shape.size);
}

mg_tensor *mg_reshape(mg_tensor *x, int ndim, const int64_t *shape) {
  mg_attrs attrs = shape_attrs(ndim, shape);
  return mg_apply(MG_OP_reshape, &x, 1, &attrs);
}

/* ---- expand -------------------------------------------------------------------------------- */

bool mg_shape_rule_expand(const mg_call *call, mg_shape *result) {
  const mg_tensor *x = call->in[0];
  int added = call->attrs->ndim - x->ndim;
  result->ndim = call->attrs->ndim;
  bool fits = added >= 0;
  for (int i = 0; fits && i < result->ndim; i++) {
    int64_t size = call->attrs->shape[i], own = i < added ? 1 : x->shape[i - added];
    if (size == -1 && i >= added) size = own;
    fits = size >= 0 && (own == 1 || own == size);
    result->size[i] = size;
  }
  if (fits) return true;
  return mg_fail("x %s does not broadcast to %s", mg_tensor_text(x),
                 mg_shape_text(call->attrs->ndim, call->attrs->shape)),
         false;
}

bool mg_forward_expand(mg_call *call) {
  const mg_tensor *x = call->in[0], *out = call->out;
  int added = out->ndim - x->ndim;
  mg_strided box = {.n = out->ndim};
  memcpy(box.size, out->shape, sizeof box.size);
  mg_row_major(out->ndim, out->shape, box.to);
  mg_row_major(x->ndim, x->shape, box.from + added);
  for (int i = 0; i < out->ndim; i++)
    if (i < added || x->shape[i - added] == 1) box.from[i] = 0;
  mg_strided_copy(&box, x->data, out->data);
  return true;
}

void mg_vjp_expand(mg_node *node, mg_tensor *g, mg_tensor **gradient) { gradient[0] = mg_sum_to_input(node, g, 0); }

mg_tensor *mg_expand(mg_tensor *x, int ndim, const int64_t *shape) {
  mg_attrs attrs = shape_attrs(ndim, shape);
  return mg_apply(MG_OP_expand, &x, 1, &attrs);
}

/* ---- narrow and pad, each the other's derivative ------------------------------------------- */

bool mg_forward_narrow(mg_call *call) {
  mg_tensor *x = call->in[0];
  int64_t dim = call->attrs->integer[0], start = call->attrs->integer[1], length = call->attrs->integer[2];
  mg_shape shape;
  if (!mg_shape_along(call, &shape)) return false;
  int64_t size = x->shape[dim], inner = inner_size(x, dim);
  if (start < 0 || length < 0 || start > size || length > size - start)
    return mg_fail("expected a range within 1..%" PRId64 " along dimension %" PRId64 " of x %s, got start %" PRId64
                   " and length %" PRId64,
                   size, dim + 1, mg_tensor_text(x), start + 1, length),
           false;
  shape.size[dim] = length;
  if (dim == 0) {
    call->out = mg_tensor_view(x, start * inner, shape.ndim, shape.size);
    return call->out;
  }
  if (!(call->out = mg_tensor_new(shape.ndim, shape.size))) return false;
  mg_strided box = box_within(call->out, x, call->out);
  mg_strided_copy(&box, x->data + start * inner, call->out->data);
  return true;
}

void mg_vjp_narrow(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  const int64_t *integer = node->attrs.integer;
  int64_t dim = integer[0], start = integer[1], length = integer[2];
  gradient[0] = mg_pad(g, (int)dim, start, node->edge[0].shape.size[dim] - start - length);
}

mg_tensor *mg_narrow(mg_tensor *x, int dim, int64_t start, int64_t length) {
  mg_attrs attrs = dim_attrs(dim, start, length);
  return mg_apply(MG_OP_narrow, &x, 1, &attrs);
}

bool mg_shape_rule_pad(const mg_call *call, mg_shape *result) {
  int64_t before = call->attrs->integer[1], after = call->attrs->integer[2];
  if (!mg_shape_along(call, result)) return false;
  if (before < 0 || after < 0)
    return mg_fail("expected before and after of at least 0, got %" PRId64 " and %" PRId64, before, after), false;
  int64_t *size = &result->size[call->attrs->integer[0]];
  if (__builtin_add_overflow(*size, before, size) || __builtin_add_overflow(*size, after, size))
    return mg_fail("before %" PRId64 " and after %" PRId64 " are too large", before, after), false;
  return true;
}

/* Zero the part of out before, or from, the padded content of each outer position. */
static void zero_margin(mg_tensor *out, int64_t dim, int64_t start, int64_t length) {
  static const real zero;
  mg_strided box = {.n = out->ndim};
  memcpy(box.size, out->shape, sizeof box.size);
  box.size[dim] = length;
  mg_row_major(out->ndim, out->shape, box.to);
  mg_strided_copy(&box, &zero, out->data + start * inner_size(out, dim));
}

bool mg_forward_pad(mg_call *call) {
  const mg_tensor *x = call->in[0];
  mg_tensor *out = call->out;
  int64_t dim = call->attrs->integer[0], before = call->attrs->integer[1], after = call->attrs->integer[2];
  mg_strided box = box_within(x, x, out);
  mg_strided_copy(&box, x->data, out->data + before * inner_size(out, dim));
  zero_margin(out, dim, 0, before);
  zero_margin(out, dim, out->shape[dim] - after, after);
  return true;
}

void mg_vjp_pad(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  int64_t dim = node->attrs.integer[0], before = node->attrs.integer[1];
  gradient[0] = mg_narrow(g, (int)dim, before, node->edge[0].shape.size[dim]);
}

mg_tensor *mg_pad(mg_tensor *x, int dim, int64_t before, int64_t after) {
  mg_attrs attrs = dim_attrs(dim, before, after);
  return mg_apply(MG_OP_pad, &x, 1, &attrs);
}

/* ---- cat ----------------------------------------------------------------------------------- */

static bool same_but_for(const mg_tensor *a, const mg_tensor *b, int64_t dim) {
  if (a->ndim != b->ndim) return false;
  for (int i = 0; i < a->ndim; i++)
    if (i != dim && a->shape[i] != b->shape[i]) return false;
  return true;
}

bool mg_shape_rule_cat(const mg_call *call, mg_shape *result) {
  int64_t dim = call->attrs->integer[0];
  if (call->n == 0) return mg_fail("expected at least one tensor, got none"), false;
  if (!mg_shape_along(call, result)) return false;
  for (int i = 1; i < call->n; i++) {
    if (!same_but_for(call->in[0], call->in[i], dim))
      return mg_fail("expected tensors that differ in dimension %" PRId64 " at most, got %s and, as number %d, %s",
                     dim + 1, mg_tensor_text(call->in[0]), i + 1, mg_tensor_text(call->in[i])),
             false;
    result->size[dim] += call->in[i]->shape[dim];
  }
  return true;
}

bool mg_forward_cat(mg_call *call) {
  int64_t dim = call->attrs->integer[0];
  real *target = call->out->data;
  for (int i = 0; i < call->n; i++) {
    const mg_tensor *x = call->in[i];
    mg_strided box = box_within(x, x, call->out);
    mg_strided_copy(&box, x->data, target);
    target += x->shape[dim] * inner_size(x, dim);
  }
  return true;
}

void mg_vjp_cat(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  int dim = (int)node->attrs.integer[0];
  int64_t start = 0;
  for (int i = 0; i < node->n; i++) {
    int64_t length = node->edge[i].shape.size[dim];
    if (mg_wants(node, i)) gradient[i] = mg_narrow(g, dim, start, length);
    start += length;
  }
}

mg_tensor *mg_cat(mg_tensor *const *xs, int n, int dim) {
  mg_attrs attrs = dim_attrs(dim, 0, 0);
  return mg_apply(MG_OP_cat, xs, n, &attrs);
}

/* ---- flip ---------------------------------------------------------------------------------- */

bool mg_forward_flip(mg_call *call) {
  const mg_tensor *x = call->in[0];
  int64_t dim = call->attrs->integer[0];
  if (x->numel == 0) return true;
  mg_strided box = box_within(x, x, call->out);
  const real *last = x->data + (x->shape[dim] - 1) * box.from[dim];
  box.from[dim] = -box.from[dim];
  mg_strided_copy(&box, last, call->out->data);
  return true;
}

void mg_vjp_flip(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  gradient[0] = mg_flip(g, (int)node->attrs.integer[0]);
}

mg_tensor *mg_flip(mg_tensor *x, int dim) {
  mg_attrs attrs = dim_attrs(dim, 0, 0);
  return mg_apply(MG_OP_flip, &x, 1, &attrs);
}

/* ---- compositions -------------------------------------------------------------------------- */

mg_tensor *mg_select(mg_tensor *x, int dim, int64_t index) {
  mg_tensor *slice = mg_narrow(x, dim, index, 1);
  if (!slice) return NULL;
  int64_t shape[MG_MAX_DIM];
  for (int i = 0, n = 0; i < slice->ndim; i++)
    if (i != dim) shape[n++] = slice->shape[i];
  return mg_reshape(slice, slice->ndim - 1, shape);
}

mg_tensor *mg_unsqueeze(mg_tensor *x, int dim) {
  if (!x) return NULL;
  if (dim < 0 || dim > x->ndim || x->ndim == MG_MAX_DIM)
    return mg_fail("unsqueeze: expected a place for one more dimension (at most %d) in x %s, got %d", MG_MAX_DIM,
                   mg_tensor_text(x), dim + 1);
  int64_t shape[MG_MAX_DIM];
  for (int i = 0; i <= x->ndim; i++) shape[i] = i < dim ? x->shape[i] : i == dim ? 1 : x->shape[i - 1];
  return mg_reshape(x, x->ndim + 1, shape);
}

mg_tensor *mg_stack(mg_tensor *const *xs, int n, int dim) {
  mg_tensor *rows[MG_MAX_INPUTS];
  if (n < 1 || n > MG_MAX_INPUTS) return mg_fail("stack: expected 1 to %d tensors, got %d", MG_MAX_INPUTS, n);
  for (int i = 0; i < n; i++) {
    if (xs[0] && xs[i] && !mg_same_shape(xs[0], xs[i]))
      return mg_fail("stack: expected tensors of one shape, got %s and, as number %d, %s", mg_tensor_text(xs[0]), i + 1,
                     mg_tensor_text(xs[i]));
    rows[i] = mg_unsqueeze(xs[i], dim);
  }
  return mg_cat(rows, n, dim);
}

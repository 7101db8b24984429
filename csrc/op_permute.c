/* op_permute.c: dimensions in another order. */
#include <string.h>

#include "op_rows.h"
#include "strided.h"

bool mg_shape_rule_permute(const mg_call *call, mg_shape *result) {
  const mg_tensor *x = call->in[0];
  const mg_attrs *attrs = call->attrs;
  unsigned seen = 0;
  result->ndim = x->ndim;
  for (int i = 0; i < attrs->ndim && attrs->ndim == x->ndim; i++) {
    int64_t dim = attrs->shape[i];
    if (dim < 0 || dim >= x->ndim) break;
    seen |= 1u << dim;
    result->size[i] = x->shape[dim];
  }
  if (attrs->ndim == x->ndim && seen == (1u << x->ndim) - 1) return true;
  mg_attrs given = *attrs; /* as Lua counts */
  for (int i = 0; i < given.ndim; i++) given.shape[i]++;
  return mg_fail("expected each of the dimensions 1..%d of x %s once, got %s", x->ndim, mg_tensor_text(x),
                 mg_shape_text(given.ndim, given.shape)),
         false;
}

bool mg_forward_permute(mg_call *call) {
  const mg_tensor *x = call->in[0], *out = call->out;
  mg_strided box = {.n = out->ndim};
  int64_t step[MG_MAX_DIM];
  memcpy(box.size, out->shape, sizeof box.size);
  mg_row_major(x->ndim, x->shape, step);
  mg_row_major(out->ndim, out->shape, box.to);
  for (int i = 0; i < out->ndim; i++) box.from[i] = step[call->attrs->shape[i]];
  mg_strided_copy(&box, x->data, out->data);
  return true;
}

void mg_vjp_permute(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  int64_t back[MG_MAX_DIM] = {0};
  for (int i = 0; i < node->attrs.ndim; i++) back[node->attrs.shape[i]] = i;
  gradient[0] = mg_permute(g, back);
}

mg_tensor *mg_permute(mg_tensor *x, const int64_t *dims) {
  if (!x) return NULL;
  mg_attrs attrs = {.ndim = x->ndim};
  memcpy(attrs.shape, dims, (size_t)x->ndim * sizeof *dims);
  return mg_apply(MG_OP_permute, &x, 1, &attrs);
}

mg_tensor *mg_transpose(mg_tensor *x, int a, int b) {
  if (!x) return NULL;
  if (a < 0 || a >= x->ndim || b < 0 || b >= x->ndim)
    return mg_fail("transpose: expected two dimensions of x %s, got %d and %d", mg_tensor_text(x), a + 1, b + 1);
  int64_t dims[MG_MAX_DIM];
  for (int i = 0; i < x->ndim; i++) dims[i] = i;
  dims[a] = b;
  dims[b] = a;
  return mg_permute(x, dims);
}

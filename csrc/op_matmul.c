/* Matrix products; each vjp is made of the other partials of the same trilinear form. */
#include <string.h>

#include "elementwise.h"
#include "gemm.h"
#include "op_rows.h"
#include "parallel.h"
#include "profile.h"

/* ---- matmul -------------------------------------------------------------------------------- */

/* Rows and columns of operand `t` as the product sees it. */
static int64_t rows_of(const mg_tensor *t, bool transposed) { return t->shape[t->ndim - (transposed ? 1 : 2)]; }
static int64_t columns_of(const mg_tensor *t, bool transposed) { return t->shape[t->ndim - (transposed ? 2 : 1)]; }

bool mg_shape_matmul(const mg_call *call, mg_shape *result) {
  const mg_tensor *a = call->in[0], *b = call->in[1];
  bool ta = call->attrs->integer[0], tb = call->attrs->integer[1];
  if (a->ndim < 2 || a->ndim != b->ndim)
    return mg_fail("expected two matrices, or two batches of them, got %s and %s", mg_tensor_text(a),
                   mg_tensor_text(b)),
           false;
  bool fits = columns_of(a, ta) == rows_of(b, tb);
  for (int i = 0; i < a->ndim - 2; i++) fits &= a->shape[i] == b->shape[i];
  if (!fits)
    return mg_fail("shapes %s%s and %s%s do not fit a matrix product", mg_tensor_text(a), ta ? " transposed" : "",
                   mg_tensor_text(b), tb ? " transposed" : ""),
           false;
  mg_shape_same(call, result);
  result->size[a->ndim - 2] = rows_of(a, ta);
  result->size[a->ndim - 1] = columns_of(b, tb);
  return true;
}

bool mg_forward_matmul(mg_call *call) {
  const mg_tensor *a = call->in[0], *b = call->in[1];
  bool ta = call->attrs->integer[0], tb = call->attrs->integer[1];
  int64_t m = rows_of(a, ta), k = columns_of(a, ta), n = columns_of(b, tb), batch = 1;
  for (int i = 0; i < a->ndim - 2; i++) batch *= a->shape[i];
  mg_product product = {ta, tb, m, n, k, .lda = a->shape[a->ndim - 1], .ldb = b->shape[b->ndim - 1], .ldc = n};
  bool fine = true;
  for (int64_t i = 0; i < batch && fine; i++) {
    product.a = a->data + i * m * k;
    product.b = b->data + i * k * n;
    product.c = call->out->data + i * m * n;
    fine = mg_gemm(&product);
  }
  return fine;
}

mg_tensor *mg_matmul(mg_tensor *a, mg_tensor *b, bool ta, bool tb) {
  mg_attrs attrs = {.integer = {ta, tb}};
  return mg_apply(MG_OP_matmul, (mg_tensor *[]){a, b}, 2, &attrs);
}

void mg_vjp_matmul(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  bool ta = node->attrs.integer[0], tb = node->attrs.integer[1];
  if (mg_wants(node, 0)) {
    mg_tensor *b = mg_input(node, 1);
    gradient[0] = ta ? mg_matmul(b, g, tb, true) : mg_matmul(g, b, false, !tb);
  }
  if (mg_wants(node, 1)) {
    mg_tensor *a = mg_input(node, 0);
    gradient[1] = tb ? mg_matmul(g, a, true, ta) : mg_matmul(a, g, !ta, false);
  }
}

/* ---- linear: rows of x by a weight, plus a bias ------------------------------------------------- */

bool mg_shape_linear(const mg_call *call, mg_shape *result) {
  const mg_tensor *x = call->in[0], *weight = call->in[1], *bias = call->in[2];
  if (weight->ndim != 2) return mg_fail("expected a weight (in, out), got %s", mg_tensor_text(weight)), false;
  if (x->ndim < 1 || x->shape[x->ndim - 1] != weight->shape[0])
    return mg_fail("expected %lld features, got %s", (long long)weight->shape[0], mg_tensor_text(x)), false;
  if (bias && (bias->ndim != 1 || bias->shape[0] != weight->shape[1]))
    return mg_fail("expected a bias (%lld,), got %s", (long long)weight->shape[1], mg_tensor_text(bias)), false;
  mg_shape_same(call, result);
  result->size[x->ndim - 1] = weight->shape[1];
  return true;
}

/* Then the rectifier of this slope; 1 is none. */
static bool multiply(mg_call *call, double slope) {
  const mg_tensor *x = call->in[0], *weight = call->in[1], *bias = call->in[2];
  int64_t in = weight->shape[0], out = weight->shape[1], rows = in ? x->numel / in : call->out->numel / MG_MAX(out, 1);
  return mg_gemm(&(mg_product){.m = rows,
                               .n = out,
                               .k = in,
                               .a = x->data,
                               .lda = in,
                               .b = weight->data,
                               .ldb = out,
                               .bias = bias ? bias->data : NULL,
                               .rectified = slope != 1,
                               .slope = (real)slope,
                               .c = call->out->data,
                               .ldc = out});
}

bool mg_forward_linear(mg_call *call) { return multiply(call, 1); }

mg_tensor *mg_linear(mg_tensor *x, mg_tensor *weight, mg_tensor *bias) {
  if (!x || !weight) return NULL;
  return mg_apply(MG_OP_linear, (mg_tensor *[]){x, weight, bias}, 3, NULL);
}

/* x as a matrix: one row for each position of its leading dimensions. */
static mg_tensor *as_rows(mg_tensor *x, int64_t features) {
  if (!x || x->ndim == 2) return x;
  return mg_reshape(x, 2, (int64_t[]){features ? x->numel / features : 0, features});
}

mg_tensor *mg_compose_linear(mg_tensor *const *in, int n, const mg_attrs *attrs) {
  (void)n, (void)attrs;
  const mg_tensor *x = in[0], *weight = in[1];
  mg_tensor *y = mg_matmul(as_rows(in[0], weight->shape[0]), in[1], false, false);
  int64_t shape[MG_MAX_DIM];
  memcpy(shape, x->shape, sizeof shape);
  shape[x->ndim - 1] = weight->shape[1];
  y = mg_reshape(y, x->ndim, shape);
  return in[2] ? mg_add(y, in[2]) : y;
}

/* sum (m, n) += x (k, m) transposed g (k, n), recording nothing. */
static void add_product(mg_tensor *sum, const mg_tensor *x, const mg_tensor *g) {
  mg_profile_mark mark = mg_profile_begin();
  int64_t m = sum->shape[0], n = sum->shape[1], k = x->shape[0];
  mg_gemm(&(mg_product){.trans_a = true,
                        .m = m,
                        .n = n,
                        .k = k,
                        .a = x->data,
                        .lda = m,
                        .b = g->data,
                        .ldb = n,
                        .add = true,
                        .c = sum->data,
                        .ldc = n});
  mg_profile_end(mark, "matmul, added", 2 * (double)sum->numel * (double)k,
                 (double)(2 * sum->numel + x->numel + g->numel) * sizeof(real));
}

/* The weight's gradient, x transposed g.  A second use of the weight adds to the first one's product
 * as it multiplies, which saves writing and reading the second. */
static mg_tensor *weight_gradient(mg_node *node, mg_tensor *x, mg_tensor *g) {
  mg_tensor *sum = mg_gradient_so_far(node, 1);
  if (!sum) return mg_matmul(x, g, true, false);
  if (x && g) add_product(sum, x, g);
  return NULL;
}

void mg_vjp_linear(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  mg_tensor *x = mg_input(node, 0), *weight = mg_input(node, 1);
  if (!x || !weight) return;
  mg_tensor *rows = as_rows(g, weight->shape[1]);
  if (mg_wants(node, 0)) gradient[0] = mg_reshape(mg_matmul(rows, weight, false, true), x->ndim, x->shape);
  if (mg_wants(node, 1)) gradient[1] = weight_gradient(node, as_rows(x, weight->shape[0]), rows);
  if (mg_wants(node, 2)) gradient[2] = mg_sum(rows, 0, false);
}

/* ---- linear_rectified: linear, then a rectifier ------------------------------------------------- */

bool mg_shape_linear_rectified(const mg_call *call, mg_shape *result) {
  return mg_check_slope(call->attrs->number[0]) && mg_shape_linear(call, result);
}

bool mg_forward_linear_rectified(mg_call *call) { return multiply(call, call->attrs->number[0]); }

mg_tensor *mg_linear_rectified(mg_tensor *x, mg_tensor *weight, mg_tensor *bias, double slope) {
  mg_attrs attrs = {.number = {slope}};
  if (!x || !weight) return NULL;
  return mg_apply(MG_OP_linear_rectified, (mg_tensor *[]){x, weight, bias}, 3, &attrs);
}

mg_tensor *mg_compose_linear_rectified(mg_tensor *const *in, int n, const mg_attrs *attrs) {
  return mg_rectify(mg_compose_linear(in, n, NULL), attrs->number[0]);
}

void mg_vjp_linear_rectified(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  double slope = node->attrs.number[0];
  mg_tensor *y = mg_output(node);
  mg_vjp_linear(node, slope == 0 ? mg_relu_grad(g, y) : mg_leaky_relu_grad(g, y, slope), gradient);
}

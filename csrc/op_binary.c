/* Elementwise functions of two tensors (and where, of three), with broadcasting. */
#include "elementwise.h"
#include "op_rows.h"

#define OPERATION(name)                                                                                                \
  bool mg_forward_##name(mg_call *call) {                                                                              \
    mg_run_binary(mg_kernel->name, call->in[0], call->in[1], call->out, 0, 0);                                         \
    return true;                                                                                                       \
  }                                                                                                                    \
  mg_tensor *mg_##name(mg_tensor *a, mg_tensor *b) { return mg_apply(MG_OP_##name, (mg_tensor *[]){a, b}, 2, NULL); }

OPERATION(add)
OPERATION(sub)
OPERATION(mul)
OPERATION(div)
OPERATION(pow)
OPERATION(maximum)
OPERATION(minimum)
OPERATION(eq)
OPERATION(ne)
OPERATION(lt)
OPERATION(le)
OPERATION(gt)
OPERATION(ge)

void mg_vjp_add(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  for (int i = 0; i < 2; i++)
    if (mg_wants(node, i)) gradient[i] = mg_sum_to_input(node, g, i);
}

void mg_vjp_sub(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  if (mg_wants(node, 0)) gradient[0] = mg_sum_to_input(node, g, 0);
  if (mg_wants(node, 1)) gradient[1] = mg_neg(mg_sum_to_input(node, g, 1));
}

void mg_vjp_mul(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  for (int i = 0; i < 2; i++)
    if (mg_wants(node, i)) gradient[i] = mg_sum_to_input(node, mg_mul(g, mg_input(node, 1 - i)), i);
}

void mg_vjp_div(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  mg_tensor *a = mg_input(node, 0), *b = mg_input(node, 1);
  if (mg_wants(node, 0)) gradient[0] = mg_sum_to_input(node, mg_div(g, b), 0);
  if (mg_wants(node, 1)) gradient[1] = mg_neg(mg_sum_to_input(node, mg_div(mg_mul(g, a), mg_square(b)), 1));
}

/* b a^(b - 1), and y log a, which is 0 where a is 0 */
void mg_vjp_pow(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  mg_tensor *a = mg_input(node, 0), *b = mg_input(node, 1);
  if (mg_wants(node, 0)) {
    mg_tensor *slope = mg_mul(b, mg_pow(a, mg_affine(b, 1, -1)));
    slope = mg_where(mg_eq(b, mg_scalar(0)), mg_scalar(0), slope);
    gradient[0] = mg_sum_to_input(node, mg_mul(g, slope), 0);
  }
  if (mg_wants(node, 1)) {
    mg_tensor *zero = mg_eq(a, mg_scalar(0));
    mg_tensor *logarithm = mg_log(mg_where(zero, mg_scalar(1), a));
    gradient[1] = mg_sum_to_input(node, mg_mul(g, mg_mul(mg_output(node), logarithm)), 1);
  }
}

/* 1 where a is above b, 1/2 where they are equal */
static mg_tensor *share_of_larger(mg_tensor *a, mg_tensor *b) {
  return mg_affine(mg_add(mg_gt(a, b), mg_ge(a, b)), 0.5, 0);
}

static void vjp_extreme(mg_node *node, mg_tensor *g, mg_tensor **gradient, mg_tensor *share) {
  if (mg_wants(node, 0)) gradient[0] = mg_sum_to_input(node, mg_mul(g, share), 0);
  if (mg_wants(node, 1)) gradient[1] = mg_sum_to_input(node, mg_mul(g, mg_affine(share, -1, 1)), 1);
}

void mg_vjp_maximum(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  vjp_extreme(node, g, gradient, share_of_larger(mg_input(node, 0), mg_input(node, 1)));
}

void mg_vjp_minimum(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  vjp_extreme(node, g, gradient, share_of_larger(mg_input(node, 1), mg_input(node, 0)));
}

/* ---- where --------------------------------------------------------------------------------- */

bool mg_forward_where(mg_call *call) {
  const mg_tensor *part[3];
  bool recording = mg_set_recording(false);
  for (int i = 0; i < 3; i++) {
    mg_tensor *t = call->in[i];
    part[i] = mg_same_shape(t, call->out) ? t : mg_expand(t, call->out->ndim, call->out->shape);
  }
  mg_set_recording(recording);
  if (mg_error()) return false;
  mg_kernel->where(call->out->numel, part[0]->data, part[1]->data, part[2]->data, call->out->data);
  return true;
}

mg_tensor *mg_where(mg_tensor *condition, mg_tensor *a, mg_tensor *b) {
  return mg_apply(MG_OP_where, (mg_tensor *[]){condition, a, b}, 3, NULL);
}

void mg_vjp_where(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  mg_tensor *condition = mg_input(node, 0), *zero = mg_scalar(0);
  if (mg_wants(node, 1)) gradient[1] = mg_sum_to_input(node, mg_where(condition, g, zero), 1);
  if (mg_wants(node, 2)) gradient[2] = mg_sum_to_input(node, mg_where(condition, zero, g), 2);
}

/* Elementwise functions of one tensor. */
#include <math.h>

#include "elementwise.h"
#include "op_rows.h"

#define FORWARD(name)                                                                                                  \
  bool mg_forward_##name(mg_call *call) {                                                                              \
    mg_run_unary(mg_kernel->name, call->in[0], call->out, call->attrs->number[0], call->attrs->number[1]);             \
    return true;                                                                                                       \
  }
#define WRAPPER(name)                                                                                                  \
  mg_tensor *mg_##name(mg_tensor *x) { return mg_apply(MG_OP_##name, &x, 1, NULL); }

FORWARD(affine)
FORWARD(exp)
WRAPPER(exp)
FORWARD(log)
WRAPPER(log)
FORWARD(sqrt)
WRAPPER(sqrt)
FORWARD(abs)
WRAPPER(abs)
FORWARD(sign)
WRAPPER(sign)
FORWARD(square)
WRAPPER(square)
FORWARD(reciprocal)
WRAPPER(reciprocal)
FORWARD(pow_scalar)
FORWARD(clamp)
FORWARD(erf)
WRAPPER(erf)
FORWARD(sin)
WRAPPER(sin)
FORWARD(cos)
WRAPPER(cos)

mg_tensor *mg_affine(mg_tensor *x, double scale, double shift) {
  mg_attrs attrs = {.number = {scale, shift}};
  return mg_apply(MG_OP_affine, &x, 1, &attrs);
}

mg_tensor *mg_neg(mg_tensor *x) { return mg_affine(x, -1, 0); }

void mg_vjp_affine(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  gradient[0] = node->attrs.number[0] == 1 ? g : mg_affine(g, node->attrs.number[0], 0);
}

void mg_vjp_exp(mg_node *node, mg_tensor *g, mg_tensor **gradient) { gradient[0] = mg_mul(g, mg_output(node)); }

void mg_vjp_log(mg_node *node, mg_tensor *g, mg_tensor **gradient) { gradient[0] = mg_div(g, mg_input(node, 0)); }

void mg_vjp_sqrt(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  gradient[0] = mg_div(mg_affine(g, 0.5, 0), mg_output(node));
}

void mg_vjp_abs(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  gradient[0] = mg_mul(g, mg_sign(mg_input(node, 0)));
}

void mg_vjp_square(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  gradient[0] = mg_mul(g, mg_affine(mg_input(node, 0), 2, 0));
}

void mg_vjp_reciprocal(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  gradient[0] = mg_neg(mg_mul(g, mg_square(mg_output(node))));
}

mg_tensor *mg_pow_scalar(mg_tensor *x, double p) {
  if (p == 1) return mg_affine(x, 1, 0);
  if (p == 2) return mg_square(x);
  if (p == 0.5) return mg_sqrt(x);
  mg_attrs attrs = {.number = {p}};
  return mg_apply(MG_OP_pow_scalar, &x, 1, &attrs);
}

void mg_vjp_pow_scalar(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  double p = node->attrs.number[0];
  /* x^0 is constant, also at 0, where x^-1 is infinite. */
  gradient[0] = p == 0 ? mg_affine(g, 0, 0) : mg_mul(g, mg_affine(mg_pow_scalar(mg_input(node, 0), p - 1), p, 0));
}

/* ---- clamp --------------------------------------------------------------------------------- */

bool mg_shape_clamp(const mg_call *call, mg_shape *result) {
  if (!(call->attrs->number[0] <= call->attrs->number[1]))
    return mg_fail("expected low <= high, got %g and %g", call->attrs->number[0], call->attrs->number[1]), false;
  return mg_shape_same(call, result);
}

mg_tensor *mg_clamp(mg_tensor *x, double low, double high) {
  mg_attrs attrs = {.number = {low, high}};
  return mg_apply(MG_OP_clamp, &x, 1, &attrs);
}

void mg_vjp_clamp(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  gradient[0] = mg_clamp_grad(g, mg_input(node, 0), node->attrs.number[0], node->attrs.number[1]);
}

bool mg_forward_clamp_grad(mg_call *call) {
  mg_run_binary(mg_kernel->clamp_grad, call->in[0], call->in[1], call->out, call->attrs->number[0],
                call->attrs->number[1]);
  return true;
}

mg_tensor *mg_clamp_grad(mg_tensor *g, mg_tensor *x, double low, double high) {
  mg_attrs attrs = {.number = {low, high}};
  return mg_apply(MG_OP_clamp_grad, (mg_tensor *[]){g, x}, 2, &attrs);
}

void mg_vjp_clamp_grad(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  gradient[0] = mg_clamp_grad(g, mg_input(node, 1), node->attrs.number[0], node->attrs.number[1]);
}

/* ---- erf, sin, cos ------------------------------------------------------------------------- */

void mg_vjp_erf(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  mg_tensor *density = mg_exp(mg_neg(mg_square(mg_input(node, 0))));
  gradient[0] = mg_mul(g, mg_affine(density, M_2_SQRTPI, 0));
}

void mg_vjp_sin(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  gradient[0] = mg_mul(g, mg_cos(mg_input(node, 0)));
}

void mg_vjp_cos(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  gradient[0] = mg_neg(mg_mul(g, mg_sin(mg_input(node, 0))));
}

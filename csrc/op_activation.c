/* Activation functions, and their gradients where those are operations of their own. */
#include <math.h>

#include "elementwise.h"
#include "op_rows.h"

#define FORWARD(name)                                                                                                  \
  bool mg_forward_##name(mg_call *call) {                                                                              \
    mg_run_unary(mg_kernel->name, call->in[0], call->out, call->attrs->number[0], call->attrs->number[1]);             \
    return true;                                                                                                       \
  }
#define FORWARD_GRAD(name)                                                                                             \
  bool mg_forward_##name(mg_call *call) {                                                                              \
    mg_run_binary(mg_kernel->name, call->in[0], call->in[1], call->out, call->attrs->number[0], 0);                    \
    return true;                                                                                                       \
  }
#define WRAPPER(name)                                                                                                  \
  mg_tensor *mg_##name(mg_tensor *x) { return mg_apply(MG_OP_##name, &x, 1, NULL); }
#define WRAPPER_GRAD(name)                                                                                             \
  mg_tensor *mg_##name(mg_tensor *g, mg_tensor *y) { return mg_apply(MG_OP_##name, (mg_tensor *[]){g, y}, 2, NULL); }

FORWARD(tanh)
WRAPPER(tanh)
FORWARD(sigmoid)
WRAPPER(sigmoid)
FORWARD(relu)
WRAPPER(relu)
FORWARD(leaky_relu)
FORWARD(elu)
FORWARD(gelu)
WRAPPER(gelu)
FORWARD(silu)
WRAPPER(silu)
FORWARD(softplus)
WRAPPER(softplus)
FORWARD_GRAD(tanh_grad)
WRAPPER_GRAD(tanh_grad)
FORWARD_GRAD(sigmoid_grad)
WRAPPER_GRAD(sigmoid_grad)
FORWARD_GRAD(relu_grad)
WRAPPER_GRAD(relu_grad)
FORWARD_GRAD(leaky_relu_grad)

/* ---- tanh, sigmoid ------------------------------------------------------------------------- */

void mg_vjp_tanh(mg_node *node, mg_tensor *g, mg_tensor **gradient) { gradient[0] = mg_tanh_grad(g, mg_output(node)); }

void mg_vjp_tanh_grad(mg_node *node, mg_tensor *gg, mg_tensor **gradient) {
  mg_tensor *g = mg_input(node, 0), *y = mg_input(node, 1);
  if (mg_wants(node, 0)) gradient[0] = mg_tanh_grad(gg, y);
  if (mg_wants(node, 1)) gradient[1] = mg_mul(mg_mul(gg, g), mg_affine(y, -2, 0));
}

void mg_vjp_sigmoid(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  gradient[0] = mg_sigmoid_grad(g, mg_output(node));
}

void mg_vjp_sigmoid_grad(mg_node *node, mg_tensor *gg, mg_tensor **gradient) {
  mg_tensor *g = mg_input(node, 0), *y = mg_input(node, 1);
  if (mg_wants(node, 0)) gradient[0] = mg_sigmoid_grad(gg, y);
  if (mg_wants(node, 1)) gradient[1] = mg_mul(mg_mul(gg, g), mg_affine(y, -2, 1));
}

/* ---- the rectifiers: piecewise linear, so a gradient's own gradient with respect to y is 0 ------ */

void mg_vjp_relu(mg_node *node, mg_tensor *g, mg_tensor **gradient) { gradient[0] = mg_relu_grad(g, mg_output(node)); }

void mg_vjp_relu_grad(mg_node *node, mg_tensor *gg, mg_tensor **gradient) {
  gradient[0] = mg_relu_grad(gg, mg_input(node, 1));
}

/* The sign of the output tells that of the input only where the slope is not negative. */
bool mg_check_slope(double slope) {
  if (!(slope >= 0)) return mg_fail("expected slope >= 0, got %g", slope), false;
  return true;
}

bool mg_shape_leaky_relu(const mg_call *call, mg_shape *result) {
  return mg_check_slope(call->attrs->number[0]) && mg_shape_same(call, result);
}

mg_tensor *mg_leaky_relu(mg_tensor *x, double slope) {
  mg_attrs attrs = {.number = {slope}};
  return mg_apply(MG_OP_leaky_relu, &x, 1, &attrs);
}

mg_tensor *mg_rectify(mg_tensor *x, double slope) {
  return slope == 1 ? x : slope == 0 ? mg_relu(x) : mg_leaky_relu(x, slope);
}

mg_tensor *mg_leaky_relu_grad(mg_tensor *g, mg_tensor *y, double slope) {
  mg_attrs attrs = {.number = {slope}};
  return mg_apply(MG_OP_leaky_relu_grad, (mg_tensor *[]){g, y}, 2, &attrs);
}

void mg_vjp_leaky_relu(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  gradient[0] = mg_leaky_relu_grad(g, mg_output(node), node->attrs.number[0]);
}

void mg_vjp_leaky_relu_grad(mg_node *node, mg_tensor *gg, mg_tensor **gradient) {
  gradient[0] = mg_leaky_relu_grad(gg, mg_input(node, 1), node->attrs.number[0]);
}

/* ---- elu: y = scale alpha (e^x - 1) below 0, so y' = y + scale alpha there ------------------------ */

bool mg_shape_elu(const mg_call *call, mg_shape *result) {
  const double *number = call->attrs->number;
  if (!(number[0] > 0 && number[1] > 0))
    return mg_fail("expected alpha > 0 and scale > 0, got %g and %g", number[0], number[1]), false;
  return mg_shape_same(call, result);
}

mg_tensor *mg_elu(mg_tensor *x, double alpha, double scale) {
  mg_attrs attrs = {.number = {alpha, scale}};
  return mg_apply(MG_OP_elu, &x, 1, &attrs);
}

mg_tensor *mg_selu(mg_tensor *x) { return mg_elu(x, 1.6732632423543772848, 1.0507009873554804934); }

void mg_vjp_elu(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  double alpha = node->attrs.number[0], scale = node->attrs.number[1];
  mg_tensor *y = mg_output(node);
  mg_tensor *slope = mg_where(mg_gt(y, mg_scalar(0)), mg_scalar(scale), mg_affine(y, 1, scale * alpha));
  gradient[0] = mg_mul(g, slope);
}

/* ---- the smooth ones ----------------------------------------------------------------------- */

/* Phi(x) + x phi(x) */
void mg_vjp_gelu(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  mg_tensor *x = mg_input(node, 0);
  mg_tensor *distribution = mg_affine(mg_erf(mg_affine(x, M_SQRT1_2, 0)), 0.5, 0.5);
  mg_tensor *density = mg_affine(mg_exp(mg_affine(mg_square(x), -0.5, 0)), M_SQRT1_2 * 0.5 * M_2_SQRTPI, 0);
  gradient[0] = mg_mul(g, mg_add(distribution, mg_mul(x, density)));
}

/* s (1 + x (1 - s)) */
void mg_vjp_silu(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  mg_tensor *x = mg_input(node, 0), *s = mg_sigmoid(x);
  gradient[0] = mg_mul(g, mg_mul(s, mg_affine(mg_mul(x, mg_affine(s, -1, 1)), 1, 1)));
}

void mg_vjp_softplus(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  gradient[0] = mg_mul(g, mg_sigmoid(mg_input(node, 0)));
}

mg_tensor *mg_log_sigmoid(mg_tensor *x) { return mg_neg(mg_softplus(mg_neg(x))); }

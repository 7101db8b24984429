/* op_rows.h: the functions that the registry's rows name; see struct mg_op in op.h. */
#ifndef MG_OP_ROWS_H
#define MG_OP_ROWS_H

#include "op.h"

/* ---- elementwise, products, reductions, norms (ops.def) ------------------------------------------ */

/* op_unary.c */
bool mg_forward_exp(mg_call *call);
void mg_vjp_exp(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_forward_log(mg_call *call);
void mg_vjp_log(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_forward_affine(mg_call *call);
void mg_vjp_affine(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_forward_sqrt(mg_call *call);
void mg_vjp_sqrt(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_forward_abs(mg_call *call);
void mg_vjp_abs(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_forward_sign(mg_call *call);
bool mg_forward_square(mg_call *call);
void mg_vjp_square(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_forward_reciprocal(mg_call *call);
void mg_vjp_reciprocal(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_forward_pow_scalar(mg_call *call);
void mg_vjp_pow_scalar(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_shape_clamp(const mg_call *call, mg_shape *result);
bool mg_forward_clamp(mg_call *call);
void mg_vjp_clamp(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_forward_clamp_grad(mg_call *call);
void mg_vjp_clamp_grad(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_forward_erf(mg_call *call);
void mg_vjp_erf(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_forward_sin(mg_call *call);
void mg_vjp_sin(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_forward_cos(mg_call *call);
void mg_vjp_cos(mg_node *node, mg_tensor *g, mg_tensor **gradient);

/* op_activation.c */
bool mg_forward_tanh(mg_call *call);
void mg_vjp_tanh(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_forward_tanh_grad(mg_call *call);
void mg_vjp_tanh_grad(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_forward_sigmoid(mg_call *call);
void mg_vjp_sigmoid(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_forward_sigmoid_grad(mg_call *call);
void mg_vjp_sigmoid_grad(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_forward_relu(mg_call *call);
void mg_vjp_relu(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_forward_relu_grad(mg_call *call);
void mg_vjp_relu_grad(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_check_slope(double slope); /* of a rectifier; false with an error set */
bool mg_shape_leaky_relu(const mg_call *call, mg_shape *result);
bool mg_forward_leaky_relu(mg_call *call);
void mg_vjp_leaky_relu(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_forward_leaky_relu_grad(mg_call *call);
void mg_vjp_leaky_relu_grad(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_shape_elu(const mg_call *call, mg_shape *result);
bool mg_forward_elu(mg_call *call);
void mg_vjp_elu(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_forward_gelu(mg_call *call);
void mg_vjp_gelu(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_forward_silu(mg_call *call);
void mg_vjp_silu(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_forward_softplus(mg_call *call);
void mg_vjp_softplus(mg_node *node, mg_tensor *g, mg_tensor **gradient);

/* op_binary.c */
bool mg_forward_add(mg_call *call);
void mg_vjp_add(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_forward_sub(mg_call *call);
void mg_vjp_sub(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_forward_mul(mg_call *call);
void mg_vjp_mul(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_forward_div(mg_call *call);
void mg_vjp_div(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_forward_pow(mg_call *call);
void mg_vjp_pow(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_forward_maximum(mg_call *call);
void mg_vjp_maximum(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_forward_minimum(mg_call *call);
void mg_vjp_minimum(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_forward_eq(mg_call *call);
bool mg_forward_ne(mg_call *call);
bool mg_forward_lt(mg_call *call);
bool mg_forward_le(mg_call *call);
bool mg_forward_gt(mg_call *call);
bool mg_forward_ge(mg_call *call);
bool mg_forward_where(mg_call *call);
void mg_vjp_where(mg_node *node, mg_tensor *g, mg_tensor **gradient);

/* op_matmul.c */
bool mg_shape_matmul(const mg_call *call, mg_shape *result);
bool mg_forward_matmul(mg_call *call);
void mg_vjp_matmul(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_shape_linear(const mg_call *call, mg_shape *result);
bool mg_forward_linear(mg_call *call);
void mg_vjp_linear(mg_node *node, mg_tensor *g, mg_tensor **gradient);
mg_tensor *mg_compose_linear(mg_tensor *const *in, int n, const mg_attrs *attrs);
bool mg_shape_linear_rectified(const mg_call *call, mg_shape *result);
bool mg_forward_linear_rectified(mg_call *call);
void mg_vjp_linear_rectified(mg_node *node, mg_tensor *g, mg_tensor **gradient);
mg_tensor *mg_compose_linear_rectified(mg_tensor *const *in, int n, const mg_attrs *attrs);

/* op_maxout.c */
bool mg_shape_maxout(const mg_call *call, mg_shape *result);
bool mg_forward_maxout(mg_call *call);
void mg_vjp_maxout(mg_node *node, mg_tensor *g, mg_tensor **gradient);
mg_tensor *mg_compose_maxout(mg_tensor *const *in, int n, const mg_attrs *attrs);
bool mg_shape_maxout_input(const mg_call *call, mg_shape *result);
bool mg_forward_maxout_input(mg_call *call);
void mg_vjp_maxout_input(mg_node *node, mg_tensor *g, mg_tensor **gradient);
mg_tensor *mg_compose_maxout_input(mg_tensor *const *in, int n, const mg_attrs *attrs);
bool mg_shape_maxout_weight(const mg_call *call, mg_shape *result);
bool mg_forward_maxout_weight(mg_call *call);
void mg_vjp_maxout_weight(mg_node *node, mg_tensor *g, mg_tensor **gradient);
mg_tensor *mg_compose_maxout_weight(mg_tensor *const *in, int n, const mg_attrs *attrs);

/* op_conv.c */
bool mg_shape_conv2d(const mg_call *call, mg_shape *result);
bool mg_forward_conv2d(mg_call *call);
void mg_vjp_conv2d(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_shape_conv2d_input(const mg_call *call, mg_shape *result);
bool mg_forward_conv2d_input(mg_call *call);
void mg_vjp_conv2d_input(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_shape_conv2d_weight(const mg_call *call, mg_shape *result);
bool mg_forward_conv2d_weight(mg_call *call);
void mg_vjp_conv2d_weight(mg_node *node, mg_tensor *g, mg_tensor **gradient);

/* op_pool.c */
bool mg_shape_max_pool2d_index(const mg_call *call, mg_shape *result);
bool mg_forward_max_pool2d_index(mg_call *call);
bool mg_shape_avg_pool2d(const mg_call *call, mg_shape *result);
bool mg_forward_avg_pool2d(mg_call *call);
void mg_vjp_avg_pool2d(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_shape_avg_pool2d_input(const mg_call *call, mg_shape *result);
bool mg_forward_avg_pool2d_input(mg_call *call);
void mg_vjp_avg_pool2d_input(mg_node *node, mg_tensor *g, mg_tensor **gradient);

/* op_resample.c */
bool mg_shape_resample(const mg_call *call, mg_shape *result);
bool mg_forward_resample(mg_call *call);
void mg_vjp_resample(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_shape_resample_input(const mg_call *call, mg_shape *result);
bool mg_forward_resample_input(mg_call *call);
void mg_vjp_resample_input(mg_node *node, mg_tensor *g, mg_tensor **gradient);

/* op_reduce.c */
bool mg_shape_reduce(const mg_call *call, mg_shape *result);
bool mg_forward_sum(mg_call *call);
void mg_vjp_sum(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_forward_mean(mg_call *call);
void mg_vjp_mean(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_shape_sum_to(const mg_call *call, mg_shape *result);
bool mg_forward_sum_to(mg_call *call);
void mg_vjp_sum_to(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_shape_arg(const mg_call *call, mg_shape *result);
bool mg_forward_argmax(mg_call *call);
bool mg_forward_argmin(mg_call *call);

/* op_norm.c */
bool mg_shape_moments(const mg_call *call, mg_shape *result);
bool mg_forward_moments(mg_call *call);
bool mg_shape_batch_norm(const mg_call *call, mg_shape *result);
bool mg_forward_batch_norm(mg_call *call);
void mg_vjp_batch_norm(mg_node *node, mg_tensor *g, mg_tensor **gradient);
mg_tensor *mg_compose_batch_norm(mg_tensor *const *in, int n, const mg_attrs *attrs);
bool mg_shape_batch_norm_grad(const mg_call *call, mg_shape *result);
bool mg_forward_batch_norm_grad(mg_call *call);
mg_tensor *mg_compose_batch_norm_grad(mg_tensor *const *in, int n, const mg_attrs *attrs);

/* op_group_norm.c */
bool mg_shape_group_norm(const mg_call *call, mg_shape *result);
bool mg_forward_group_norm(mg_call *call);
void mg_vjp_group_norm(mg_node *node, mg_tensor *g, mg_tensor **gradient);
mg_tensor *mg_compose_group_norm(mg_tensor *const *in, int n, const mg_attrs *attrs);
bool mg_shape_group_norm_grad(const mg_call *call, mg_shape *result);
bool mg_forward_group_norm_grad(mg_call *call);
mg_tensor *mg_compose_group_norm_grad(mg_tensor *const *in, int n, const mg_attrs *attrs);

/* ---- shape, index and softmax operations (ops_shape.def) --------------------------------------- */

/* A shape rule: as input 0, of which integer[0] must be a dimension.  Messages count dimensions
 * and positions from 1, as Lua does. */
bool mg_shape_along(const mg_call *call, mg_shape *result);

/* op_shape.c */
bool mg_forward_reshape(mg_call *call);
void mg_vjp_reshape(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_shape_rule_expand(const mg_call *call, mg_shape *result);
bool mg_forward_expand(mg_call *call);
void mg_vjp_expand(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_forward_narrow(mg_call *call);
void mg_vjp_narrow(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_shape_rule_pad(const mg_call *call, mg_shape *result);
bool mg_forward_pad(mg_call *call);
void mg_vjp_pad(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_shape_rule_cat(const mg_call *call, mg_shape *result);
bool mg_forward_cat(mg_call *call);
void mg_vjp_cat(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_forward_flip(mg_call *call);
void mg_vjp_flip(mg_node *node, mg_tensor *g, mg_tensor **gradient);

/* op_permute.c */
bool mg_shape_rule_permute(const mg_call *call, mg_shape *result);
bool mg_forward_permute(mg_call *call);
void mg_vjp_permute(mg_node *node, mg_tensor *g, mg_tensor **gradient);

/* op_index.c */
bool mg_shape_rule_gather(const mg_call *call, mg_shape *result);
bool mg_forward_gather(mg_call *call);
void mg_vjp_gather(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_shape_rule_scatter_add(const mg_call *call, mg_shape *result);
bool mg_forward_scatter_add(mg_call *call);
void mg_vjp_scatter_add(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_shape_rule_index_select(const mg_call *call, mg_shape *result);
bool mg_forward_index_select(mg_call *call);
void mg_vjp_index_select(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_shape_rule_index_add(const mg_call *call, mg_shape *result);
bool mg_forward_index_add(mg_call *call);
void mg_vjp_index_add(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_shape_rule_one_hot(const mg_call *call, mg_shape *result);
bool mg_forward_one_hot(mg_call *call);

/* op_softmax.c */
bool mg_forward_softmax(mg_call *call);
void mg_vjp_softmax(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_forward_log_softmax(mg_call *call);
void mg_vjp_log_softmax(mg_node *node, mg_tensor *g, mg_tensor **gradient);

#endif

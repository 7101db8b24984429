/* op_cost.c: what an application of an operation costs at least, for the profiler. */
#include "op_rows.h"

/* Multiply-adds of each element of the result, of a product or convolution. */
static double depth_of(const mg_call *call) {
  const mg_tensor *weight = call->in[1];
  switch ((mg_op_id)(call->op - mg_ops)) {
  case MG_OP_matmul:
    return (double)weight->shape[weight->ndim - (call->attrs->integer[1] ? 1 : 2)];
  case MG_OP_linear:
    return (double)weight->shape[0];
  case MG_OP_maxout: /* all pieces, unless their values are given */
    return call->in[4] ? 0 : (double)weight->numel / (double)call->out->shape[1];
  case MG_OP_conv2d:
    return (double)(weight->shape[0] * weight->shape[1] * weight->shape[2]);
  default:
    return 0;
  }
}

double mg_op_flops(const mg_call *call) {
  if (!call->out) return 0;
  switch ((mg_op_id)(call->op - mg_ops)) {
  case MG_OP_conv2d_input: /* as the convolution that it transposes: each pixel of y by its taps */
    return 2 * (double)call->in[0]->numel / (double)MG_MAX(call->in[1]->shape[3], 1) * (double)call->in[1]->numel;
  case MG_OP_conv2d_weight: { /* the same, in[1] being y and the result the weight */
    const mg_tensor *y = call->in[1];
    return 2 * (double)y->numel / (double)MG_MAX(y->shape[3], 1) * (double)call->out->numel;
  }
  case MG_OP_maxout_input: /* one piece of each unit */
    return 2 * (double)call->in[0]->numel * (double)call->out->shape[1];
  case MG_OP_maxout_weight:
    return 2 * (double)call->in[1]->numel * (double)call->in[0]->shape[1];
  default:
    return 2 * (double)call->out->numel * depth_of(call);
  }
}

double mg_op_bytes(const mg_call *call) {
  if (!call->op->shape) return 0; /* the result shares an input's memory */
  double elements = call->out ? (double)call->out->numel : 0;
  for (int i = 0; i < call->n; i++)
    if (call->in[i]) elements += (double)call->in[i]->numel;
  return elements * sizeof(real);
}

/* op_cost.c: what an application of an operation costs at least, for the profiler. */
#include "op_rows.h"

/* Numbers of the weight (kernel h, kernel w, in, out), each of which meets each position of y. */
static double convolution(const mg_tensor *y, const mg_tensor *weight) {
  int64_t positions = y->numel / MG_MAX(y->shape[3], 1);
  return 2 * (double)positions * (double)weight->numel;
}

double mg_op_flops(const mg_call *call) {
  mg_tensor *const *in = call->in;
  const mg_tensor *out = call->out;
  if (!out) return 0;
  switch ((mg_op_id)(call->op - mg_ops)) {
  case MG_OP_matmul:
    return 2 * (double)out->numel * (double)in[1]->shape[in[1]->ndim - (call->attrs->integer[1] ? 1 : 2)];
  case MG_OP_linear:
  case MG_OP_linear_rectified:
    return 2 * (double)out->numel * (double)in[1]->shape[0];
  case MG_OP_maxout: /* all pieces, unless their values are given */
    return in[4] ? 0 : 2 * (double)out->numel / (double)MG_MAX(out->shape[1], 1) * (double)in[1]->numel;
  case MG_OP_maxout_input: /* one piece of each unit */
    return 2 * (double)in[0]->numel * (double)out->shape[1];
  case MG_OP_maxout_weight:
    return 2 * (double)in[1]->numel * (double)in[0]->shape[1];
  case MG_OP_conv2d:
    return convolution(out, in[1]);
  case MG_OP_conv2d_input:
    return convolution(in[0], in[1]);
  case MG_OP_conv2d_weight:
    return convolution(in[1], out);
  default:
    return 0;
  }
}

double mg_op_bytes(const mg_call *call) {
  if (!call->op->shape) return 0; /* the result shares an input's memory */
  double elements = call->out ? (double)call->out->numel : 0;
  for (int i = 0; i < call->n; i++)
    if (call->in[i]) elements += (double)call->in[i]->numel;
  return elements * sizeof(real);
}

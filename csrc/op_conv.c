/* Two-dimensional convolution over channels-last images: the three partials of one trilinear
 * form, each one's vjp being the other two. */
#include <string.h>

#include "conv.h"
#include "op_rows.h"

/* attrs.shape: stride, padding, dilation (vertical, horizontal each), groups. */
static mg_geometry geometry_of(const mg_attrs *attrs) {
  const int64_t *s = attrs->shape;
  return (mg_geometry){{s[0], s[1]}, {s[2], s[3]}, {s[4], s[5]}, s[6]};
}

static mg_attrs attrs_of(const mg_geometry *g, int64_t height, int64_t width) {
  return (mg_attrs){
      .integer = {height, width},
      .ndim = 7,
      .shape = {g->stride[0], g->stride[1], g->padding[0], g->padding[1], g->dilation[0], g->dilation[1], g->groups}};
}

/* The sizes of x, weight (or just the kernel's) and y that fit each other; false with an error. */
static bool check_geometry(mg_conv *v) {
  const mg_geometry *g = &v->geometry;
  for (int i = 0; i < 2; i++)
    if (g->stride[i] < 1 || g->padding[i] < 0 || g->dilation[i] < 1 || g->stride[i] > 1 << 20 ||
        g->padding[i] > 1 << 20 || g->dilation[i] > 1 << 20)
      return mg_fail("expected stride >= 1, padding >= 0 and dilation >= 1, got %lld, %lld and %lld",
                     (long long)g->stride[i], (long long)g->padding[i], (long long)g->dilation[i]),
             false;
  if (g->groups < 1 || v->c % g->groups || v->o % g->groups)
    return mg_fail("expected channels that divide by groups, got %lld and %lld channels for %lld groups",
                   (long long)v->c, (long long)v->o, (long long)g->groups),
           false;
  if (v->kh < 1 || v->kw < 1 || v->kh > MG_MAX_KERNEL || v->kw > MG_MAX_KERNEL)
    return mg_fail("expected a kernel of 1 to %d taps a side, got %lld x %lld", MG_MAX_KERNEL, (long long)v->kh,
                   (long long)v->kw),
           false;
  v->oh = mg_conv_size(v->h, v->kh, g->stride[0], g->padding[0], g->dilation[0]);
  v->ow = mg_conv_size(v->w, v->kw, g->stride[1], g->padding[1], g->dilation[1]);
  if (v->oh < 1 || v->ow < 1)
    return mg_fail("a %lld x %lld image leaves no output for a %lld x %lld kernel with padding %lld x %lld and "
                   "dilation %lld x %lld",
                   (long long)v->h, (long long)v->w, (long long)v->kh, (long long)v->kw, (long long)g->padding[0],
                   (long long)g->padding[1], (long long)g->dilation[0], (long long)g->dilation[1]),
           false;
  return true;
}

static bool check_images(const mg_tensor *x) {
  if (x->ndim != 4) return mg_fail("expected images (n, height, width, channels), got %s", mg_tensor_text(x)), false;
  return true;
}

static bool check_bias(const mg_tensor *bias, int64_t channels) {
  if (bias && (bias->ndim != 1 || bias->shape[0] != channels))
    return mg_fail("expected a bias (%lld,), got %s", (long long)channels, mg_tensor_text(bias)), false;
  return true;
}

static bool read_weight(const mg_tensor *weight, mg_conv *v) {
  if (weight->ndim != 4)
    return mg_fail("expected a weight (kernel height, kernel width, in, out), got %s", mg_tensor_text(weight)), false;
  v->kh = weight->shape[0];
  v->kw = weight->shape[1];
  v->c = weight->shape[2] * v->geometry.groups;
  v->o = weight->shape[3];
  return true;
}

static mg_tensor *bias_gradient(mg_tensor *g) {
  int64_t channels = g->shape[3];
  return mg_sum(mg_reshape(g, 2, (int64_t[]){g->numel / MG_MAX(channels, 1), channels}), 0, false);
}

/* ---- conv2d -------------------------------------------------------------------------------- */

static bool read_conv2d(const mg_call *call, mg_conv *v) {
  const mg_tensor *x = call->in[0];
  *v = (mg_conv){.geometry = geometry_of(call->attrs)};
  if (!check_images(x) || !read_weight(call->in[1], v)) return false;
  v->n = x->shape[0], v->h = x->shape[1], v->w = x->shape[2];
  if (v->c != x->shape[3]) return mg_fail("expected %lld channels, got %s", (long long)v->c, mg_tensor_text(x)), false;
  return check_geometry(v) && check_bias(call->in[2], v->o);
}

bool mg_shape_conv2d(const mg_call *call, mg_shape *result) {
  mg_conv v;
  if (!read_conv2d(call, &v)) return false;
  *result = (mg_shape){4, {v.n, v.oh, v.ow, v.o}};
  return true;
}

bool mg_forward_conv2d(mg_call *call) {
  mg_conv v;
  return read_conv2d(call, &v) && mg_conv_forward(&v, call->in[0]->data, call->in[1]->data,
                                                  call->in[2] ? call->in[2]->data : NULL, call->out->data);
}

mg_tensor *mg_conv2d(mg_tensor *x, mg_tensor *weight, mg_tensor *bias, const mg_geometry *geometry) {
  mg_attrs attrs = attrs_of(geometry, 0, 0);
  return mg_apply(MG_OP_conv2d, (mg_tensor *[]){x, weight, bias}, 3, &attrs);
}

void mg_vjp_conv2d(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  mg_geometry geometry = geometry_of(&node->attrs);
  const int64_t *x = node->edge[0].shape.size, *weight = node->edge[1].shape.size;
  if (mg_wants(node, 0)) gradient[0] = mg_conv2d_input(g, mg_input(node, 1), NULL, x[1], x[2], &geometry);
  if (mg_wants(node, 1)) gradient[1] = mg_conv2d_weight(mg_input(node, 0), g, weight[0], weight[1], &geometry);
  if (mg_wants(node, 2)) gradient[2] = bias_gradient(g);
}

/* ---- conv2d_input: the transposed convolution ------------------------------------------------ */

static bool read_conv2d_input(const mg_call *call, mg_conv *v) {
  const mg_tensor *y = call->in[0];
  *v = (mg_conv){.geometry = geometry_of(call->attrs), .h = call->attrs->integer[0], .w = call->attrs->integer[1]};
  if (!check_images(y) || !read_weight(call->in[1], v)) return false;
  v->n = y->shape[0];
  if (v->o != y->shape[3]) return mg_fail("expected %lld channels, got %s", (long long)v->o, mg_tensor_text(y)), false;
  if (!check_geometry(v)) return false;
  if (v->oh != y->shape[1] || v->ow != y->shape[2])
    return mg_fail("a result of %lld x %lld pixels has %lld x %lld positions for this kernel, but got %s",
                   (long long)v->h, (long long)v->w, (long long)v->oh, (long long)v->ow, mg_tensor_text(y)),
           false;
  return check_bias(call->in[2], v->c);
}

bool mg_shape_conv2d_input(const mg_call *call, mg_shape *result) {
  mg_conv v;
  if (!read_conv2d_input(call, &v)) return false;
  *result = (mg_shape){4, {v.n, v.h, v.w, v.c}};
  return true;
}

bool mg_forward_conv2d_input(mg_call *call) {
  mg_conv v;
  return read_conv2d_input(call, &v) && mg_conv_input(&v, call->in[0]->data, call->in[1]->data,
                                                      call->in[2] ? call->in[2]->data : NULL, call->out->data);
}

mg_tensor *mg_conv2d_input(mg_tensor *y, mg_tensor *weight, mg_tensor *bias, int64_t height, int64_t width,
                           const mg_geometry *geometry) {
  mg_attrs attrs = attrs_of(geometry, height, width);
  return mg_apply(MG_OP_conv2d_input, (mg_tensor *[]){y, weight, bias}, 3, &attrs);
}

void mg_vjp_conv2d_input(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  mg_geometry geometry = geometry_of(&node->attrs);
  const int64_t *weight = node->edge[1].shape.size;
  if (mg_wants(node, 0)) gradient[0] = mg_conv2d(g, mg_input(node, 1), NULL, &geometry);
  if (mg_wants(node, 1)) gradient[1] = mg_conv2d_weight(g, mg_input(node, 0), weight[0], weight[1], &geometry);
  if (mg_wants(node, 2)) gradient[2] = bias_gradient(g);
}

/* ---- conv2d_weight ------------------------------------------------------------------------- */

static bool read_conv2d_weight(const mg_call *call, mg_conv *v) {
  const mg_tensor *x = call->in[0], *y = call->in[1];
  if (!check_images(x) || !check_images(y)) return false;
  *v = (mg_conv){.n = x->shape[0],
                 .h = x->shape[1],
                 .w = x->shape[2],
                 .c = x->shape[3],
                 .kh = call->attrs->integer[0],
                 .kw = call->attrs->integer[1],
                 .o = y->shape[3],
                 .geometry = geometry_of(call->attrs)};
  if (!check_geometry(v)) return false;
  if (y->shape[0] != v->n || y->shape[1] != v->oh || y->shape[2] != v->ow)
    return mg_fail("expected (%lld, %lld, %lld, out) beside %s, got %s", (long long)v->n, (long long)v->oh,
                   (long long)v->ow, mg_tensor_text(x), mg_tensor_text(y)),
           false;
  return true;
}

bool mg_shape_conv2d_weight(const mg_call *call, mg_shape *result) {
  mg_conv v;
  if (!read_conv2d_weight(call, &v)) return false;
  *result = (mg_shape){4, {v.kh, v.kw, v.c / v.geometry.groups, v.o}};
  return true;
}

bool mg_forward_conv2d_weight(mg_call *call) {
  mg_conv v;
  return read_conv2d_weight(call, &v) && mg_conv_weight(&v, call->in[0]->data, call->in[1]->data, call->out->data);
}

mg_tensor *mg_conv2d_weight(mg_tensor *x, mg_tensor *y, int64_t kernel_height, int64_t kernel_width,
                            const mg_geometry *geometry) {
  mg_attrs attrs = attrs_of(geometry, kernel_height, kernel_width);
  return mg_apply(MG_OP_conv2d_weight, (mg_tensor *[]){x, y}, 2, &attrs);
}

void mg_vjp_conv2d_weight(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  mg_geometry geometry = geometry_of(&node->attrs);
  const int64_t *x = node->edge[0].shape.size;
  if (mg_wants(node, 0)) gradient[0] = mg_conv2d_input(mg_input(node, 1), g, NULL, x[1], x[2], &geometry);
  if (mg_wants(node, 1)) gradient[1] = mg_conv2d(mg_input(node, 0), g, NULL, &geometry);
}

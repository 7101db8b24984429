/* Pooling over windows of channels-last images.  A maximum is a gather at the positions that
 * max_pool2d_index finds; an average is linear, and avg_pool2d_input is its transpose. */
#include <math.h>
#include <string.h>

#include "conv.h"
#include "kernel.h"
#include "op_rows.h"
#include "parallel.h"

typedef struct pool_job {
  int64_t n, h, w, c, kh, kw, oh, ow;
  mg_geometry geometry;
  const real *from;
  real *to;
} pool_job;

/* Read sizes of x (n, h, w, c) and attributes (kernel, geometry), and check that they fit. */
static bool read_pool(const mg_attrs *attrs, int64_t n, int64_t h, int64_t w, int64_t c, pool_job *job) {
  const int64_t *s = attrs->shape;
  *job = (pool_job){
      n,    h,   w, c, attrs->integer[0], attrs->integer[1], 0, 0, {{s[0], s[1]}, {s[2], s[3]}, {s[4], s[5]}, 1},
      NULL, NULL};
  const mg_geometry *g = &job->geometry;
  const int64_t kernel[2] = {job->kh, job->kw}, size[2] = {h, w};
  for (int i = 0; i < 2; i++) {
    if (g->stride[i] < 1 || g->dilation[i] < 1 || kernel[i] < 1 || kernel[i] > 1 << 20)
      return mg_fail("expected kernel, stride and dilation of at least 1, got %lld, %lld and %lld",
                     (long long)kernel[i], (long long)g->stride[i], (long long)g->dilation[i]),
             false;
    if (g->padding[i] < 0 || g->padding[i] > kernel[i] / 2)
      return mg_fail("expected a padding from 0 to half the kernel of %lld, got %lld", (long long)kernel[i],
                     (long long)g->padding[i]),
             false;
  }
  /* Taps further apart than the image is long could all lie in the padding. */
  for (int i = 0; i < 2; i++)
    if (g->padding[i] > 0 && g->dilation[i] > size[i])
      return mg_fail("expected a dilation of at most the image's %lld pixels, got %lld", (long long)size[i],
                     (long long)g->dilation[i]),
             false;
  if (s[6] != 1) return mg_fail("pooling takes no groups, got %lld", (long long)s[6]), false;
  job->oh = mg_conv_size(h, job->kh, g->stride[0], g->padding[0], g->dilation[0]);
  job->ow = mg_conv_size(w, job->kw, g->stride[1], g->padding[1], g->dilation[1]);
  if (job->oh < 1 || job->ow < 1)
    return mg_fail("a %lld x %lld image leaves no output for a %lld x %lld window", (long long)h, (long long)w,
                   (long long)job->kh, (long long)job->kw),
           false;
  return true;
}

static bool read_images(const mg_call *call, pool_job *job) {
  const mg_tensor *x = call->in[0];
  if (x->ndim != 4) return mg_fail("expected images (n, height, width, channels), got %s", mg_tensor_text(x)), false;
  if (!read_pool(call->attrs, x->shape[0], x->shape[1], x->shape[2], x->shape[3], job)) return false;
  job->from = x->data;
  job->to = call->out ? call->out->data : NULL;
  return true;
}

/* For every window (n, y, x) of images [begin, end) and every pixel of it within the image. */
#define FOR_WINDOWS(job, begin, end)                                                                                   \
  for (int64_t n = (begin); n < (end); n++)                                                                            \
    for (int64_t oy = 0; oy < (job)->oh; oy++)                                                                         \
      for (int64_t ox = 0; ox < (job)->ow; ox++)
#define FOR_PIXELS(job)                                                                                                \
  for (int64_t i = 0, y = oy * (job)->geometry.stride[0] - (job)->geometry.padding[0]; i < (job)->kh;                  \
       i++, y += (job)->geometry.dilation[0])                                                                          \
    for (int64_t j = 0, x = ox * (job)->geometry.stride[1] - (job)->geometry.padding[1]; j < (job)->kw;                \
         j++, x += (job)->geometry.dilation[1])                                                                        \
      if (y >= 0 && y < (job)->h && x >= 0 && x < (job)->w)

/* ---- maxima -------------------------------------------------------------------------------- */

bool mg_shape_max_pool2d_index(const mg_call *call, mg_shape *result) {
  pool_job job;
  if (!read_images(call, &job)) return false;
  *result = (mg_shape){4, {job.n, job.oh, job.ow, job.c}};
  return true;
}

#define CHANNELS 256 /* taken at a time */

/* Where the largest of a window stands, for n channels from the one on that `image` points at. */
static void max_window(const pool_job *job, const real *image, int64_t oy, int64_t ox, int64_t n, real *at) {
  real best[CHANNELS];
  bool first = true;
  FOR_PIXELS(job) {
    int64_t pixel = y * job->w + x;
    const real *here = image + pixel * job->c;
    if (!first) {
      mg_kernel->take_larger(n, here, (real)pixel, best, at);
      continue;
    }
    memcpy(best, here, (size_t)n * sizeof *best);
    for (int64_t c = 0; c < n; c++) at[c] = (real)pixel;
    first = false;
  }
}

static void max_images(void *argument, int64_t begin, int64_t end) {
  const pool_job *job = argument;
  FOR_WINDOWS(job, begin, end) {
    real *at = job->to + ((n * job->oh + oy) * job->ow + ox) * job->c;
    const real *image = job->from + n * job->h * job->w * job->c;
    for (int64_t c = 0; c < job->c; c += CHANNELS)
      max_window(job, image + c, oy, ox, MG_MIN(CHANNELS, job->c - c), at + c);
  }
}

bool mg_forward_max_pool2d_index(mg_call *call) {
  pool_job job;
  if (!read_images(call, &job)) return false;
  mg_parallel_ranges(job.n, 1, max_images, &job);
  return true;
}

static mg_attrs pool_attrs(int64_t kh, int64_t kw, int64_t h, int64_t w, const mg_geometry *g) {
  return (mg_attrs){
      .integer = {kh, kw, h, w},
      .ndim = 7,
      .shape = {g->stride[0], g->stride[1], g->padding[0], g->padding[1], g->dilation[0], g->dilation[1], g->groups}};
}

mg_tensor *mg_max_pool2d(mg_tensor *x, int64_t kh, int64_t kw, const mg_geometry *geometry) {
  mg_attrs attrs = pool_attrs(kh, kw, 0, 0, geometry);
  mg_tensor *index = mg_apply(MG_OP_max_pool2d_index, &x, 1, &attrs);
  if (!index) return NULL;
  const int64_t *in = x->shape, *out = index->shape;
  mg_tensor *pixels = mg_reshape(x, 3, (int64_t[]){in[0], in[1] * in[2], in[3]});
  mg_tensor *at = mg_reshape(index, 3, (int64_t[]){out[0], out[1] * out[2], out[3]});
  return mg_reshape(mg_gather(pixels, 1, at), 4, out);
}

/* ---- averages: zeros of the padding count, as PyTorch's do ---------------------------------------- */

bool mg_shape_avg_pool2d(const mg_call *call, mg_shape *result) { return mg_shape_max_pool2d_index(call, result); }

static void average_images(void *argument, int64_t begin, int64_t end) {
  const pool_job *job = argument;
  const real share = (real)1 / (real)(job->kh * job->kw);
  FOR_WINDOWS(job, begin, end) {
    real *to = job->to + ((n * job->oh + oy) * job->ow + ox) * job->c;
    memset(to, 0, (size_t)job->c * sizeof(real));
    FOR_PIXELS(job) mg_kernel->axpy(job->c, share, job->from + ((n * job->h + y) * job->w + x) * job->c, to);
  }
}

bool mg_forward_avg_pool2d(mg_call *call) {
  pool_job job;
  if (!read_images(call, &job)) return false;
  mg_parallel_ranges(job.n, 1, average_images, &job);
  return true;
}

mg_tensor *mg_avg_pool2d(mg_tensor *x, int64_t kh, int64_t kw, const mg_geometry *geometry) {
  mg_attrs attrs = pool_attrs(kh, kw, 0, 0, geometry);
  return mg_apply(MG_OP_avg_pool2d, &x, 1, &attrs);
}

void mg_vjp_avg_pool2d(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  mg_attrs attrs = node->attrs;
  attrs.integer[2] = node->edge[0].shape.size[1];
  attrs.integer[3] = node->edge[0].shape.size[2];
  gradient[0] = mg_apply(MG_OP_avg_pool2d_input, &g, 1, &attrs);
}

static bool read_spread(const mg_call *call, pool_job *job) {
  const mg_tensor *y = call->in[0];
  if (y->ndim != 4) return mg_fail("expected images (n, height, width, channels), got %s", mg_tensor_text(y)), false;
  if (!read_pool(call->attrs, y->shape[0], call->attrs->integer[2], call->attrs->integer[3], y->shape[3], job))
    return false;
  if (job->oh != y->shape[1] || job->ow != y->shape[2])
    return mg_fail("a result of %lld x %lld pixels has %lld x %lld windows, but got %s", (long long)job->h,
                   (long long)job->w, (long long)job->oh, (long long)job->ow, mg_tensor_text(y)),
           false;
  job->from = y->data;
  job->to = call->out ? call->out->data : NULL;
  return true;
}

bool mg_shape_avg_pool2d_input(const mg_call *call, mg_shape *result) {
  pool_job job;
  if (!read_spread(call, &job)) return false;
  *result = (mg_shape){4, {job.n, job.h, job.w, job.c}};
  return true;
}

static void spread_images(void *argument, int64_t begin, int64_t end) {
  const pool_job *job = argument;
  const real share = (real)1 / (real)(job->kh * job->kw);
  int64_t image = job->h * job->w * job->c;
  memset(job->to + begin * image, 0, (size_t)((end - begin) * image) * sizeof(real));
  FOR_WINDOWS(job, begin, end) {
    const real *from = job->from + ((n * job->oh + oy) * job->ow + ox) * job->c;
    FOR_PIXELS(job) mg_kernel->axpy(job->c, share, from, job->to + ((n * job->h + y) * job->w + x) * job->c);
  }
}

bool mg_forward_avg_pool2d_input(mg_call *call) {
  pool_job job;
  if (!read_spread(call, &job)) return false;
  mg_parallel_ranges(job.n, 1, spread_images, &job);
  return true;
}

void mg_vjp_avg_pool2d_input(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  gradient[0] = mg_apply(MG_OP_avg_pool2d, &g, 1, &node->attrs);
}

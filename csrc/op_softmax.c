/* op_softmax.c: softmax and its logarithm along one dimension, stable by taking off the largest. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "kernel.h"
#include "op_rows.h"
#include "parallel.h"

/* Columns of the general case that are taken together. */
#define STRIP 256
/* Of a row: not worth a call for its maximum. */
#define SHORT 32

/* x and y are (outer, size, inner). */
typedef struct softmax {
  int64_t size, inner, strips;
  const real *x;
  real *y;
  bool logarithm;
} softmax;

/* ---- inner = 1: rows ----------------------------------------------------------------------- */

/* The largest of x, or NaN where there is one.  The vectorised kernel halves a long row until the
 * rest is short; scratch has room for n elements. */
static real row_max(int64_t n, const real *x, real *scratch) {
  while (n > SHORT) {
    int64_t half = n / 2;
    mg_kernel->maximum(half, x, 1, x + n - half, 1, scratch, 0, 0);
    if (n % 2) scratch[half] = x[half];
    n -= half;
    x = scratch;
  }
  real max = x[0];
  for (int64_t i = 1; i < n; i++) max = x[i] > max || x[i] != x[i] ? x[i] : max;
  return max;
}

static void softmax_rows(void *argument, int64_t begin, int64_t end) {
  const softmax *s = argument;
  const mg_kernels *k = mg_kernel;
  for (int64_t row = begin; row < end; row++) {
    const real *x = s->x + row * s->size;
    real *y = s->y + row * s->size, max = row_max(s->size, x, y);
    k->affine(s->size, x, y, 1, -max);
    k->exp(s->size, y, y, 0, 0);
    real sum = k->sum(s->size, y);
    if (s->logarithm) {
      k->affine(s->size, x, y, 1, -max);
      k->affine(s->size, y, y, 1, -(real)log((double)sum));
    } else {
      k->affine(s->size, y, y, 1 / sum, 0);
    }
  }
}

/* ---- any inner: strips of columns ---------------------------------------------------------- */

static void softmax_strip(const softmax *s, const real *x, real *y, int64_t width) {
  const mg_kernels *k = mg_kernel;
  real max[STRIP], sum[STRIP];
  memcpy(max, x, (size_t)width * sizeof(real));
  for (int64_t j = 1; j < s->size; j++) k->maximum(width, x + j * s->inner, 1, max, 1, max, 0, 0);
  memset(sum, 0, sizeof sum);
  for (int64_t j = 0; j < s->size; j++) {
    real *row = y + j * s->inner;
    k->sub(width, x + j * s->inner, 1, max, 1, row, 0, 0);
    k->exp(width, row, row, 0, 0);
    k->accumulate(width, row, sum);
  }
  if (s->logarithm) k->log(width, sum, sum, 0, 0);
  for (int64_t j = 0; j < s->size; j++) {
    real *row = y + j * s->inner;
    if (s->logarithm) {
      k->sub(width, x + j * s->inner, 1, max, 1, row, 0, 0);
      k->sub(width, row, 1, sum, 1, row, 0, 0);
    } else {
      k->div(width, row, 1, sum, 1, row, 0, 0);
    }
  }
}

/* Strip u % strips of outer position u / strips. */
static void softmax_strips(void *argument, int64_t begin, int64_t end) {
  const softmax *s = argument;
  for (int64_t u = begin; u < end; u++) {
    int64_t first = u % s->strips * STRIP, start = u / s->strips * s->size * s->inner + first;
    softmax_strip(s, s->x + start, s->y + start, MG_MIN(STRIP, s->inner - first));
  }
}

/* ---- the operations ------------------------------------------------------------------------ */

static bool forward(mg_call *call, bool logarithm) {
  const mg_tensor *x = call->in[0];
  int64_t dim = call->attrs->integer[0];
  if (x->numel == 0) return true;
  softmax s = {.size = x->shape[dim], .inner = 1, .x = x->data, .y = call->out->data, .logarithm = logarithm};
  for (int i = (int)dim + 1; i < x->ndim; i++) s.inner *= x->shape[i];
  int64_t outer = x->numel / (s.size * s.inner);
  s.strips = (s.inner + STRIP - 1) / STRIP;
  int64_t grain = MG_MAX(1, MG_GRAIN / 8 / (s.size * MG_MIN(STRIP, s.inner))); /* an exponential is worth 8 elements */
  if (s.inner == 1)
    mg_parallel_ranges(outer, grain, softmax_rows, &s);
  else
    mg_parallel_ranges(outer * s.strips, grain, softmax_strips, &s);
  return true;
}

bool mg_forward_softmax(mg_call *call) { return forward(call, false); }
bool mg_forward_log_softmax(mg_call *call) { return forward(call, true); }

/* y (g - sum(g y)) */
void mg_vjp_softmax(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  mg_tensor *y = mg_output(node);
  mg_tensor *mean = mg_sum(mg_mul(g, y), (int)node->attrs.integer[0], true);
  gradient[0] = mg_mul(y, mg_sub(g, mean));
}

/* g - exp(y) sum(g) */
void mg_vjp_log_softmax(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  mg_tensor *total = mg_sum(g, (int)node->attrs.integer[0], true);
  gradient[0] = mg_sub(g, mg_mul(mg_exp(mg_output(node)), total));
}

mg_tensor *mg_softmax(mg_tensor *x, int dim) {
  mg_attrs attrs = {.integer = {dim}};
  return mg_apply(MG_OP_softmax, &x, 1, &attrs);
}

mg_tensor *mg_log_softmax(mg_tensor *x, int dim) {
  mg_attrs attrs = {.integer = {dim}};
  return mg_apply(MG_OP_log_softmax, &x, 1, &attrs);
}

/* max + log(sum(exp(x - max))), the maximum a constant: its derivatives cancel.  An infinite one
 * is limited, because infinity less infinity is no number. */
mg_tensor *mg_logsumexp(mg_tensor *x, int dim, bool keepdim) {
  const double limit = sizeof(real) == sizeof(float) ? FLT_MAX : DBL_MAX;
  mg_tensor *max = mg_clamp(mg_max(mg_detach(x), dim, true), -limit, limit);
  mg_tensor *sum = mg_sum(mg_exp(mg_sub(x, max)), dim, keepdim);
  if (!sum) return NULL;
  return mg_add(mg_log(sum), mg_reshape(max, sum->ndim, sum->shape));
}

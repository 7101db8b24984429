/* Batch normalisation (Ioffe and Szegedy 2015) over rows of features: the moments, the fused
 * function and its fused gradient, with the compositions that specify them. */
#include <math.h>
#include <string.h>

#include "kernel.h"
#include "op_rows.h"
#include "parallel.h"
#include "reduce.h"

static int64_t features_of(const mg_tensor *x) { return x->shape[x->ndim - 1]; }

/* x, gradient or result as (rows, features). */
typedef struct norm_job {
  const real *g, *x;
  real *y;
  int64_t features;
  const real *p, *q, *r;     /* one value a feature */
  const real *scale, *shift; /* the norm is x scale + shift by feature */
  real slope;                /* of the rectifier after it; 1: none */
} norm_job;

/* ---- moments ------------------------------------------------------------------------------- */

bool mg_shape_moments(const mg_call *call, mg_shape *result) {
  const mg_tensor *x = call->in[0];
  if (x->ndim < 2 || x->numel == 0)
    return mg_fail("expected at least one row of features, got %s", mg_tensor_text(x)), false;
  *result = (mg_shape){2, {2, features_of(x)}};
  return true;
}

static void moment_columns(void *argument, int64_t row, int64_t rows, int64_t column, int64_t columns,
                           real *const *out) {
  const norm_job *job = argument;
  mg_kernel->column_moments(rows, columns, job->features, job->x + row * job->features + column, job->p + column,
                            out[0], out[1]);
}

/* From sums of differences d from the first row, and of d^2: a mean far from 0 costs no digits of the variance. */
static void finish_moments(int64_t n, int64_t rows, const real *first, real *mean, real *variance) {
  for (int64_t j = 0; j < n; j++) {
    real shifted = mean[j] / (real)rows;
    mean[j] = first[j] + shifted;
    variance[j] = MG_MAX(variance[j] / (real)rows - shifted * shifted, 0);
  }
}

bool mg_forward_moments(mg_call *call) {
  const mg_tensor *x = call->in[0];
  int64_t features = features_of(x), rows = x->numel / features;
  real *mean = call->out->data, *variance = mean + features;
  norm_job job = {.x = x->data, .features = features, .p = x->data};
  if (!mg_reduce_columns(rows, features, 2, moment_columns, &job, (real *[]){mean, variance})) return false;
  finish_moments(features, rows, x->data, mean, variance);
  return true;
}

mg_tensor *mg_moments(mg_tensor *x) { return mg_apply(MG_OP_moments, &x, 1, NULL); }

/* ---- batch_norm ---------------------------------------------------------------------------- */

static bool check_features(const mg_tensor *x, const mg_tensor *const *vectors, int n, const mg_tensor *moments,
                           const mg_attrs *attrs) {
  if (!mg_check_slope(attrs->number[1])) return false;
  if (x->ndim < 2) return mg_fail("expected rows of features, got %s", mg_tensor_text(x)), false;
  int64_t features = features_of(x);
  for (int i = 0; i < n; i++)
    if (vectors[i]->ndim != 1 || vectors[i]->shape[0] != features)
      return mg_fail("expected gamma and beta (%lld,), got %s", (long long)features, mg_tensor_text(vectors[i])), false;
  if (moments->ndim != 2 || moments->shape[0] != 2 || moments->shape[1] != features)
    return mg_fail("expected moments (2, %lld), got %s", (long long)features, mg_tensor_text(moments)), false;
  return true;
}

bool mg_shape_batch_norm(const mg_call *call, mg_shape *result) {
  const mg_tensor *vectors[] = {call->in[1], call->in[2]};
  return check_features(call->in[0], vectors, 2, call->in[3], call->attrs) && mg_shape_same(call, result);
}

static void affine_rows(void *argument, int64_t begin, int64_t end) {
  const norm_job *job = argument;
  int64_t offset = begin * job->features;
  mg_kernel->column_affine(end - begin, job->features, job->features, job->x + offset, job->scale, job->shift,
                           job->slope, job->y + offset);
}

static int64_t row_grain(int64_t features) { return MG_MAX(MG_GRAIN / MG_MAX(features, 1), 1); }

/* Rows by ranges; the moments are known. */
static void norm_rows(const mg_call *call, real *scale, real *shift) {
  const mg_tensor *x = call->in[0];
  const real *mean = call->in[3]->data;
  int64_t features = features_of(x);
  mg_kernel->norm_affine(features, call->in[1]->data, call->in[2]->data, mean, mean + features, call->attrs->number[0],
                         scale, shift);
  norm_job job = {.x = x->data,
                  .y = call->out->data,
                  .features = features,
                  .scale = scale,
                  .shift = shift,
                  .slope = (real)call->attrs->number[1]};
  mg_parallel_ranges(x->numel / features, row_grain(features), affine_rows, &job);
}

/* ---- few rows: some columns' moments and norm in one, while they are in cache ---------------- */

#define FEW_ROWS 256
#define COLUMNS 64 /* of a task */

typedef struct column_job {
  const mg_call *call;
  real *scale, *shift;
} column_job;

static void norm_columns(void *argument, int64_t begin, int64_t end) {
  const column_job *job = argument;
  const mg_call *call = job->call;
  int64_t features = features_of(call->in[0]), rows = call->in[0]->numel / features, n = end - begin;
  const real *x = call->in[0]->data + begin, *gamma = call->in[1]->data + begin, *beta = call->in[2]->data + begin;
  real *mean = call->in[3]->data + begin, *variance = mean + features;
  real *scale = job->scale + begin, *shift = job->shift + begin;
  mg_kernel->column_moments(rows, n, features, x, x, mean, variance);
  finish_moments(n, rows, x, mean, variance);
  mg_kernel->norm_affine(n, gamma, beta, mean, variance, call->attrs->number[0], scale, shift);
  mg_kernel->column_affine(rows, n, features, x, scale, shift, (real)call->attrs->number[1], call->out->data + begin);
}

mg_tensor *mg_batch_norm_of_batch(mg_tensor *x, mg_tensor *gamma, mg_tensor *beta, double eps, double slope,
                                  mg_tensor **moments) {
  int64_t features = features_of(x), rows = x->numel / MG_MAX(features, 1);
  bool few = rows >= 1 && rows <= FEW_ROWS;
  *moments = few ? mg_tensor_new(2, (int64_t[]){2, features}) : mg_moments(x);
  mg_attrs attrs = {.number = {eps, slope}, .integer = {few}};
  return *moments ? mg_apply(MG_OP_batch_norm, (mg_tensor *[]){x, gamma, beta, *moments}, 4, &attrs) : NULL;
}

/* attrs->integer[0]: the moments are still to be found. */
bool mg_forward_batch_norm(mg_call *call) {
  const mg_tensor *x = call->in[0];
  int64_t features = features_of(x);
  if (x->numel == 0) return true;
  size_t capacity;
  real *scale = mg_scratch_get((size_t)(2 * features) * sizeof(real), &capacity);
  if (!scale) return false;
  column_job job = {call, scale, scale + features};
  if (call->attrs->integer[0]) /* little work is not worth waking anybody */
    mg_parallel_ranges(features, x->numel < MG_GRAIN ? features : COLUMNS, norm_columns, &job);
  else
    norm_rows(call, job.scale, job.shift);
  mg_scratch_put(scale, capacity);
  return true;
}

mg_tensor *mg_batch_norm(mg_tensor *x, mg_tensor *gamma, mg_tensor *beta, mg_tensor *moments, double eps,
                         double slope) {
  mg_attrs attrs = {.number = {eps, slope}};
  return mg_apply(MG_OP_batch_norm, (mg_tensor *[]){x, gamma, beta, moments}, 4, &attrs);
}

/* Rows of x with zero mean and unit variance by feature, and 1 / sqrt(variance + eps). */
static mg_tensor *normalise(mg_tensor *rows, double eps, mg_tensor **inverse) {
  mg_tensor *centred = mg_sub(rows, mg_mean(rows, 0, true));
  *inverse = mg_pow_scalar(mg_affine(mg_mean(mg_square(centred), 0, true), 1, eps), -0.5);
  return mg_mul(centred, *inverse);
}

static mg_tensor *as_rows(mg_tensor *x) {
  int64_t features = features_of(x);
  return mg_reshape(x, 2, (int64_t[]){x->numel / MG_MAX(features, 1), features});
}

mg_tensor *mg_compose_batch_norm(mg_tensor *const *in, int n, const mg_attrs *attrs) {
  (void)n;
  mg_tensor *inverse, *unit = normalise(as_rows(in[0]), attrs->number[0], &inverse);
  mg_tensor *y = mg_rectify(mg_add(mg_mul(unit, in[1]), in[2]), attrs->number[1]);
  return mg_reshape(y, in[0]->ndim, in[0]->shape);
}

void mg_vjp_batch_norm(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  mg_tensor *x = mg_input(node, 0), *gamma = mg_input(node, 1), *beta = mg_input(node, 2), *moments = mg_input(node, 3);
  const double *number = node->attrs.number;
  mg_tensor *packed = mg_batch_norm_grad(g, x, gamma, beta, moments, number[0], number[1]);
  if (!packed) return;
  int64_t rows = packed->shape[0] - 2;
  if (mg_wants(node, 0)) gradient[0] = mg_reshape(mg_narrow(packed, 0, 0, rows), x->ndim, x->shape);
  if (mg_wants(node, 1)) gradient[1] = mg_select(packed, 0, rows);
  if (mg_wants(node, 2)) gradient[2] = mg_select(packed, 0, rows + 1);
}

/* ---- batch_norm_grad ----------------------------------------------------------------------- */

bool mg_shape_batch_norm_grad(const mg_call *call, mg_shape *result) {
  const mg_tensor *x = call->in[1], *vectors[] = {call->in[2], call->in[3]};
  if (!mg_shape_pair(call, result) || !check_features(x, vectors, 2, call->in[4], call->attrs)) return false;
  int64_t features = features_of(x);
  *result = (mg_shape){2, {x->numel / MG_MAX(features, 1) + 2, features}};
  return true;
}

static void product_columns(void *argument, int64_t row, int64_t rows, int64_t column, int64_t columns,
                            real *const *out) {
  const norm_job *job = argument;
  int64_t offset = row * job->features + column;
  mg_kernel->column_products(rows, columns, job->features, job->g + offset, job->x + offset, job->p + column,
                             job->scale + column, job->shift + column, job->slope, out[0], out[1]);
}

static void combine_rows(void *argument, int64_t begin, int64_t end) {
  const norm_job *job = argument;
  int64_t offset = begin * job->features;
  mg_kernel->column_combine(end - begin, job->features, job->features, job->g + offset, job->x + offset, job->p, job->q,
                            job->r, job->scale, job->shift, job->slope, job->y + offset);
}

/* With u = (x - mean) / s and g taken back through the rectifier:  gamma' = sum(g u), beta' = sum(g), and
 * x' = gamma / s (g - beta' / n - u gamma' / n), which is g p + x q + r by feature. */
bool mg_forward_batch_norm_grad(mg_call *call) {
  const mg_tensor *x = call->in[1];
  const real *gamma = call->in[2]->data, *mean = call->in[4]->data;
  const double eps = call->attrs->number[0];
  int64_t features = features_of(x), rows = call->out->shape[0] - 2;
  real *y = call->out->data, *gamma_grad = y + rows * features, *beta_grad = gamma_grad + features;
  size_t capacity;
  real *p = mg_scratch_get((size_t)(5 * features) * sizeof(real), &capacity);
  if (!p) return false;
  real *q = p + features, *r = q + features, *scale = r + features, *shift = scale + features;
  mg_kernel->norm_affine(features, gamma, call->in[3]->data, mean, mean + features, eps, scale, shift);
  norm_job job = {.g = call->in[0]->data,
                  .x = x->data,
                  .y = y,
                  .features = features,
                  .p = mean,
                  .scale = scale,
                  .shift = shift,
                  .slope = (real)call->attrs->number[1]};
  bool fine = mg_reduce_columns(rows, features, 2, product_columns, &job, (real *[]){beta_grad, gamma_grad});
  for (int64_t j = 0; j < features; j++) {
    double inverse = 1 / sqrt((double)mean[features + j] + eps);
    double product = (double)gamma_grad[j] * inverse; /* sum(g u) */
    double factor = (double)gamma[j] * inverse, count = (double)MG_MAX(rows, 1);
    gamma_grad[j] = (real)product;
    p[j] = (real)factor;
    q[j] = (real)(-factor * inverse * product / count);
    r[j] = (real)(-factor * (double)beta_grad[j] / count + factor * inverse * product / count * (double)mean[j]);
  }
  job.p = p, job.q = q, job.r = r;
  if (fine) mg_parallel_ranges(rows, row_grain(features), combine_rows, &job);
  mg_scratch_put(p, capacity);
  return fine;
}

mg_tensor *mg_batch_norm_grad(mg_tensor *g, mg_tensor *x, mg_tensor *gamma, mg_tensor *beta, mg_tensor *moments,
                              double eps, double slope) {
  mg_attrs attrs = {.number = {eps, slope}};
  return mg_apply(MG_OP_batch_norm_grad, (mg_tensor *[]){g, x, gamma, beta, moments}, 5, &attrs);
}

mg_tensor *mg_compose_batch_norm_grad(mg_tensor *const *in, int n, const mg_attrs *attrs) {
  (void)n;
  const double slope = attrs->number[1];
  mg_tensor *g = as_rows(in[0]), *inverse, *unit = normalise(as_rows(in[1]), attrs->number[0], &inverse);
  if (slope != 1) g = mg_leaky_relu_grad(g, mg_add(mg_mul(unit, in[2]), in[3]), slope);
  mg_tensor *product = mg_mul(g, unit);
  mg_tensor *inner = mg_sub(mg_sub(g, mg_mean(g, 0, true)), mg_mul(unit, mg_mean(product, 0, true)));
  mg_tensor *parts[] = {mg_mul(inner, mg_mul(in[2], inverse)), mg_sum(product, 0, true), mg_sum(g, 0, true)};
  return mg_cat(parts, 3, 0);
}

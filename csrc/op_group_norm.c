/* Normalisation within each sample, over its positions and the features of a group: InstanceNorm
 * (groups of one feature), GroupNorm, LayerNorm (one group).  The fused function and its fused
 * gradient, with the compositions that specify them. */
#include <math.h>

#include "kernel.h"
#include "op_rows.h"
#include "parallel.h"
#include "storage.h"

/* x as (samples, positions, features). */
typedef struct group_job {
  const real *g, *x, *gamma, *beta;
  real *y;
  int64_t samples, positions, features, groups, grain; /* grain: samples of a task */
  double eps;
  real *scratch; /* VECTORS of `features` numbers for each thread */
  real *partial; /* for each task, sums of g u, then of g, by feature; what gamma's and beta's gradients add up */
} group_job;

#define VECTORS 7

static int64_t size_of_group(const group_job *job) { return job->features / job->groups; }

static bool read_job(const mg_tensor *x, const mg_attrs *attrs, group_job *job) {
  if (x->ndim < 2) return mg_fail("expected samples of features, got %s", mg_tensor_text(x)), false;
  *job = (group_job){.x = x->data,
                     .samples = x->shape[0],
                     .positions = 1,
                     .features = x->shape[x->ndim - 1],
                     .groups = attrs->integer[0],
                     .eps = attrs->number[0]};
  for (int i = 1; i < x->ndim - 1; i++) job->positions *= x->shape[i];
  if (job->groups < 1 || job->features % job->groups)
    return mg_fail("expected groups that divide %lld features, got %lld", (long long)job->features,
                   (long long)job->groups),
           false;
  job->grain = MG_MAX(MG_GRAIN / MG_MAX(job->positions * job->features, 1), 1);
  return true;
}

static bool check_vector(const mg_tensor *t, const char *name, const group_job *job) {
  if (t->ndim == 1 && t->shape[0] == job->features) return true;
  return mg_fail("expected %s (%lld,), got %s", name, (long long)job->features, mg_tensor_text(t)), false;
}

/* Run body on all samples, with scratch for each thread. */
static bool over_samples(group_job *job, mg_range *body) {
  size_t capacity;
  job->scratch = mg_scratch_get((size_t)(mg_threads() * VECTORS * job->features) * sizeof(real), &capacity);
  if (!job->scratch) return false;
  mg_parallel_ranges(job->samples, job->grain, body, job);
  mg_scratch_put(job->scratch, capacity);
  return true;
}

/* Mean and biased variance of a group, features [c, c + size) of a sample; mean and spread hold, by feature,
 * sums over positions of differences from the first position and of their squares.  So a mean far from 0
 * costs no digits of the variance. */
static void combine_moments(const group_job *job, const real *x, int64_t size, const real *mean, const real *spread,
                            double *centre, double *variance) {
  const double n = (double)job->positions;
  double total = 0, squares = 0;
  for (int64_t j = 0; j < size; j++) total += (double)x[j] + (double)mean[j] / n;
  *centre = total / (double)size;
  for (int64_t j = 0; j < size; j++) {
    double shifted = (double)mean[j] / n, apart = (double)x[j] + shifted - *centre;
    squares += (double)spread[j] - n * shifted * shifted + n * apart * apart;
  }
  *variance = MG_MAX(squares, 0) / (n * (double)size);
}

/* The same for a sample of one position. */
static void row_moments(const real *x, int64_t size, real *scratch, double *centre, double *variance) {
  *centre = (double)mg_kernel->sum(size, x) / (double)size;
  mg_kernel->affine(size, x, scratch, 1, -(real)*centre);
  double shifted = (double)mg_kernel->sum(size, scratch) / (double)size; /* what rounding the centre left */
  *variance = MG_MAX((double)mg_kernel->sum_squares(size, scratch) / (double)size - shifted * shifted, 0);
  *centre = (double)(real)*centre + shifted;
}

static void fill(int64_t n, real *y, real value) {
  for (int64_t i = 0; i < n; i++) y[i] = value;
}

/* Mean and 1 / sqrt(variance + eps) of a feature's group, for each feature. */
static void find_moments(const group_job *job, const real *x, real *mean, real *inverse) {
  const int64_t size = size_of_group(job);
  if (job->positions > 1) mg_kernel->column_moments(job->positions, job->features, job->features, x, x, mean, inverse);
  for (int64_t c = 0; c < job->features; c += size) {
    double centre, variance;
    if (job->positions > 1)
      combine_moments(job, x + c, size, mean + c, inverse + c, &centre, &variance);
    else
      row_moments(x + c, size, inverse + c, &centre, &variance);
    fill(size, mean + c, (real)centre);
    fill(size, inverse + c, (real)(1 / sqrt(variance + job->eps)));
  }
}

/* ---- group_norm ---------------------------------------------------------------------------- */

bool mg_shape_group_norm(const mg_call *call, mg_shape *result) {
  group_job job;
  return read_job(call->in[0], call->attrs, &job) && check_vector(call->in[1], "gamma", &job) &&
         check_vector(call->in[2], "beta", &job) && mg_shape_same(call, result);
}

static void norm_samples(void *argument, int64_t begin, int64_t end) {
  const group_job *job = argument;
  const int64_t features = job->features, sample = job->positions * features;
  real *scale = job->scratch + mg_worker() * VECTORS * features, *shift = scale + features;
  for (int64_t n = begin; n < end; n++) {
    const real *x = job->x + n * sample;
    find_moments(job, x, shift, scale);
    for (int64_t j = 0; j < features; j++) {
      scale[j] *= job->gamma[j];
      shift[j] = job->beta[j] - shift[j] * scale[j];
    }
    mg_kernel->column_affine(job->positions, features, features, x, scale, shift, 1, job->y + n * sample);
  }
}

bool mg_forward_group_norm(mg_call *call) {
  group_job job;
  if (!read_job(call->in[0], call->attrs, &job)) return false;
  job.gamma = call->in[1]->data;
  job.beta = call->in[2]->data;
  job.y = call->out->data;
  return call->out->numel == 0 || over_samples(&job, norm_samples);
}

mg_tensor *mg_group_norm(mg_tensor *x, mg_tensor *gamma, mg_tensor *beta, int64_t groups, double eps) {
  mg_attrs attrs = {.integer = {groups}, .number = {eps}};
  return mg_apply(MG_OP_group_norm, (mg_tensor *[]){x, gamma, beta}, 3, &attrs);
}

void mg_vjp_group_norm(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  mg_tensor *x = mg_input(node, 0), *gamma = mg_input(node, 1);
  mg_tensor *packed = mg_group_norm_grad(g, x, gamma, node->attrs.integer[0], node->attrs.number[0]);
  if (!packed) return;
  int64_t rows = packed->shape[0] - 2;
  if (mg_wants(node, 0)) gradient[0] = mg_reshape(mg_narrow(packed, 0, 0, rows), x->ndim, x->shape);
  if (mg_wants(node, 1)) gradient[1] = mg_select(packed, 0, rows);
  if (mg_wants(node, 2)) gradient[2] = mg_select(packed, 0, rows + 1);
}

/* ---- group_norm_grad ----------------------------------------------------------------------- */

bool mg_shape_group_norm_grad(const mg_call *call, mg_shape *result) {
  group_job job;
  if (!mg_shape_pair(call, result) || !read_job(call->in[1], call->attrs, &job) ||
      !check_vector(call->in[2], "gamma", &job))
    return false;
  *result = (mg_shape){2, {job.samples * job.positions + 2, job.features}};
  return true;
}

/* With u = (x - mean) / s and means over the group:  x' = 1 / s (g gamma - mean(g gamma) - u mean(g gamma u)),
 * which is g p + x q + r by feature; gamma' = sum(g u), beta' = sum(g). */
static void grad_samples(void *argument, int64_t begin, int64_t end) {
  const group_job *job = argument;
  const int64_t features = job->features, sample = job->positions * features, size = size_of_group(job);
  real *mean = job->scratch + mg_worker() * VECTORS * features, *inverse = mean + features;
  real *sum = inverse + features, *product = sum + features;
  real *p = product + features, *q = p + features, *r = q + features;
  real *partial = job->partial + begin / job->grain * 2 * features;
  for (int64_t j = 0; j < 2 * features; j++) partial[j] = 0;
  for (int64_t n = begin; n < end; n++) {
    const real *x = job->x + n * sample, *g = job->g + n * sample;
    find_moments(job, x, mean, inverse);
    mg_kernel->column_products(job->positions, features, features, g, x, mean, NULL, NULL, 1, sum, product);
    for (int64_t c = 0; c < features; c += size) {
      const double count = (double)(job->positions * size), root = (double)inverse[c];
      for (int64_t j = c; j < c + size; j++) {
        product[j] *= inverse[j];
        partial[j] += product[j];
        partial[features + j] += sum[j];
        product[j] *= job->gamma[j];
        sum[j] *= job->gamma[j];
        p[j] = job->gamma[j] * inverse[j];
      }
      double a = (double)mg_kernel->sum(size, sum + c), b = (double)mg_kernel->sum(size, product + c);
      fill(size, q + c, (real)(-root * root * b / count));
      fill(size, r + c, (real)(root * (root * b * (double)mean[c] - a) / count));
    }
    mg_kernel->column_combine(job->positions, features, features, g, x, p, q, r, NULL, NULL, 1, job->y + n * sample);
  }
}

bool mg_forward_group_norm_grad(mg_call *call) {
  group_job job;
  if (!read_job(call->in[1], call->attrs, &job)) return false;
  job.g = call->in[0]->data;
  job.gamma = call->in[2]->data;
  job.y = call->out->data;
  int64_t tasks = (job.samples + job.grain - 1) / job.grain;
  real *total = job.y + job.samples * job.positions * job.features;
  for (int64_t j = 0; j < 2 * job.features; j++) total[j] = 0;
  if (call->in[0]->numel == 0) return true;
  size_t capacity;
  job.partial = mg_scratch_get((size_t)(tasks * 2 * job.features) * sizeof(real), &capacity);
  if (!job.partial) return false;
  bool fine = over_samples(&job, grad_samples);
  for (int64_t t = 0; t < tasks && fine; t++)
    mg_kernel->accumulate(2 * job.features, job.partial + t * 2 * job.features, total);
  mg_scratch_put(job.partial, capacity);
  return fine;
}

mg_tensor *mg_group_norm_grad(mg_tensor *g, mg_tensor *x, mg_tensor *gamma, int64_t groups, double eps) {
  mg_attrs attrs = {.integer = {groups}, .number = {eps}};
  return mg_apply(MG_OP_group_norm_grad, (mg_tensor *[]){g, x, gamma}, 3, &attrs);
}

/* ---- the compositions ---------------------------------------------------------------------- */

static mg_tensor *as_samples(mg_tensor *x) {
  int64_t samples = x->shape[0], features = x->shape[x->ndim - 1];
  return mg_reshape(x, 3, (int64_t[]){samples, x->numel / MG_MAX(samples * features, 1), features});
}

/* The mean of x (n, positions, features) over positions and the features of a group, for each
 * feature: (n, 1, features). */
static mg_tensor *group_mean(mg_tensor *x, int64_t groups) {
  if (!x) return NULL;
  int64_t n = x->shape[0], features = x->shape[2];
  mg_tensor *mean = mg_mean(x, 1, true);
  if (groups == features) return mean;
  mean = mg_mean(mg_reshape(mean, 3, (int64_t[]){n, groups, features / groups}), 2, true);
  mean = mg_expand(mean, 3, (int64_t[]){n, groups, features / groups});
  return mg_reshape(mean, 3, (int64_t[]){n, 1, features});
}

/* Samples of zero mean and unit variance by group, and 1 / sqrt(variance + eps). */
static mg_tensor *standardize(mg_tensor *samples, int64_t groups, double eps, mg_tensor **inverse) {
  mg_tensor *centred = mg_sub(samples, group_mean(samples, groups));
  *inverse = mg_pow_scalar(mg_affine(group_mean(mg_square(centred), groups), 1, eps), -0.5);
  return mg_mul(centred, *inverse);
}

mg_tensor *mg_compose_group_norm(mg_tensor *const *in, int n, const mg_attrs *attrs) {
  (void)n;
  mg_tensor *inverse, *unit = standardize(as_samples(in[0]), attrs->integer[0], attrs->number[0], &inverse);
  return mg_reshape(mg_add(mg_mul(unit, in[1]), in[2]), in[0]->ndim, in[0]->shape);
}

mg_tensor *mg_compose_group_norm_grad(mg_tensor *const *in, int n, const mg_attrs *attrs) {
  (void)n;
  const int64_t groups = attrs->integer[0], features = in[2]->shape[0];
  mg_tensor *g = as_samples(in[0]), *inverse;
  mg_tensor *unit = standardize(as_samples(in[1]), groups, attrs->number[0], &inverse);
  mg_tensor *weighted = mg_mul(g, in[2]), *product = mg_mul(g, unit);
  mg_tensor *inner =
      mg_sub(mg_sub(weighted, group_mean(weighted, groups)), mg_mul(unit, group_mean(mg_mul(weighted, unit), groups)));
  const int64_t rows[] = {-1, features};
  mg_tensor *parts[] = {mg_reshape(mg_mul(inner, inverse), 2, rows), mg_sum(mg_reshape(product, 2, rows), 0, true),
                        mg_sum(mg_reshape(g, 2, rows), 0, true)};
  return mg_cat(parts, 3, 0);
}

/* layer_norm.c: normalisation: BatchNorm over the batch, the others within each sample. */
#include "init.h"
#include "layer.h"
#include "layer_pair.h"

enum { WEIGHT, BIAS, RUNNING_MEAN, RUNNING_VAR }; /* slots */

/* A tensor of one value for a slot. */
static bool allocate_constant(mg_layer *layer, int slot, int ndim, const int64_t *shape, double value) {
  mg_tensor *t = mg_layer_allocate(layer, slot, ndim, shape);
  if (t) mg_init_constant(t, value);
  return t;
}

/* Ones for the weight and zeros for the bias, of one shape. */
static bool allocate_affine(mg_layer *layer, int ndim, const int64_t *shape) {
  return allocate_constant(layer, WEIGHT, ndim, shape, 1) && allocate_constant(layer, BIAS, ndim, shape, 0);
}

/* Samples x (n, .., features), normalised within each by groups of features; weight and bias, where the
 * layer has them, by feature. */
static mg_tensor *normalize_samples(const mg_layer *layer, mg_tensor *x, int64_t groups, double eps) {
  int64_t features = x->shape[x->ndim - 1];
  mg_tensor *weight = layer->tensor[WEIGHT], *bias = layer->tensor[BIAS];
  weight = weight ? mg_reshape(weight, 1, &features) : mg_tensor_full(1, &features, 1);
  bias = bias ? mg_reshape(bias, 1, &features) : mg_tensor_full(1, &features, 0);
  return mg_group_norm(x, weight, bias, groups, eps);
}

/* ---- BatchNorm ----------------------------------------------------------------------------- */

enum { BATCH_FEATURES, BATCH_EPS, BATCH_MOMENTUM, BATCH_AFFINE, BATCH_TRACK };
static const mg_option batch_norm_options[] = {MG_SIZE_OPTION("features"),
                                               MG_EPS_OPTION(1e-5),
                                               {"momentum", MG_NUMBER, false, false, {0.1}, 0, 1, NULL},
                                               MG_SWITCH_OPTION("affine", 1),
                                               MG_SWITCH_OPTION("track_running_stats", 1),
                                               {.name = NULL}};

static mg_tensor *batch_norm_forward(mg_layer *layer, mg_tensor *const *in);

static bool batch_norm_build(mg_layer *layer) {
  int64_t features = mg_layer_integer(layer, BATCH_FEATURES);
  bool affine = mg_layer_integer(layer, BATCH_AFFINE), track = mg_layer_integer(layer, BATCH_TRACK);
  if (affine && !allocate_affine(layer, 1, &features)) return false;
  return !track || (allocate_constant(layer, RUNNING_MEAN, 1, &features, 0) &&
                    allocate_constant(layer, RUNNING_VAR, 1, &features, 1));
}

/* running += momentum (batch - running), with the batch's variance made unbiased. */
static void update_running(mg_layer *layer, const mg_tensor *moments, int64_t rows) {
  mg_tensor *mean = layer->tensor[RUNNING_MEAN], *variance = layer->tensor[RUNNING_VAR];
  real momentum = (real)layer->values.value[BATCH_MOMENTUM][0];
  real unbiased = (real)((double)rows / (double)(rows - 1));
  int64_t features = mean->numel;
  for (int64_t i = 0; i < features; i++) {
    mean->data[i] += momentum * (moments->data[i] - mean->data[i]);
    variance->data[i] += momentum * (unbiased * moments->data[features + i] - variance->data[i]);
  }
  mean->storage->version++;
  variance->storage->version++;
}

bool mg_batch_norm_is_affine(const mg_layer *layer) {
  return layer->type->forward == batch_norm_forward && !layer->training && layer->tensor[RUNNING_MEAN];
}

double mg_batch_norm_eps(const mg_layer *layer) { return layer->values.value[BATCH_EPS][0]; }

void mg_batch_norm_affine(const mg_layer *layer, mg_tensor **scale, mg_tensor **shift) {
  mg_tensor *weight = layer->tensor[WEIGHT], *bias = layer->tensor[BIAS];
  mg_tensor *variance = mg_affine(layer->tensor[RUNNING_VAR], 1, mg_batch_norm_eps(layer));
  *scale = mg_reciprocal(mg_sqrt(variance));
  if (weight) *scale = mg_mul(weight, *scale);
  *shift = mg_neg(mg_mul(layer->tensor[RUNNING_MEAN], *scale));
  if (bias) *shift = mg_add(bias, *shift);
}

/* x scale + shift with the running statistics as constants. */
static mg_tensor *normalize_by_running(const mg_layer *layer, mg_tensor *x) {
  mg_tensor *scale, *shift;
  mg_batch_norm_affine(layer, &scale, &shift);
  return mg_add(mg_mul(x, scale), shift);
}

/* By the batch's own moments, then the rectifier of this slope (1: none). */
static mg_tensor *normalize_by_batch(mg_layer *layer, mg_tensor *x, double slope) {
  int64_t features = mg_layer_integer(layer, BATCH_FEATURES), rows = x->numel / features;
  if (rows < 2) return mg_fail("expected more than 1 value for each feature of a batch, got %s", mg_tensor_text(x));
  mg_tensor *weight = layer->tensor[WEIGHT], *bias = layer->tensor[BIAS];
  if (!weight) weight = mg_tensor_full(1, &features, 1);
  if (!bias) bias = mg_tensor_full(1, &features, 0);
  mg_tensor *moments;
  mg_tensor *y = mg_batch_norm_of_batch(x, weight, bias, mg_batch_norm_eps(layer), slope, &moments);
  /* Last, so that a forward pass that fails changes nothing. */
  if (y && layer->tensor[RUNNING_MEAN]) update_running(layer, moments, rows);
  return y;
}

static bool expect_rows(const mg_layer *layer, const mg_tensor *x) {
  return mg_layer_expect_features(x, mg_layer_integer(layer, BATCH_FEATURES), 2);
}

static mg_tensor *batch_norm_forward(mg_layer *layer, mg_tensor *const *in) {
  if (!expect_rows(layer, in[0])) return NULL;
  return mg_batch_norm_is_affine(layer) ? normalize_by_running(layer, in[0]) : normalize_by_batch(layer, in[0], 1);
}

bool mg_batch_norm_is_by_batch(const mg_layer *layer) {
  return layer->type->forward == batch_norm_forward && !mg_batch_norm_is_affine(layer);
}

mg_tensor *mg_batch_norm_rectified(mg_layer *layer, mg_tensor *x, double slope) {
  return expect_rows(layer, x) ? normalize_by_batch(layer, x, slope) : NULL;
}

/* ---- LayerNorm ----------------------------------------------------------------------------- */

enum { LAYER_FEATURES, LAYER_EPS, LAYER_AFFINE };
static const mg_option layer_norm_options[] = {{"features", MG_SHAPE, false, true, {0}, 1, MG_LAYER_MAX_SIZE, NULL},
                                               MG_EPS_OPTION(1e-5),
                                               MG_SWITCH_OPTION("elementwise_affine", 1),
                                               {.name = NULL}};

static bool layer_norm_build(mg_layer *layer) {
  const mg_values *values = &layer->values;
  return !mg_layer_integer(layer, LAYER_AFFINE) || allocate_affine(layer, values->ndim, values->shape);
}

static bool ends_with(const mg_tensor *x, int ndim, const int64_t *shape) {
  return x->ndim >= ndim && memcmp(x->shape + x->ndim - ndim, shape, (size_t)ndim * sizeof *shape) == 0;
}

static mg_tensor *layer_norm_forward(mg_layer *layer, mg_tensor *const *in) {
  mg_tensor *x = in[0];
  const mg_values *values = &layer->values;
  if (!ends_with(x, values->ndim, values->shape))
    return mg_fail("expected a shape that ends in %s, got %s", mg_shape_text(values->ndim, values->shape),
                   mg_tensor_text(x));
  int64_t size = 1;
  for (int i = 0; i < values->ndim; i++) size *= values->shape[i];
  mg_tensor *rows = mg_reshape(x, 2, (int64_t[]){x->numel / size, size});
  return rows ? mg_reshape(normalize_samples(layer, rows, 1, values->value[LAYER_EPS][0]), x->ndim, x->shape) : NULL;
}

/* ---- InstanceNorm and GroupNorm -------------------------------------------------------------- */

/* Positions of each sample of x (n, .., features). */
static int64_t positions_of(const mg_tensor *x) {
  int64_t positions = 1;
  for (int i = 1; i < x->ndim - 1; i++) positions *= x->shape[i];
  return positions;
}

enum { INSTANCE_FEATURES, INSTANCE_EPS, INSTANCE_AFFINE };
static const mg_option instance_norm_options[] = {
    MG_SIZE_OPTION("features"), MG_EPS_OPTION(1e-5), MG_SWITCH_OPTION("affine", 0), {.name = NULL}};

static bool instance_norm_build(mg_layer *layer) {
  int64_t features = mg_layer_integer(layer, INSTANCE_FEATURES);
  return !mg_layer_integer(layer, INSTANCE_AFFINE) || allocate_affine(layer, 1, &features);
}

static mg_tensor *instance_norm_forward(mg_layer *layer, mg_tensor *const *in) {
  mg_tensor *x = in[0];
  int64_t features = mg_layer_integer(layer, INSTANCE_FEATURES);
  if (!mg_layer_expect_features(x, features, 3)) return NULL;
  if (positions_of(x) < 2)
    return mg_fail("expected more than 1 value for each feature of a sample, got %s", mg_tensor_text(x));
  return normalize_samples(layer, x, features, layer->values.value[INSTANCE_EPS][0]);
}

enum { GROUP_GROUPS, GROUP_CHANNELS, GROUP_EPS, GROUP_AFFINE };
static const mg_option group_norm_options[] = {MG_SIZE_OPTION("groups"),
                                               MG_SIZE_OPTION("channels"),
                                               MG_EPS_OPTION(1e-5),
                                               MG_SWITCH_OPTION("affine", 1),
                                               {.name = NULL}};

static bool group_norm_build(mg_layer *layer) {
  int64_t groups = mg_layer_integer(layer, GROUP_GROUPS), channels = mg_layer_integer(layer, GROUP_CHANNELS);
  if (channels % groups)
    return mg_fail("argument 1 (groups): expected a divisor of %" PRId64 " channels, got %" PRId64, channels, groups),
           false;
  return !mg_layer_integer(layer, GROUP_AFFINE) || allocate_affine(layer, 1, &channels);
}

static mg_tensor *group_norm_forward(mg_layer *layer, mg_tensor *const *in) {
  mg_tensor *x = in[0];
  int64_t groups = mg_layer_integer(layer, GROUP_GROUPS), channels = mg_layer_integer(layer, GROUP_CHANNELS);
  if (!mg_layer_expect_features(x, channels, 2)) return NULL;
  return normalize_samples(layer, x, groups, layer->values.value[GROUP_EPS][0]);
}

/* ---- PixelNorm ----------------------------------------------------------------------------- */

static const mg_option pixel_norm_options[] = {MG_EPS_OPTION(1e-8), {.name = NULL}};

static mg_tensor *pixel_norm_forward(mg_layer *layer, mg_tensor *const *in) {
  mg_tensor *x = in[0];
  if (x->ndim < 1) return mg_fail("expected at least 1 dimension, got %s", mg_tensor_text(x));
  mg_tensor *length = mg_affine(mg_mean(mg_square(x), x->ndim - 1, true), 1, layer->values.value[0][0]);
  return mg_mul(x, mg_reciprocal(mg_sqrt(length)));
}

/* ---- the table ----------------------------------------------------------------------------- */

const mg_layer_type mg_norm_layers[] = {
    {.name = "BatchNorm",
     .options = batch_norm_options,
     .slots = {{"weight", false}, {"bias", false}, {"running_mean", true}, {"running_var", true}},
     .build = batch_norm_build,
     .forward = batch_norm_forward,
     .inputs = 1,
     .doc = "BatchNorm(features, { eps = 1e-5, momentum = 0.1, affine = true, track_running_stats = true }): each "
            "feature (last dimension) normalised over all other dimensions, by the batch's mean and variance in "
            "training, by their running averages in evaluation (Ioffe and Szegedy 2015)"},
    {.name = "LayerNorm",
     .options = layer_norm_options,
     .slots = {{"weight", false}, {"bias", false}},
     .build = layer_norm_build,
     .forward = layer_norm_forward,
     .inputs = 1,
     .doc = "LayerNorm(features.., { eps = 1e-5, elementwise_affine = true }): each sample normalised over its last "
            "dimensions, which have these sizes (Ba et al. 2016)"},
    {.name = "InstanceNorm",
     .options = instance_norm_options,
     .slots = {{"weight", false}, {"bias", false}},
     .build = instance_norm_build,
     .forward = instance_norm_forward,
     .inputs = 1,
     .doc = "InstanceNorm(features, { eps = 1e-5, affine = false }): each feature (last dimension) of each sample "
            "normalised over the sample's positions (Ulyanov et al. 2016)"},
    {.name = "GroupNorm",
     .options = group_norm_options,
     .slots = {{"weight", false}, {"bias", false}},
     .build = group_norm_build,
     .forward = group_norm_forward,
     .inputs = 1,
     .doc = "GroupNorm(groups, channels, { eps = 1e-5, affine = true }): each group of neighbouring channels (last "
            "dimension) of each sample normalised over the sample's positions (Wu and He 2018)"},
    {.name = "PixelNorm",
     .options = pixel_norm_options,
     .forward = pixel_norm_forward,
     .inputs = 1,
     .doc = "PixelNorm{ eps = 1e-8 }: x / sqrt(mean(x^2) + eps), the mean over the last dimension (Karras et al. "
            "2018)"},
    {.name = NULL}};

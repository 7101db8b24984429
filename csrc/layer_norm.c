/* layer_norm.c: normalisation: BatchNorm over the batch, LayerNorm within each sample. */
#include "init.h"
#include "layer.h"

enum { WEIGHT, BIAS, RUNNING_MEAN, RUNNING_VAR }; /* slots */

#define EPS_OPTION                                                                                                     \
  { "eps", MG_NUMBER, false, false, {1e-5}, 0, INFINITY, NULL }

/* A tensor of one value for a slot. */
static bool allocate_constant(mg_layer *layer, int slot, int ndim, const int64_t *shape, double value) {
  mg_tensor *t = mg_layer_allocate(layer, slot, ndim, shape);
  if (t) mg_init_constant(t, value);
  return t;
}

/* ---- BatchNorm ----------------------------------------------------------------------------- */

enum { BATCH_FEATURES, BATCH_EPS, BATCH_MOMENTUM, BATCH_AFFINE, BATCH_TRACK };
static const mg_option batch_norm_options[] = {{"features", MG_SIZE, false, true, {0}, 1, MG_LAYER_MAX_SIZE, NULL},
                                               EPS_OPTION,
                                               {"momentum", MG_NUMBER, false, false, {0.1}, 0, 1, NULL},
                                               {"affine", MG_BOOLEAN, false, false, {1}, 0, 0, NULL},
                                               {"track_running_stats", MG_BOOLEAN, false, false, {1}, 0, 0, NULL},
                                               {.name = NULL}};

static bool batch_norm_build(mg_layer *layer) {
  int64_t features = mg_layer_integer(layer, BATCH_FEATURES);
  bool affine = mg_layer_integer(layer, BATCH_AFFINE), track = mg_layer_integer(layer, BATCH_TRACK);
  if (affine && !(allocate_constant(layer, WEIGHT, 1, &features, 1) && allocate_constant(layer, BIAS, 1, &features, 0)))
    return false;
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

/* x scale + shift with the running statistics as constants. */
static mg_tensor *normalize_by_running(const mg_layer *layer, mg_tensor *x) {
  mg_tensor *weight = layer->tensor[WEIGHT], *bias = layer->tensor[BIAS];
  mg_tensor *variance = mg_affine(layer->tensor[RUNNING_VAR], 1, layer->values.value[BATCH_EPS][0]);
  mg_tensor *scale = mg_reciprocal(mg_sqrt(variance));
  if (weight) scale = mg_mul(weight, scale);
  mg_tensor *shift = mg_neg(mg_mul(layer->tensor[RUNNING_MEAN], scale));
  if (bias) shift = mg_add(bias, shift);
  return mg_add(mg_mul(x, scale), shift);
}

static mg_tensor *normalize_by_batch(mg_layer *layer, mg_tensor *x) {
  int64_t features = mg_layer_integer(layer, BATCH_FEATURES), rows = x->numel / features;
  if (rows < 2) return mg_fail("expected more than 1 value for each feature of a batch, got %s", mg_tensor_text(x));
  mg_tensor *weight = layer->tensor[WEIGHT], *bias = layer->tensor[BIAS];
  if (!weight) weight = mg_tensor_full(1, &features, 1);
  if (!bias) bias = mg_tensor_full(1, &features, 0);
  mg_tensor *moments = mg_moments(x);
  mg_tensor *y = mg_batch_norm(x, weight, bias, moments, layer->values.value[BATCH_EPS][0]);
  /* Last, so that a forward pass that fails changes nothing. */
  if (y && layer->tensor[RUNNING_MEAN]) update_running(layer, moments, rows);
  return y;
}

static mg_tensor *batch_norm_forward(mg_layer *layer, mg_tensor *const *in) {
  if (!mg_layer_expect_features(in[0], mg_layer_integer(layer, BATCH_FEATURES), 2)) return NULL;
  bool batch = layer->training || !layer->tensor[RUNNING_MEAN];
  return batch ? normalize_by_batch(layer, in[0]) : normalize_by_running(layer, in[0]);
}

/* ---- LayerNorm ----------------------------------------------------------------------------- */

enum { LAYER_FEATURES, LAYER_EPS, LAYER_AFFINE };
static const mg_option layer_norm_options[] = {{"features", MG_SHAPE, false, true, {0}, 1, MG_LAYER_MAX_SIZE, NULL},
                                               EPS_OPTION,
                                               {"elementwise_affine", MG_BOOLEAN, false, false, {1}, 0, 0, NULL},
                                               {.name = NULL}};

static bool layer_norm_build(mg_layer *layer) {
  const mg_values *values = &layer->values;
  if (!mg_layer_integer(layer, LAYER_AFFINE)) return true;
  return allocate_constant(layer, WEIGHT, values->ndim, values->shape, 1) &&
         allocate_constant(layer, BIAS, values->ndim, values->shape, 0);
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
  mg_tensor *centred = mg_sub(rows, mg_mean(rows, 1, true));
  mg_tensor *variance = mg_mean(mg_square(centred), 1, true);
  mg_tensor *scale = mg_reciprocal(mg_sqrt(mg_affine(variance, 1, values->value[LAYER_EPS][0])));
  mg_tensor *y = mg_reshape(mg_mul(centred, scale), x->ndim, x->shape);
  if (layer->tensor[WEIGHT]) y = mg_add(mg_mul(y, layer->tensor[WEIGHT]), layer->tensor[BIAS]);
  return y;
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
    {.name = NULL}};

/* layer_minibatch.c: layers by which a discriminator sees how much the samples of a batch differ. */
#include "init.h"
#include "layer.h"

/* ---- MinibatchDiscrimination ----------------------------------------------------------------- */

enum { IN, KERNELS, DIMS };
static const mg_option discrimination_options[] = {
    MG_SIZE_OPTION("in"), MG_SIZE_OPTION("kernels"), MG_SIZE_OPTION("dims"), {.name = NULL}};

/* With this deviation, two samples of features of variance 1 start at a distance near 1, whatever
 * the sizes: where exp(-distance) still has a slope. */
static bool discrimination_build(mg_layer *layer) {
  int64_t in = mg_layer_integer(layer, IN), dims = mg_layer_integer(layer, DIMS);
  int64_t shape[] = {in, mg_layer_integer(layer, KERNELS) * dims};
  mg_tensor *weight = mg_layer_allocate(layer, MG_LAYER_WEIGHT, 2, shape);
  if (weight) mg_init_normal(weight, 0, 1 / (sqrt((double)in) * (double)dims));
  return weight;
}

/* x beside o[i, k] = sum over j of exp(-|M[i, k] - M[j, k]|), M = x weight in `kernels` rows of
 * `dims` for each sample, | | the sum of absolute values (Salimans et al. 2016, section 3.2). */
static mg_tensor *discrimination_forward(mg_layer *layer, mg_tensor *const *in) {
  mg_tensor *x = in[0];
  int64_t features = mg_layer_integer(layer, IN), kernels = mg_layer_integer(layer, KERNELS);
  if (x->ndim != 2 || x->shape[1] != features)
    return mg_fail("expected a batch (n, %" PRId64 "), got %s", features, mg_tensor_text(x));
  int64_t n = x->shape[0], dims = mg_layer_integer(layer, DIMS);
  mg_tensor *rows = mg_matmul(x, layer->tensor[MG_LAYER_WEIGHT], false, false);
  mg_tensor *one = mg_reshape(rows, 4, (int64_t[]){n, 1, kernels, dims});
  mg_tensor *other = mg_reshape(rows, 4, (int64_t[]){1, n, kernels, dims});
  mg_tensor *distance = mg_sum(mg_abs(mg_sub(one, other)), 3, false);
  mg_tensor *closeness = mg_sum(mg_exp(mg_neg(distance)), 1, false);
  return mg_cat((mg_tensor *[]){x, closeness}, 2, 1);
}

/* ---- MinibatchStddev ------------------------------------------------------------------------- */

static const mg_option stddev_options[] = {{"group", MG_WHOLE, false, false, {4}, 1, MG_LAYER_MAX_SIZE, NULL},
                                           {.name = NULL}};

/* Samples m, m + n / group, m + 2 n / group, .. are a group: so the original has it.  The epsilon,
 * 1e-8, is the original's too. */
static mg_tensor *stddev_forward(mg_layer *layer, mg_tensor *const *in) {
  mg_tensor *x = in[0];
  if (x->ndim < 2) return mg_fail("expected at least 2 dimensions, got %s", mg_tensor_text(x));
  int64_t n = x->shape[0], group = MG_MAX(MG_MIN(mg_layer_integer(layer, 0), n), 1), groups = n / group;
  if (n != groups * group)
    return mg_fail("expected a batch that divides into groups of %" PRId64 ", got %s", group, mg_tensor_text(x));
  int64_t values = 1, shape[MG_MAX_DIM] = {n}, ones[MG_MAX_DIM] = {n};
  for (int i = 1; i < x->ndim; i++) values *= shape[i] = x->shape[i], ones[i] = 1;
  shape[x->ndim - 1] = 1;
  mg_tensor *samples = mg_reshape(x, 3, (int64_t[]){group, groups, values});
  mg_tensor *centred = mg_sub(samples, mg_mean(samples, 0, true));
  mg_tensor *deviation = mg_sqrt(mg_affine(mg_mean(mg_square(centred), 0, false), 1, 1e-8));
  mg_tensor *statistic = mg_reshape(mg_mean(deviation, 1, false), 2, (int64_t[]){1, groups});
  mg_tensor *each = mg_reshape(mg_expand(statistic, 2, (int64_t[]){group, groups}), 1, &n);
  return mg_cat((mg_tensor *[]){x, mg_expand(mg_reshape(each, x->ndim, ones), x->ndim, shape)}, 2, x->ndim - 1);
}

/* ---- the table ----------------------------------------------------------------------------- */

const mg_layer_type mg_minibatch_layers[] = {
    {.name = "MinibatchDiscrimination",
     .options = discrimination_options,
     .slots = {{"weight", false}},
     .build = discrimination_build,
     .forward = discrimination_forward,
     .inputs = 1,
     .doc = "MinibatchDiscrimination(in, kernels, dims): (n, in) to (n, in + kernels), each sample joined by how close "
            "it is to the batch's samples in `kernels` projections of `dims` dimensions (Salimans et al. 2016); weight "
            "is (in, kernels * dims)"},
    {.name = "MinibatchStddev",
     .options = stddev_options,
     .forward = stddev_forward,
     .inputs = 1,
     .doc = "MinibatchStddev{ group = 4 }: (n, .., c) to (n, .., c + 1): one more channel, the standard deviation over "
            "a group of samples, averaged over all positions and channels (Karras et al. 2018)"},
    {.name = NULL}};

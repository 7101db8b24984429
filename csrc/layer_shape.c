/* layer_shape.c: layers that pass values on: Identity, Flatten, Reshape, Dropout,
 * Dropout2d. */
#include "layer.h"
#include "random.h"

static mg_tensor *identity(mg_tensor *x) { return mg_temporary(mg_retain(x)); }

/* ---- Flatten and Reshape ------------------------------------------------------------------- */

/* The number of values in each sample of x, whose first dimension counts them; -1 with an error
 * set where there is no such dimension. */
static int64_t sample_size(const mg_tensor *x) {
  if (x->ndim == 0) return mg_fail("expected at least 1 dimension, got %s", mg_tensor_text(x)), -1;
  int64_t size = 1;
  for (int i = 1; i < x->ndim; i++) size *= x->shape[i];
  return size;
}

static mg_tensor *flatten(mg_tensor *x) {
  int64_t size = sample_size(x);
  return size < 0 ? NULL : mg_reshape(x, 2, (int64_t[]){x->shape[0], size});
}

static const mg_option reshape_options[] = {{"shape", MG_SHAPE, false, true, {0}, -1, MG_LAYER_MAX_SIZE, NULL},
                                            {.name = NULL}};

static bool reshape_build(mg_layer *layer) {
  const mg_values *values = &layer->values;
  int unknown = 0;
  bool zero = false;
  for (int i = 0; i < values->ndim; i++) {
    unknown += values->shape[i] == -1;
    zero = zero || values->shape[i] == 0;
  }
  if (values->ndim < MG_MAX_DIM && unknown <= 1 && !zero) return true;
  mg_fail("expected at most %d sizes of at least 1, one of which may be -1, got %s", MG_MAX_DIM - 1,
          mg_shape_text(values->ndim, values->shape));
  return false;
}

static mg_tensor *reshape_forward(mg_layer *layer, mg_tensor *const *in) {
  mg_tensor *x = in[0];
  const mg_values *values = &layer->values;
  int64_t size = sample_size(x), known = 1;
  if (size < 0) return NULL;
  for (int i = 0; i < values->ndim; i++)
    if (values->shape[i] > 0 && __builtin_mul_overflow(known, values->shape[i], &known)) known = INT64_MAX;
  int64_t shape[MG_MAX_DIM] = {x->shape[0]};
  bool open = false;
  for (int i = 0; i < values->ndim; i++) {
    open = open || values->shape[i] == -1;
    shape[i + 1] = values->shape[i] == -1 ? size / known : values->shape[i];
  }
  if (open ? size % known != 0 : size != known)
    return mg_fail("expected %s%" PRId64 " values a sample for %s, got %s", open ? "a multiple of " : "", known,
                   mg_shape_text(values->ndim, values->shape), mg_tensor_text(x));
  return mg_reshape(x, values->ndim + 1, shape);
}

/* ---- Dropout ------------------------------------------------------------------------------- */

static const mg_option dropout_options[] = {{"p", MG_NUMBER, true, false, {0.5}, 0, 1, NULL}, {.name = NULL}};

/* x times a mask of the shape given, each value of it 0 with probability p, else 1 / (1 - p). */
static mg_tensor *drop(const mg_layer *layer, mg_tensor *x, int ndim, const int64_t *shape) {
  double p = layer->values.value[0][0];
  if (!layer->training || p == 0) return identity(x);
  mg_tensor *mask = mg_tensor_new(ndim, shape);
  if (mask) mg_random_bernoulli(mg_default_generator(), mask->numel, mask->data, 1 - p, p < 1 ? 1 / (1 - p) : 0);
  return mg_mul(x, mask);
}

static mg_tensor *dropout_forward(mg_layer *layer, mg_tensor *const *in) {
  return drop(layer, in[0], in[0]->ndim, in[0]->shape);
}

static mg_tensor *dropout2d_forward(mg_layer *layer, mg_tensor *const *in) {
  if (!mg_layer_expect_images(in[0], 0)) return NULL;
  return drop(layer, in[0], 4, (int64_t[]){in[0]->shape[0], 1, 1, in[0]->shape[3]});
}

/* ---- the table ----------------------------------------------------------------------------- */

const mg_layer_type mg_shape_layers[] = {
    {.name = "Identity", .unary = identity, .doc = "Identity(): its input"},
    {.name = "Flatten", .unary = flatten, .doc = "Flatten(): (N, ..) to (N, D), one row for each sample"},
    {.name = "Reshape",
     .options = reshape_options,
     .build = reshape_build,
     .forward = reshape_forward,
     .inputs = 1,
     .doc = "Reshape(sizes..): each sample in the shape given; one size may be -1: whatever is left"},
    {.name = "Dropout",
     .options = dropout_options,
     .forward = dropout_forward,
     .inputs = 1,
     .doc = "Dropout(p = 0.5): in training, each value is 0 with probability p, else x / (1 - p); in evaluation, x "
            "(Srivastava et al. 2014)"},
    {.name = "Dropout2d",
     .options = dropout_options,
     .forward = dropout2d_forward,
     .inputs = 1,
     .doc = "Dropout2d(p = 0.5): Dropout of whole channels: in training, each channel of each image (n, h, w, c) is 0 "
            "with probability p (Tompson et al. 2015)"},
    {.name = NULL}};

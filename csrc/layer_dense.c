/* layer_dense.c: layers that multiply by a weight: Linear, Maxout, Embedding. */
#include "init.h"
#include "layer.h"
#include "layer_pair.h"

/* ---- Linear -------------------------------------------------------------------------------- */

enum { LINEAR_IN, LINEAR_OUT, LINEAR_BIAS };
static const mg_option linear_options[] = {
    MG_SIZE_OPTION("in"), MG_SIZE_OPTION("out"), MG_SWITCH_OPTION("bias", 1), {.name = NULL}};

static bool linear_build(mg_layer *layer) {
  int64_t shape[] = {mg_layer_integer(layer, LINEAR_IN), mg_layer_integer(layer, LINEAR_OUT)};
  return mg_layer_allocate_weight(layer, 2, shape, mg_layer_integer(layer, LINEAR_BIAS) ? shape[1] : 0);
}

static bool expect_features(const mg_layer *layer, const mg_tensor *x) {
  return mg_layer_expect_features(x, mg_layer_integer(layer, LINEAR_IN), 1);
}

static mg_tensor *linear_forward(mg_layer *layer, mg_tensor *const *in) {
  if (!expect_features(layer, in[0])) return NULL;
  return mg_linear(in[0], layer->tensor[MG_LAYER_WEIGHT], layer->tensor[MG_LAYER_BIAS]);
}

bool mg_layer_is_linear(const mg_layer *layer) { return layer->type->forward == linear_forward; }

mg_tensor *mg_layer_linear_rectified(mg_layer *layer, mg_tensor *x, double slope) {
  if (!expect_features(layer, x)) return NULL;
  return mg_linear_rectified(x, layer->tensor[MG_LAYER_WEIGHT], layer->tensor[MG_LAYER_BIAS], slope);
}

/* ---- Maxout -------------------------------------------------------------------------------- */

enum { MAXOUT_IN, MAXOUT_UNITS, MAXOUT_PIECES, MAXOUT_BIAS };
static const mg_option maxout_options[] = {MG_SIZE_OPTION("in"),
                                           MG_SIZE_OPTION("units"),
                                           MG_SIZE_OPTION("pieces"),
                                           MG_SWITCH_OPTION("bias", 1),
                                           {.name = NULL}};

static bool maxout_build(mg_layer *layer) {
  int64_t shape[] = {mg_layer_integer(layer, MAXOUT_IN),
                     mg_layer_integer(layer, MAXOUT_UNITS) * mg_layer_integer(layer, MAXOUT_PIECES)};
  return mg_layer_allocate_weight(layer, 2, shape, mg_layer_integer(layer, MAXOUT_BIAS) ? shape[1] : 0);
}

/* Piece p of unit u is column p * units + u, so the maximum over pieces runs along rows.  All pieces are
 * computed off the tape, which needs to know no more than which of them are the largest. */
static mg_tensor *maxout_of_rows(mg_tensor *x, mg_tensor *weight, mg_tensor *bias, int64_t pieces, int64_t units) {
  bool recording = mg_set_recording(false);
  mg_tensor *values = mg_linear(x, weight, bias);
  mg_tensor *piece = mg_argmax(mg_reshape(values, 3, (int64_t[]){x->shape[0], pieces, units}), 1, false);
  mg_set_recording(recording);
  return piece ? mg_maxout(x, weight, piece, bias, values) : NULL;
}

static mg_tensor *maxout_forward(mg_layer *layer, mg_tensor *const *in) {
  mg_tensor *x = in[0], *weight = layer->tensor[MG_LAYER_WEIGHT], *bias = layer->tensor[MG_LAYER_BIAS];
  int64_t features = mg_layer_integer(layer, MAXOUT_IN), units = mg_layer_integer(layer, MAXOUT_UNITS);
  if (!mg_layer_expect_features(x, features, 1)) return NULL;
  int64_t shape[MG_MAX_DIM], rows = 1;
  memcpy(shape, x->shape, sizeof shape);
  for (int i = 0; i < x->ndim - 1; i++) rows *= shape[i];
  shape[x->ndim - 1] = units;
  mg_tensor *flat = mg_reshape(x, 2, (int64_t[]){rows, features});
  if (!flat) return NULL;
  mg_tensor *y = maxout_of_rows(flat, weight, bias, mg_layer_integer(layer, MAXOUT_PIECES), units);
  return mg_reshape(y, x->ndim, shape);
}

/* ---- Embedding ----------------------------------------------------------------------------- */

enum { EMBEDDING_COUNT, EMBEDDING_SIZE };
static const mg_option embedding_options[] = {MG_SIZE_OPTION("count"), MG_SIZE_OPTION("size"), {.name = NULL}};

static bool embedding_build(mg_layer *layer) {
  int64_t shape[] = {mg_layer_integer(layer, EMBEDDING_COUNT), mg_layer_integer(layer, EMBEDDING_SIZE)};
  mg_tensor *weight = mg_layer_allocate(layer, MG_LAYER_WEIGHT, 2, shape);
  if (weight) mg_init_normal(weight, 0, 1);
  return weight;
}

/* The 1-based indices as a row of 0-based ones. */
static mg_tensor *zero_based(const mg_tensor *index, int64_t count) {
  mg_tensor *row = mg_tensor_new(1, &index->numel);
  for (int64_t i = 0; row && i < index->numel; i++) {
    double value = index->data[i];
    if (!(value >= 1 && value <= (double)count) || value != floor(value))
      return mg_fail("expected indices in 1 .. %" PRId64 ", got %.14g in a tensor of shape %s", count, value,
                     mg_tensor_text(index));
    row->data[i] = (real)(value - 1);
  }
  return row;
}

static mg_tensor *embedding_forward(mg_layer *layer, mg_tensor *const *in) {
  const mg_tensor *index = in[0];
  if (index->ndim == MG_MAX_DIM)
    return mg_fail("expected at most %d dimensions, got %s", MG_MAX_DIM - 1, mg_tensor_text(index));
  mg_tensor *row = zero_based(index, mg_layer_integer(layer, EMBEDDING_COUNT));
  int64_t shape[MG_MAX_DIM];
  memcpy(shape, index->shape, sizeof shape);
  shape[index->ndim] = mg_layer_integer(layer, EMBEDDING_SIZE);
  return mg_reshape(mg_index_select(layer->tensor[MG_LAYER_WEIGHT], 0, row), index->ndim + 1, shape);
}

/* ---- the table ----------------------------------------------------------------------------- */

const mg_layer_type mg_dense_layers[] = {
    {.name = "Linear",
     .options = linear_options,
     .slots = {{"weight", false}, {"bias", false}},
     .maps = true,
     .affine = true,
     .build = linear_build,
     .forward = linear_forward,
     .inputs = 1,
     .doc = "Linear(in, out, { bias = true }): x weight + bias over the last dimension; weight is (in, out)"},
    {.name = "Maxout",
     .options = maxout_options,
     .slots = {{"weight", false}, {"bias", false}},
     .maps = true,
     .build = maxout_build,
     .forward = maxout_forward,
     .inputs = 1,
     .doc = "Maxout(in, units, pieces, { bias = true }): the largest of `pieces` linear functions for each unit "
            "(Goodfellow et al. 2013); weight is (in, pieces * units), piece by piece"},
    {.name = "Embedding",
     .options = embedding_options,
     .slots = {{"weight", false}},
     .maps = true,
     .build = embedding_build,
     .forward = embedding_forward,
     .inputs = 1,
     .doc = "Embedding(count, size): row i of weight (count, size) for each index i in 1 .. count"},
    {.name = NULL}};

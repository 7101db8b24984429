/* layer_activation.c: elementwise activations, and softmax along one dimension. */
#include "layer.h"
#include "layer_pair.h"

/* ---- with a number -------------------------------------------------------------------------- */

static const mg_option leaky_relu_options[] = {{"slope", MG_NUMBER, true, false, {0.01}, 0, INFINITY, NULL},
                                               {.name = NULL}};

static mg_tensor *leaky_relu_forward(mg_layer *layer, mg_tensor *const *in) {
  return mg_leaky_relu(in[0], layer->values.value[0][0]);
}

bool mg_layer_rectifier(const mg_layer *layer, double *slope) {
  bool leaky = layer->type->forward == leaky_relu_forward;
  *slope = leaky ? layer->values.value[0][0] : 0;
  return leaky || layer->type->unary == mg_relu;
}

static const mg_option elu_options[] = {{"alpha", MG_NUMBER, true, false, {1}, 0, INFINITY, NULL}, {.name = NULL}};

static bool elu_build(mg_layer *layer) {
  if (layer->values.value[0][0] > 0) return true;
  return mg_fail("argument 1 (alpha): expected a number above 0, got 0"), false;
}

static mg_tensor *elu_forward(mg_layer *layer, mg_tensor *const *in) {
  return mg_elu(in[0], layer->values.value[0][0], 1);
}

/* ---- along a dimension ---------------------------------------------------------------------- */

static const mg_option softmax_options[] = {{"dim", MG_NUMBER, false, false, {-1}, -MG_MAX_DIM, MG_MAX_DIM, NULL},
                                            {.name = NULL}};

static bool softmax_build(mg_layer *layer) {
  double dim = layer->values.value[0][0];
  if (dim == floor(dim) && dim != 0) return true;
  mg_fail("option dim: expected a dimension, 1 for the first or -1 for the last, got %.14g", dim);
  return false;
}

/* The option's dimension of x, 0-based, or -1 with an error set. */
static int softmax_dim(const mg_layer *layer, const mg_tensor *x) {
  int dim = (int)mg_layer_integer(layer, 0);
  if (abs(dim) <= x->ndim) return dim > 0 ? dim - 1 : x->ndim + dim;
  mg_fail("expected at least %d dimension%s (dim = %d), got %s", abs(dim), abs(dim) == 1 ? "" : "s", dim,
          mg_tensor_text(x));
  return -1;
}

static mg_tensor *softmax_forward(mg_layer *layer, mg_tensor *const *in) {
  int dim = softmax_dim(layer, in[0]);
  return dim < 0 ? NULL : mg_softmax(in[0], dim);
}

static mg_tensor *log_softmax_forward(mg_layer *layer, mg_tensor *const *in) {
  int dim = softmax_dim(layer, in[0]);
  return dim < 0 ? NULL : mg_log_softmax(in[0], dim);
}

/* ---- the table ------------------------------------------------------------------------------ */

const mg_layer_type mg_activation_layers[] = {
    {.name = "ReLU", .unary = mg_relu, .doc = "ReLU(): max(x, 0)"},
    {.name = "LeakyReLU",
     .options = leaky_relu_options,
     .forward = leaky_relu_forward,
     .inputs = 1,
     .doc = "LeakyReLU(slope = 0.01): x where x > 0, slope x elsewhere"},
    {.name = "ELU",
     .options = elu_options,
     .build = elu_build,
     .forward = elu_forward,
     .inputs = 1,
     .doc = "ELU(alpha = 1): x where x > 0, alpha (exp(x) - 1) elsewhere"},
    {.name = "SELU", .unary = mg_selu, .doc = "SELU(): the self-normalising ELU of Klambauer et al. 2017"},
    {.name = "GELU", .unary = mg_gelu, .doc = "GELU(): x times the normal distribution's cumulative function at x"},
    {.name = "SiLU", .unary = mg_silu, .doc = "SiLU(): x sigmoid(x)"},
    {.name = "Softplus", .unary = mg_softplus, .doc = "Softplus(): log(1 + exp(x))"},
    {.name = "Tanh", .unary = mg_tanh, .doc = "Tanh(): the hyperbolic tangent"},
    {.name = "Sigmoid", .unary = mg_sigmoid, .doc = "Sigmoid(): 1 / (1 + exp(-x))"},
    {.name = "LogSigmoid", .unary = mg_log_sigmoid, .doc = "LogSigmoid(): log(sigmoid(x)) without overflow"},
    {.name = "Softmax",
     .options = softmax_options,
     .build = softmax_build,
     .forward = softmax_forward,
     .inputs = 1,
     .doc = "Softmax{ dim = -1 }: exp(x) / sum(exp(x)) along a dimension, the last one unless told"},
    {.name = "LogSoftmax",
     .options = softmax_options,
     .build = softmax_build,
     .forward = log_softmax_forward,
     .inputs = 1,
     .doc = "LogSoftmax{ dim = -1 }: log(softmax(x)) without overflow"},
    {.name = NULL}};

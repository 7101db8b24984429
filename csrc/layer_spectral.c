#include "layer_spectral.h"

#include "random.h"

enum { ITERATIONS, EPS };
static const mg_option options[] = {
    {"iterations", MG_WHOLE, false, false, {1}, 1, 1000, NULL}, MG_EPS_OPTION(1e-12), {.name = NULL}};
enum { U, V };

/* A new layer's vectors start this many steps on their way, so that its first calls are near what
 * they should be. */
#define FIRST_ITERATIONS 15

const mg_layer_type mg_spectral_norm_type = {
    .name = "SpectralNorm",
    .options = options,
    .slots = {{"u", true}, {"v", true}},
    .container = true,
    .doc = "SpectralNorm(layer, { iterations = 1, eps = 1e-12 }): a layer whose weight is divided by its largest "
           "singular value, as estimated by power iteration (Miyato et al. 2018)"};

/* ---- vectors ------------------------------------------------------------------------------- */

/* The weight as a matrix (the rest, outputs). */
static mg_tensor *matrix_of(const mg_layer *inner) {
  mg_tensor *weight = inner->tensor[MG_LAYER_WEIGHT];
  int last = weight->ndim - 1;
  if (inner->type->transposed) weight = mg_transpose(weight, last - 1, last);
  if (!weight) return NULL;
  int64_t outputs = weight->shape[last];
  return mg_reshape(weight, 2, (int64_t[]){weight->numel / outputs, outputs});
}

/* x / max(|x|, eps) */
static mg_tensor *normalized(mg_tensor *x, double eps) {
  return mg_div(x, mg_clamp(mg_norm(x, -1, false, 0), eps, INFINITY));
}

/* Improve the row vectors u (1, outputs) and v (1, rest). */
static void iterate(mg_tensor *matrix, int64_t count, double eps, mg_tensor **u, mg_tensor **v) {
  for (int64_t i = 0; i < count && *u; i++) {
    *v = normalized(mg_matmul(*u, matrix, false, true), eps);
    *u = normalized(mg_matmul(*v, matrix, false, false), eps);
  }
}

/* A row of the layer's buffer, with a storage of its own: a later call, which changes the buffer,
 * must not change what this one's derivative needs. */
static mg_tensor *row_of(const mg_tensor *buffer) {
  mg_tensor *row = mg_tensor_new(2, (int64_t[]){1, buffer->numel});
  if (row) mg_layer_copy(row, buffer);
  return row;
}

/* ---- the layer ----------------------------------------------------------------------------- */

static bool build(mg_layer *layer, const mg_layer *inner) {
  int slot = mg_layer_slot(inner->type, "weight");
  const mg_tensor *weight = slot == MG_LAYER_WEIGHT ? inner->tensor[slot] : NULL;
  if (!weight || weight->ndim < 2)
    return mg_fail("argument 1 (layer): expected a layer with a weight of at least 2 dimensions, got %s",
                   inner->type->name),
           false;
  bool recording = mg_set_recording(false);
  mg_tensor *matrix = matrix_of(inner), *u = NULL, *v = NULL;
  if (matrix) u = mg_tensor_new(2, (int64_t[]){1, matrix->shape[1]});
  if (u) mg_random_normal(mg_default_generator(), u->numel, u->data, 0, 1);
  iterate(matrix, FIRST_ITERATIONS, layer->values.value[EPS][0], &u, &v);
  mg_set_recording(recording);
  if (!u || !v || !mg_layer_allocate(layer, U, 1, &u->numel) || !mg_layer_allocate(layer, V, 1, &v->numel))
    return false;
  mg_layer_copy(layer->tensor[U], u);
  mg_layer_copy(layer->tensor[V], v);
  return true;
}

mg_layer *mg_spectral_norm_new(const mg_values *values, const mg_layer *inner) {
  mg_layer *layer = mg_layer_new(&mg_spectral_norm_type, values);
  if (!layer) return NULL;
  size_t mark = mg_pool_mark();
  bool built = build(layer, inner);
  mg_pool_drain(mark);
  if (built) return layer;
  mg_layer_free(layer);
  return NULL;
}

mg_tensor *mg_spectral_norm_forward(mg_layer *layer, mg_layer *inner, mg_tensor *const *in, int n) {
  size_t mark = mg_pool_mark();
  mg_tensor *matrix = matrix_of(inner), *u = row_of(layer->tensor[U]), *v = row_of(layer->tensor[V]);
  if (layer->training && matrix) {
    bool recording = mg_set_recording(false);
    iterate(mg_detach(matrix), mg_layer_integer(layer, ITERATIONS), layer->values.value[EPS][0], &u, &v);
    mg_set_recording(recording);
  }
  mg_tensor *sigma = mg_sum(mg_mul(mg_matmul(v, matrix, false, false), u), -1, false);
  mg_tensor *weight = mg_div(inner->tensor[MG_LAYER_WEIGHT], sigma);
  mg_tensor *y = mg_layer_forward_with(inner, MG_LAYER_WEIGHT, weight, in, n);
  /* Last, so that a forward pass that fails changes nothing. */
  if (y && layer->training) {
    mg_layer_copy(layer->tensor[U], u);
    mg_layer_copy(layer->tensor[V], v);
  }
  return mg_pool_drain_keep(mark, y);
}

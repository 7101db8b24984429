/* layer_pair.c: neighbours that run as one. */
#include "layer_pair.h"

/* ---- a product, then a batch norm with constants ----------------------------------------------- */

#define SOURCES (2 + MG_LAYER_TENSORS) /* weight, bias, and the norm's tensors */

struct mg_fold {
  mg_tensor *source[SOURCES]; /* what it was made of, held, so that no other tensor takes its place */
  uint32_t version[SOURCES];
  double eps;
  mg_tensor *weight, *bias;
};

static void list_sources(const mg_layer *product, const mg_layer *norm, mg_tensor *source[SOURCES]) {
  source[0] = product->tensor[MG_LAYER_WEIGHT];
  source[1] = product->tensor[MG_LAYER_BIAS];
  memcpy(source + 2, norm->tensor, sizeof norm->tensor);
}

void mg_layer_unfold(mg_layer *layer) {
  mg_fold *fold = layer->fold;
  if (!fold) return;
  for (int i = 0; i < SOURCES; i++) mg_release(fold->source[i]);
  mg_release(fold->weight);
  mg_release(fold->bias);
  free(fold);
  layer->fold = NULL;
}

static bool is_current(const mg_fold *fold, const mg_layer *norm, mg_tensor *const source[SOURCES]) {
  if (fold->eps != mg_batch_norm_eps(norm)) return false;
  for (int i = 0; i < SOURCES; i++)
    if (fold->source[i] != source[i] || (source[i] && fold->version[i] != source[i]->storage->version)) return false;
  return true;
}

/* (x weight + bias) scale + shift = x (weight scale) + (bias scale + shift), scale by output. */
static bool fold(mg_layer *product, const mg_layer *norm, mg_tensor *const source[SOURCES]) {
  mg_tensor *scale, *shift, *weight = source[0], *bias = source[1];
  mg_batch_norm_affine(norm, &scale, &shift);
  mg_tensor *by_output = scale;
  if (product->type->transposed && scale) by_output = mg_reshape(scale, 2, (int64_t[]){scale->numel, 1});
  weight = mg_mul(weight, by_output);
  bias = bias ? mg_add(mg_mul(bias, scale), shift) : shift;
  if (!weight || !bias) return false;
  mg_fold *made = calloc(1, sizeof *made);
  if (!made) return mg_fail_memory(sizeof *made), false;
  for (int i = 0; i < SOURCES; i++) {
    made->source[i] = mg_retain(source[i]);
    if (source[i]) made->version[i] = source[i]->storage->version;
  }
  made->eps = mg_batch_norm_eps(norm);
  made->weight = mg_retain(weight);
  made->bias = mg_retain(bias);
  product->fold = made;
  return true;
}

static mg_tensor *forward_folded(mg_layer *product, mg_layer *norm, mg_tensor *x) {
  mg_tensor *source[SOURCES];
  list_sources(product, norm, source);
  size_t mark = mg_pool_mark();
  if (product->fold && !is_current(product->fold, norm, source)) mg_layer_unfold(product);
  bool ready = product->fold || fold(product, norm, source);
  mg_pool_drain(mark);
  if (!ready) return NULL;
  product->tensor[MG_LAYER_WEIGHT] = product->fold->weight;
  product->tensor[MG_LAYER_BIAS] = product->fold->bias;
  mg_tensor *y = mg_layer_forward(product, &x, 1);
  product->tensor[MG_LAYER_WEIGHT] = source[0];
  product->tensor[MG_LAYER_BIAS] = source[1];
  return y;
}

static bool folds(const mg_layer *product, const mg_layer *norm) {
  if (!product->type->affine || product->training || mg_recording() || !mg_batch_norm_is_affine(norm)) return false;
  const mg_tensor *weight = product->tensor[MG_LAYER_WEIGHT];
  int64_t outputs = weight->shape[weight->ndim - (product->type->transposed ? 2 : 1)]; /* of one group */
  return outputs == mg_layer_integer(norm, 0);
}

/* ---- a batch norm or a product, then a rectifier ------------------------------------------------ */

static mg_tensor *forward_rectified(mg_layer *layer, mg_layer *activation, mg_tensor *x) {
  double slope;
  mg_layer_rectifier(activation, &slope);
  if (layer->training) mg_layer_unfold(layer);
  size_t mark = mg_pool_mark();
  mg_profile_place before = mg_layer_enter(layer);
  mg_tensor *y =
      mg_layer_is_linear(layer) ? mg_layer_linear_rectified(layer, x, slope) : mg_batch_norm_rectified(layer, x, slope);
  mg_profile_enter(before);
  return mg_pool_drain_keep(mark, y);
}

static bool is_rectified(const mg_layer *layer, const mg_layer *activation) {
  double slope;
  return (mg_layer_is_linear(layer) || mg_batch_norm_is_by_batch(layer)) && mg_layer_rectifier(activation, &slope);
}

mg_pair_forward *mg_layer_pair(const mg_layer *first, const mg_layer *second) {
  if (folds(first, second)) return forward_folded;
  return is_rectified(first, second) ? forward_rectified : NULL;
}

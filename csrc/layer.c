/* layer.c: what all kinds of layers have in common. */
#include "layer.h"

#include "init.h"
#include "layer_pair.h"

/* ---- the table ----------------------------------------------------------------------------- */

static const mg_layer_type *const families[] = {mg_dense_layers, mg_conv_layers,      mg_image_layers,
                                                mg_norm_layers,  mg_minibatch_layers, mg_activation_layers,
                                                mg_shape_layers};

const mg_layer_type *mg_layer_type_at(int i) {
  for (size_t family = 0; family < sizeof families / sizeof *families; family++)
    for (const mg_layer_type *type = families[family]; type->name; type++)
      if (i-- == 0) return type;
  return NULL;
}

int mg_layer_slot(const mg_layer_type *type, const char *name) {
  for (int i = 0; type->slots[i].name; i++)
    if (strcmp(type->slots[i].name, name) == 0) return i;
  return -1;
}

/* ---- making and freeing -------------------------------------------------------------------- */

mg_layer *mg_layer_new(const mg_layer_type *type, const mg_values *values) {
  mg_layer *layer = calloc(1, sizeof *layer);
  if (!layer) return mg_fail_memory(sizeof *layer);
  layer->type = type;
  layer->training = true;
  layer->values = *values;
  size_t mark = mg_pool_mark();
  bool built = !type->build || type->build(layer);
  mg_pool_drain(mark);
  if (built) return layer;
  mg_layer_free(layer);
  return NULL;
}

mg_layer *mg_layer_alias(const mg_layer *layer) {
  mg_layer *alias = malloc(sizeof *alias);
  if (!alias) return mg_fail_memory(sizeof *alias);
  *alias = *layer;
  alias->fold = NULL;
  for (int i = 0; i < MG_LAYER_TENSORS; i++) mg_retain(alias->tensor[i]);
  return alias;
}

void mg_layer_free(mg_layer *layer) {
  if (!layer) return;
  for (int i = 0; i < MG_LAYER_TENSORS; i++) mg_release(layer->tensor[i]);
  mg_layer_unfold(layer);
  mg_profile_forget(layer);
  free(layer);
}

mg_tensor *mg_layer_allocate(mg_layer *layer, int slot, int ndim, const int64_t *shape) {
  mg_tensor *t = mg_tensor_new(ndim, shape);
  if (!t) return NULL;
  t->requires_grad = !layer->type->slots[slot].buffer;
  return layer->tensor[slot] = mg_retain(t);
}

bool mg_layer_allocate_weight(mg_layer *layer, int ndim, const int64_t *shape, int64_t bias_size) {
  mg_tensor *weight = mg_layer_allocate(layer, MG_LAYER_WEIGHT, ndim, shape);
  if (!weight || !mg_init_kaiming_uniform(weight, MG_FAN_IN, mg_init_gain(MG_GAIN_LEAKY_RELU, sqrt(5)))) return false;
  if (bias_size == 0) return true;
  mg_tensor *bias = mg_layer_allocate(layer, MG_LAYER_BIAS, 1, &bias_size);
  if (!bias) return false;
  double bound = 1 / sqrt((double)weight->numel / (double)weight->shape[ndim - 1]);
  mg_init_uniform(bias, -bound, bound);
  return true;
}

int64_t mg_layer_integer(const mg_layer *layer, int option) { return (int64_t)layer->values.value[option][0]; }

/* ---- tensors ------------------------------------------------------------------------------- */

bool mg_layer_assign(mg_layer *layer, int slot, mg_tensor *t) {
  mg_tensor *old = layer->tensor[slot];
  if (!old) return mg_fail("switched off when the layer was made"), false;
  if (!mg_same_shape(old, t))
    return mg_fail("expected a tensor of shape %s, got %s", mg_tensor_text(old), mg_tensor_text(t)), false;
  if (t->node) return mg_fail("expected a tensor of its own, got the result of an operation (detach it)"), false;
  if (old->requires_grad) t->requires_grad = true;
  layer->tensor[slot] = mg_retain(t);
  mg_release(old);
  return true;
}

void mg_layer_copy(mg_tensor *to, const mg_tensor *from) {
  if (to->data == from->data) return;
  memmove(to->data, from->data, (size_t)to->numel * sizeof(real));
  to->storage->version++;
}

/* ---- forward ------------------------------------------------------------------------------- */

static void describe(const void *layer, char *text, size_t size) { mg_layer_describe(layer, text, size); }

mg_profile_place mg_layer_enter(const mg_layer *layer) {
  if (!mg_profile_on) return (mg_profile_place){0, false};
  return mg_profile_enter((mg_profile_place){mg_profile_number(layer, describe), false});
}

mg_tensor *mg_layer_forward(mg_layer *layer, mg_tensor *const *in, int n) {
  const mg_layer_type *type = layer->type;
  int inputs = type->unary ? 1 : type->inputs;
  if (n != inputs) return mg_fail("expected %d tensor%s, got %d", inputs, inputs == 1 ? "" : "s", n);
  for (int i = 0; i < n; i++)
    if (!in[i]) return NULL;
  if (layer->training) mg_layer_unfold(layer);
  size_t mark = mg_pool_mark();
  mg_profile_place before = mg_layer_enter(layer);
  mg_tensor *y = type->unary ? type->unary(in[0]) : type->forward(layer, in);
  mg_profile_enter(before);
  return mg_pool_drain_keep(mark, y);
}

mg_tensor *mg_layer_forward_with(mg_layer *layer, int slot, mg_tensor *t, mg_tensor *const *in, int n) {
  mg_tensor *own = layer->tensor[slot];
  if (!t) return NULL;
  layer->tensor[slot] = t;
  mg_tensor *y = mg_layer_forward(layer, in, n);
  layer->tensor[slot] = own;
  return y;
}

bool mg_layer_expect_features(const mg_tensor *x, int64_t features, int min_ndim) {
  if (x->ndim >= min_ndim && x->shape[x->ndim - 1] == features) return true;
  if (x->ndim >= min_ndim)
    mg_fail("expected %" PRId64 " features, got %s", features, mg_tensor_text(x));
  else
    mg_fail("expected at least %d dimension%s, the last of %" PRId64 " features, got %s", min_ndim,
            min_ndim == 1 ? "" : "s", features, mg_tensor_text(x));
  return false;
}

bool mg_layer_expect_images(const mg_tensor *x, int64_t channels) {
  if (x->ndim != 4 || (channels > 0 && x->shape[3] != channels)) {
    char expected[32] = "channels";
    if (channels > 0) snprintf(expected, sizeof expected, "%" PRId64 " channels", channels);
    return mg_fail("expected images (n, height, width, %s), got %s", expected, mg_tensor_text(x)), false;
  }
  for (int i = 1; i <= 2; i++)
    if (x->shape[i] < 1 || (double)x->shape[i] > MG_LAYER_MAX_SIZE)
      return mg_fail("expected images of at least one pixel, got %s", mg_tensor_text(x)), false;
  return true;
}

/* ---- in words ------------------------------------------------------------------------------ */

/* Text that grows in a buffer of fixed size; what does not fit is cut off. */
typedef struct text_buffer {
  char *text;
  size_t size, length;
} text_buffer;

__attribute__((format(printf, 2, 3))) static void append(text_buffer *to, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int n = vsnprintf(to->text + to->length, to->size - to->length, format, arguments);
  va_end(arguments);
  if (n > 0) to->length = MG_MIN(to->length + (size_t)n, to->size - 1);
}

static void append_value(text_buffer *to, const mg_option *option, const double *value) {
  const char *word = option->choices;
  switch (option->kind) {
  case MG_BOOLEAN:
    append(to, value[0] != 0 ? "true" : "false");
    break;
  case MG_CHOICE:
    for (int i = 0; i < (int)value[0]; i++) word = strchr(word, '|') + 1;
    append(to, "\"%.*s\"", (int)strcspn(word, "|"), word);
    break;
  case MG_PAIR:
    append(to, "{ %.14g, %.14g }", value[0], value[1]);
    break;
  case MG_SIDES:
    if (option->positional)
      append(to, "%.14g x %.14g", value[0], value[1]);
    else if (value[0] == value[1])
      append(to, "%.14g", value[0]);
    else
      append(to, "{ %.14g, %.14g }", value[0], value[1]);
    break;
  default:
    append(to, "%.14g", value[0]);
  }
}

static void append_shape(text_buffer *to, const mg_values *values) {
  for (int i = 0; i < values->ndim; i++) append(to, i ? ", %" PRId64 : "%" PRId64, values->shape[i]);
}

static bool is_fallback(const mg_option *option, const double *value) {
  bool two = option->kind == MG_PAIR || option->kind == MG_SIDES;
  return value[0] == option->fallback[0] && (!two || value[1] == option->fallback[1]);
}

/* Features in and out read "64 -> 256"; a size after them reads "5 pieces". */
static void append_option(text_buffer *to, const mg_layer *layer, int i) {
  const mg_option *option = &layer->type->options[i];
  const double *value = layer->values.value[i];
  bool size = option->kind == MG_SIZE, shape = option->kind == MG_SHAPE, key = !size && !shape && !option->positional;
  if (key && is_fallback(option, value)) return;
  if (to->text[to->length - 1] != '(') append(to, layer->type->maps && i == 1 ? " -> " : ", ");
  if (key) append(to, "%s = ", option->name);
  if (shape)
    append_shape(to, &layer->values);
  else
    append_value(to, option, value);
  if (size && layer->type->maps && i > 1) append(to, " %s", option->name);
}

void mg_layer_describe(const mg_layer *layer, char *text, size_t size) {
  text_buffer to = {text, size, 0};
  append(&to, "%s(", layer->type->name);
  for (int i = 0; layer->type->options && layer->type->options[i].name; i++) append_option(&to, layer, i);
  if (to.text[to.length - 1] == '(')
    to.text[--to.length] = 0; /* nothing to tell: "ReLU" */
  else
    append(&to, ")");
}

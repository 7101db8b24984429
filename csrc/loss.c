#include "loss.h"

#define REDUCTION                                                                                                      \
  { .name = "reduction", .kind = MG_CHOICE, .choices = "mean|sum|none" }
#define END                                                                                                            \
  { .name = NULL }

static double option(const mg_values *values, int i) { return values->value[i][0]; }

/* x times the target. */
static mg_tensor *times(mg_tensor *x, mg_target target) {
  return target.tensor ? mg_mul(x, target.tensor) : mg_affine(x, target.number, 0);
}

/* x times (1 - target). */
static mg_tensor *times_rest(mg_tensor *x, mg_target target) {
  return target.tensor ? mg_mul(x, mg_affine(target.tensor, -1, 1)) : mg_affine(x, 1 - target.number, 0);
}

/* x minus the target. */
static mg_tensor *minus(mg_tensor *x, mg_target target) {
  return target.tensor ? mg_sub(x, target.tensor) : mg_affine(x, 1, -target.number);
}

static bool is_number(mg_target target, double number) { return !target.tensor && target.number == number; }

/* ---- binary cross-entropy ------------------------------------------------------------------ */

#define LOG_FLOOR (-100)
#define SMALL 1e-12

/* log(x) for x >= 0, but at least -100, with the derivative 1 / max(x, 1e-12): as PyTorch limits
 * them, so that an output that rounds to 0 gives neither infinity nor NaN.  Below 1e-12 the
 * logarithm is replaced by the line of that slope through its limited value. */
static mg_tensor *limited_log(mg_tensor *x) {
  if (!x) return NULL;
  bool small = false;
  for (int64_t i = 0; i < x->numel && !small; i++) small = x->data[i] < (real)SMALL;
  if (!small) return mg_log(x);
  mg_tensor *is_small = mg_tensor_like(x), *start = mg_tensor_like(x);
  if (!is_small || !start) return NULL;
  for (int64_t i = 0; i < x->numel; i++) {
    double value = (double)x->data[i];
    is_small->data[i] = x->data[i] < (real)SMALL;
    start->data[i] = is_small->data[i] != 0 ? (real)(MG_MAX(log(value), LOG_FLOOR) - value / SMALL) : 0;
  }
  mg_tensor *line = mg_add(mg_affine(x, 1 / SMALL, 0), start);
  return mg_where(is_small, line, mg_log(mg_where(is_small, mg_scalar(1), x)));
}

static bool check_probabilities(const mg_tensor *input) {
  for (int64_t i = 0; i < input->numel; i++)
    if (input->data[i] < 0 || input->data[i] > 1)
      return mg_fail("expected an input of probabilities in [0, 1], got %g at element %" PRId64
                     " of %s; BCEWithLogitsLoss takes any number",
                     (double)input->data[i], i + 1, mg_tensor_text(input)),
             false;
  return true;
}

/* -(t log x + (1 - t) log(1 - x)) */
static mg_tensor *bce(const mg_values *values, mg_tensor *input, mg_target target) {
  (void)values;
  if (!check_probabilities(input)) return NULL;
  if (is_number(target, 1)) return mg_neg(limited_log(input));
  mg_tensor *log_rest = limited_log(mg_affine(input, -1, 1));
  if (is_number(target, 0)) return mg_neg(log_rest);
  return mg_neg(mg_add(times(limited_log(input), target), times_rest(log_rest, target)));
}

enum { LOGITS_POS_WEIGHT = MG_LOSS_OWN };

/* With y = sigmoid(x): -(w t log y + (1 - t) log(1 - y)), which is softplus(x) - x t where w = 1
 * and (1 - t) x + (1 + (w - 1) t) softplus(-x) for any w. */
static mg_tensor *bce_with_logits(const mg_values *values, mg_tensor *x, mg_target target) {
  double weight = option(values, LOGITS_POS_WEIGHT);
  if (is_number(target, 0)) return mg_softplus(x);
  if (is_number(target, 1)) {
    mg_tensor *y = mg_softplus(mg_neg(x));
    return weight == 1 ? y : mg_affine(y, weight, 0);
  }
  if (weight == 1) return mg_sub(mg_softplus(x), times(x, target));
  mg_tensor *y = mg_softplus(mg_neg(x));
  return mg_add(times_rest(x, target), mg_add(y, mg_affine(times(y, target), weight - 1, 0)));
}

/* ---- distances ----------------------------------------------------------------------------- */

static mg_tensor *mse(const mg_values *values, mg_tensor *input, mg_target target) {
  (void)values;
  return mg_square(minus(input, target));
}

static mg_tensor *l1(const mg_values *values, mg_tensor *input, mg_target target) {
  (void)values;
  return mg_abs(minus(input, target));
}

enum { SMOOTH_BETA = MG_LOSS_OWN };

/* d^2 / (2 beta) where |d| < beta, else |d| - beta / 2 (Girshick 2015, with beta = 1).  With c
 * being d limited to [-beta, beta] both are c (d - c / 2) / beta. */
static mg_tensor *smooth_l1(const mg_values *values, mg_tensor *input, mg_target target) {
  double beta = option(values, SMOOTH_BETA);
  mg_tensor *d = minus(input, target);
  if (beta == 0) return mg_abs(d);
  mg_tensor *c = mg_clamp(d, -beta, beta);
  return mg_affine(mg_mul(c, mg_sub(d, mg_affine(c, 0.5, 0))), 1 / beta, 0);
}

/* ---- cross-entropy ------------------------------------------------------------------------- */

enum { CROSS_LABEL_SMOOTHING = MG_LOSS_OWN };

/* 0-based indices (.., 1) from class numbers 1 ... classes of the shape (..), or of one number;
 * NULL with an error set where one is out of range. */
static mg_tensor *class_indices(const mg_tensor *input, mg_target target) {
  int64_t shape[MG_MAX_DIM], classes = input->shape[input->ndim - 1];
  memcpy(shape, input->shape, sizeof shape);
  shape[input->ndim - 1] = 1;
  mg_tensor *index = mg_tensor_new(input->ndim, shape);
  if (!index) return NULL;
  for (int64_t i = 0; i < index->numel; i++) {
    double number = target.tensor ? (double)target.tensor->data[i] : target.number;
    if (!(number >= 1 && number <= (double)classes && number == floor(number)))
      return mg_fail("expected class numbers 1 to %" PRId64 " as target, got %g at element %" PRId64, classes, number,
                     i + 1);
    index->data[i] = (real)(number - 1);
  }
  return index;
}

/* Whether the target's shape is the input's without the last dimension. */
static bool is_class_target(const mg_tensor *input, mg_target target) {
  if (!target.tensor) return true;
  if (target.tensor->ndim != input->ndim - 1) return false;
  for (int i = 0; i < target.tensor->ndim; i++)
    if (target.tensor->shape[i] != input->shape[i]) return false;
  return true;
}

/* -sum_c t_c log softmax(x)_c over the last dimension, with t smoothed: (1 - s) t + s / classes
 * (Szegedy 2016). */
static mg_tensor *cross_entropy(const mg_values *values, mg_tensor *input, mg_target target) {
  double smoothing = option(values, CROSS_LABEL_SMOOTHING);
  int last = input->ndim - 1;
  if (input->ndim == 0 || input->shape[last] == 0)
    return mg_fail("expected an input of scores (.., classes), got %s", mg_tensor_text(input));
  if (target.tensor && mg_same_shape(input, target.tensor)) {
    mg_tensor *t = target.tensor;
    if (smoothing > 0) t = mg_affine(t, 1 - smoothing, smoothing / (double)input->shape[last]);
    return mg_neg(mg_sum(mg_mul(mg_log_softmax(input, last), t), last, false));
  }
  if (!is_class_target(input, target))
    return mg_fail("expected a target of class numbers %s or of probabilities %s for the input %s, got %s",
                   mg_shape_text(last, input->shape), mg_tensor_text(input), mg_tensor_text(input),
                   mg_tensor_text(target.tensor));
  mg_tensor *index = class_indices(input, target);
  if (!index) return NULL;
  mg_tensor *log_p = mg_log_softmax(input, last);
  mg_tensor *chosen = mg_reshape(mg_gather(log_p, last, index), last, input->shape);
  if (smoothing == 0) return mg_neg(chosen);
  return mg_add(mg_affine(chosen, smoothing - 1, 0), mg_affine(mg_mean(log_p, last, false), -smoothing, 0));
}

/* ---- the table ----------------------------------------------------------------------------- */

static const mg_option plain_options[] = {REDUCTION, END};
static const mg_option logits_options[] = {
    REDUCTION, {.name = "pos_weight", .kind = MG_NUMBER, .fallback = {1}, .min = 0, .max = INFINITY}, END};
static const mg_option smooth_options[] = {
    REDUCTION, {.name = "beta", .kind = MG_NUMBER, .fallback = {1}, .min = 0, .max = INFINITY}, END};
static const mg_option cross_options[] = {
    REDUCTION, {.name = "label_smoothing", .kind = MG_NUMBER, .min = 0, .max = 1}, END};

const mg_loss_type mg_loss_types[] = {
    {"loss.BCELoss", plain_options, bce, false, "binary cross-entropy of probabilities; logarithms at least -100"},
    {"loss.BCEWithLogitsLoss", logits_options, bce_with_logits, false, "binary cross-entropy of sigmoid(input)"},
    {"loss.MSELoss", plain_options, mse, false, "squared difference"},
    {"loss.L1Loss", plain_options, l1, false, "absolute difference"},
    {"loss.SmoothL1Loss", smooth_options, smooth_l1, false, "squared difference near 0, absolute beyond beta"},
    {"loss.CrossEntropyLoss", cross_options, cross_entropy, true,
     "-log softmax(input) at the class numbers (1-based) or weighted by the probabilities that target gives"},
    {.name = NULL}};

static mg_tensor *reduce(mg_tensor *elements, double reduction) {
  if (reduction == MG_REDUCE_MEAN) return mg_mean(elements, -1, false);
  if (reduction == MG_REDUCE_SUM) return mg_sum(elements, -1, false);
  return elements;
}

mg_tensor *mg_loss_forward(const mg_loss_type *type, const mg_values *values, mg_tensor *input, mg_target target) {
  if (!input || mg_error()) return NULL;
  size_t mark = mg_pool_mark();
  mg_tensor *result = NULL;
  if (target.tensor && !type->by_sample && !mg_same_shape(input, target.tensor))
    mg_fail("expected a target of the input's shape %s, got %s", mg_tensor_text(input), mg_tensor_text(target.tensor));
  else
    result = reduce(type->elements(values, input, target), option(values, MG_LOSS_REDUCTION));
  if (!result) mg_fail_prefix("%s: ", type->name);
  return mg_pool_drain_keep(mark, result);
}

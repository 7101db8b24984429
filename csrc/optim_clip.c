/* optim_clip.c: clipping of gradients, by their norm or by value. */
#include "optim.h"
#include "parallel.h"
#include "profile.h"
#include "span.h"

/* The gradients of a list of tensors, as one job. */
typedef struct gradients {
  int n;
  int64_t blocks;
  mg_span *spans;
  mg_tensor **tensor;
  double *partial; /* one a block */
  size_t capacity;
  double p, number; /* the norm's exponent; what to scale by, or the limit */
} gradients;

/* Add the gradient of tensor number i; one that is there already is an error, for two tasks would
 * change it at once. */
static bool add(gradients *g, mg_tensor *grad, int i, const char *function) {
  for (int j = 0; j < g->n; j++)
    if (g->tensor[j]->data == grad->data && grad->numel > 0)
      return mg_fail("%s: the gradient of tensor %d was in the list before: expected each tensor once", function,
                     i + 1),
             false;
  g->spans[g->n].length = grad->numel;
  g->tensor[g->n++] = grad;
  return true;
}

static void finish(gradients *g) { mg_scratch_put(g->spans, g->capacity); }

/* Collect the gradients that are there; false with an error set. */
static bool collect(gradients *g, mg_tensor *const *tensors, int n, const char *function) {
  int64_t total = 0;
  for (int i = 0; i < n; i++)
    if (tensors[i]->grad) total += tensors[i]->grad->numel + 64;
  size_t blocks = (size_t)(total / MG_GRAIN + 1);
  g->spans =
      mg_scratch_get((size_t)n * (sizeof *g->spans + sizeof *g->tensor) + blocks * sizeof *g->partial, &g->capacity);
  if (!g->spans) return false;
  g->tensor = (mg_tensor **)(g->spans + n);
  g->partial = (double *)(g->tensor + n);
  for (int i = 0; i < n; i++) {
    if (!tensors[i]->grad || add(g, tensors[i]->grad, i, function)) continue;
    finish(g);
    return false;
  }
  g->blocks = mg_spans_place(g->spans, g->n);
  for (int64_t b = 0; b < g->blocks; b++) g->partial[b] = 0;
  return true;
}

/* ---- the norm ------------------------------------------------------------------------------ */

#define LANES 16

/* Sums are doubles: a float's square overflows at 1e19. */
static double sum_of_squares(int64_t n, const real *x) {
  double lane[LANES] = {0}, total = 0;
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int l = 0; l < LANES; l++) lane[l] += (double)x[i + l] * (double)x[i + l];
  for (; i < n; i++) total += (double)x[i] * (double)x[i];
  for (int l = 0; l < LANES; l++) total += lane[l];
  return total;
}

static double sum_of_powers(int64_t n, const real *x, double p) {
  double total = 0;
  for (int64_t i = 0; i < n; i++) total += pow(fabs((double)x[i]), p);
  return total;
}

/* The largest magnitude, or NaN where there is one. */
static double largest(double so_far, int64_t n, const real *x) {
  for (int64_t i = 0; i < n; i++) {
    double magnitude = fabs((double)x[i]);
    if (magnitude > so_far || isnan(magnitude)) so_far = magnitude;
  }
  return so_far;
}

static void measure(void *argument, int span, int64_t begin, int64_t end, int64_t block) {
  gradients *g = argument;
  const real *x = g->tensor[span]->data + begin;
  int64_t n = end - begin;
  if (isinf(g->p))
    g->partial[block] = largest(g->partial[block], n, x);
  else
    g->partial[block] += g->p == 2 ? sum_of_squares(n, x) : sum_of_powers(n, x, g->p);
}

static double total_norm(gradients *g) {
  mg_spans_run(g->spans, g->n, measure, g);
  double total = 0;
  for (int64_t b = 0; b < g->blocks; b++) {
    double part = g->partial[b];
    if (!isinf(g->p))
      total += part;
    else if (part > total || isnan(part))
      total = part;
  }
  if (isinf(g->p)) return total;
  return g->p == 2 ? sqrt(total) : pow(total, 1 / g->p);
}

/* ---- changing gradients -------------------------------------------------------------------- */

static void scale(void *argument, int span, int64_t begin, int64_t end, int64_t block) {
  (void)block;
  gradients *g = argument;
  real *x = g->tensor[span]->data, factor = (real)g->number;
  for (int64_t i = begin; i < end; i++) x[i] *= factor;
}

static void clamp(void *argument, int span, int64_t begin, int64_t end, int64_t block) {
  (void)block;
  gradients *g = argument;
  real *x = g->tensor[span]->data, limit = (real)g->number;
  for (int64_t i = begin; i < end; i++) {
    real low = -limit > x[i] ? -limit : x[i];
    x[i] = limit < low ? limit : low;
  }
}

static void change(gradients *g, mg_span_body *body, double number) {
  g->number = number;
  for (int i = 0; i < g->n; i++) g->tensor[i]->storage->version++;
  mg_spans_run(g->spans, g->n, body, g);
}

double mg_clip_grad_norm(mg_tensor *const *tensors, int n, double max_norm, double p) {
  mg_profile_mark mark = mg_profile_begin();
  gradients g = {.p = p};
  if (!collect(&g, tensors, n, "optim.clip_grad_norm")) return -1;
  double norm = total_norm(&g);
  double factor = max_norm / (norm + 1e-6); /* PyTorch's guard against division by zero */
  if (!(factor >= 1)) change(&g, scale, factor);
  finish(&g);
  mg_profile_end(mark, "clip gradients", 0, 0);
  return norm;
}

bool mg_clip_grad_value(mg_tensor *const *tensors, int n, double limit) {
  mg_profile_mark mark = mg_profile_begin();
  gradients g = {0};
  if (!collect(&g, tensors, n, "optim.clip_grad_value")) return false;
  change(&g, clamp, limit);
  finish(&g);
  mg_profile_end(mark, "clip gradients", 0, 0);
  return true;
}

#include "optim.h"

#include "apart.h"
#include "optim_constants.h"
#include "profile.h"
#include "span.h"

#define PART 2048 /* numbers of a parameter that wait to be streamed */

mg_optimizer *mg_optimizer_new(const mg_optim_type *type) {
  mg_optimizer *optimizer = calloc(1, sizeof *optimizer);
  if (!optimizer) return mg_fail_memory(sizeof *optimizer);
  optimizer->type = type;
  return optimizer;
}

static void release_state(mg_optim_parameter *parameter) {
  for (int i = 0; i < MG_MAX_STATE; i++) mg_release(parameter->state[i]);
  memset(parameter->state, 0, sizeof parameter->state);
}

void mg_optimizer_free(mg_optimizer *optimizer) {
  if (!optimizer) return;
  for (int i = 0; i < optimizer->n; i++) {
    release_state(&optimizer->parameters[i]);
    mg_release(optimizer->parameters[i].tensor);
  }
  free(optimizer->parameters);
  free(optimizer->groups);
  free(optimizer);
}

/* ---- parameter groups ---------------------------------------------------------------------- */

/* Whether tensor number n of the new group (1-based) may be a parameter beside the n_before that
 * are there; false with an error set. */
static bool check_parameter(const mg_optimizer *optimizer, const mg_tensor *tensor, int group, int n) {
  const char *name = optimizer->type->name;
  if (!tensor->requires_grad || tensor->node)
    return mg_fail("%s: parameter %d of group %d: expected a leaf tensor that requires a gradient, got a tensor %s %s",
                   name, n, group, mg_tensor_text(tensor),
                   tensor->node ? "that was computed" : "that requires no gradient"),
           false;
  for (int i = 0; i < optimizer->n; i++) {
    const mg_tensor *other = optimizer->parameters[i].tensor;
    if (other == tensor || (other->data == tensor->data && tensor->numel > 0))
      return mg_fail("%s: parameter %d of group %d is parameter %d already: expected each once", name, n, group, i + 1),
             false;
  }
  return true;
}

/* Make room for one more group and n more parameters. */
static bool reserve(mg_optimizer *optimizer, int n) {
  size_t bytes = (size_t)(optimizer->group_count + 1) * sizeof *optimizer->groups;
  mg_values *groups = realloc(optimizer->groups, bytes);
  if (!groups) return mg_fail_memory(bytes), false;
  optimizer->groups = groups;
  bytes = (size_t)(optimizer->n + n) * sizeof *optimizer->parameters;
  mg_optim_parameter *parameters = realloc(optimizer->parameters, MG_MAX(bytes, 1));
  if (!parameters) return mg_fail_memory(bytes), false;
  optimizer->parameters = parameters;
  return true;
}

static bool check_options(const mg_optimizer *optimizer, const mg_values *values) {
  const mg_optim_type *type = optimizer->type;
  const char *complaint = type->complaint ? type->complaint(values) : NULL;
  if (complaint) mg_fail("%s: %s", type->name, complaint);
  return !complaint;
}

bool mg_optimizer_add_group(mg_optimizer *optimizer, const mg_values *values, mg_tensor *const *tensors, int n) {
  if (!check_options(optimizer, values) || !reserve(optimizer, n)) return false;
  int before = optimizer->n;
  for (int i = 0; i < n; i++) {
    if (!check_parameter(optimizer, tensors[i], optimizer->group_count + 1, i + 1)) {
      while (optimizer->n > before) mg_release(optimizer->parameters[--optimizer->n].tensor);
      return false;
    }
    optimizer->parameters[optimizer->n++] =
        (mg_optim_parameter){.tensor = mg_retain(tensors[i]), .group = optimizer->group_count};
  }
  optimizer->groups[optimizer->group_count++] = *values;
  return true;
}

/* ---- a step -------------------------------------------------------------------------------- */

bool mg_optim_keeps(const mg_optim_type *type, const mg_values *values, int i) {
  const mg_optim_state *state = &type->state[i];
  return state->name && (state->kept_with == 0 || values->value[state->kept_with][0] != 0);
}

/* One parameter's share of a step. */
typedef struct update {
  real *parameter;
  const real *gradient;
  real *state[MG_MAX_STATE];
  real constants[MG_MAX_CONSTANTS];
} update;

typedef struct step {
  mg_optim_kernel *kernel;
  update *updates;
  bool streamed; /* parameters are written past the caches: all threads are about to read them (apart.h) */
} step;

static void run_update(void *argument, int span, int64_t begin, int64_t end, int64_t block) {
  (void)block;
  const step *s = argument;
  const update *u = &s->updates[span];
  real *state[MG_MAX_STATE], part[PART];
  for (int64_t at = begin; at < end; at += PART) {
    int64_t count = MG_MIN(PART, end - at);
    real *parameter = s->streamed ? memcpy(part, u->parameter + at, (size_t)count * sizeof(real)) : u->parameter + at;
    for (int i = 0; i < MG_MAX_STATE; i++) state[i] = u->state[i] ? u->state[i] + at : NULL;
    s->kernel(count, parameter, u->gradient + at, state, u->constants);
    if (s->streamed) mg_kernel->stream(count, part, u->parameter + at);
  }
}

/* Check the gradient and make the state that is not there yet. */
static bool prepare(const mg_optimizer *optimizer, int index) {
  mg_optim_parameter *p = &optimizer->parameters[index];
  const mg_tensor *tensor = p->tensor;
  const mg_values *values = &optimizer->groups[p->group];
  if (!mg_same_shape(tensor, tensor->grad))
    return mg_fail("%s: step: parameter %d has the shape %s, but its gradient %s", optimizer->type->name, index + 1,
                   mg_tensor_text(tensor), mg_tensor_text(tensor->grad)),
           false;
  for (int i = 0; i < MG_MAX_STATE; i++) {
    if (p->state[i] || !mg_optim_keeps(optimizer->type, values, i)) continue;
    int filled_with = optimizer->type->state[i].filled_with;
    double first = filled_with ? values->value[filled_with][0] : 0;
    p->state[i] = mg_retain(mg_tensor_full(tensor->ndim, tensor->shape, first));
    if (!p->state[i]) return false;
  }
  return true;
}

/* Count the step and say what is to be done. */
static update plan(const mg_optimizer *optimizer, mg_optim_parameter *p) {
  const mg_values *values = &optimizer->groups[p->group];
  double constants[MG_MAX_CONSTANTS] = {0};
  constants[MG_CLIP] = values->value[MG_OPTIM_CLIP][0];
  optimizer->type->constants(values, (double)++p->steps, constants);
  update u = {.parameter = p->tensor->data, .gradient = p->tensor->grad->data};
  for (int i = 0; i < MG_MAX_CONSTANTS; i++) u.constants[i] = (real)constants[i];
  for (int i = 0; i < MG_MAX_STATE; i++) {
    if (!p->state[i]) continue;
    p->state[i]->storage->version++;
    u.state[i] = p->state[i]->data;
  }
  p->tensor->storage->version++;
  return u;
}

/* Bytes that a step reads and writes: parameter and state twice, gradient once. */
static double step_bytes(const update *updates, const mg_span *spans, int n) {
  double bytes = 0;
  for (int i = 0; i < n; i++) {
    int arrays = 3;
    for (int k = 0; k < MG_MAX_STATE; k++) arrays += updates[i].state[k] ? 2 : 0;
    bytes += (double)spans[i].length * arrays * sizeof(real);
  }
  return bytes;
}

bool mg_optimizer_step(mg_optimizer *optimizer) {
  mg_profile_mark measured = mg_profile_begin();
  size_t mark = mg_pool_mark();
  bool fine = true;
  for (int i = 0; i < optimizer->n && fine; i++)
    if (optimizer->parameters[i].tensor->grad) fine = prepare(optimizer, i);
  mg_pool_drain(mark);
  if (!fine) return false;

  size_t capacity, each = sizeof(update) + sizeof(mg_span);
  update *updates = mg_scratch_get((size_t)optimizer->n * each, &capacity);
  if (!updates) return false;
  mg_span *spans = (mg_span *)(updates + optimizer->n);
  int n = 0;
  for (int i = 0; i < optimizer->n; i++) {
    mg_optim_parameter *p = &optimizer->parameters[i];
    if (!p->tensor->grad) continue;
    spans[n].length = p->tensor->numel;
    updates[n++] = plan(optimizer, p);
  }
  step s = {*(mg_optim_kernel *const *)((const char *)mg_kernel + optimizer->type->kernel), updates, false};
  s.streamed = mg_spans_place(spans, n) > 1 && mg_threads_apart();
  mg_spans_run(spans, n, run_update, &s);
  if (measured.began != 0) mg_profile_close(measured, optimizer->type->name, 0, step_bytes(updates, spans, n));
  mg_scratch_put(updates, capacity);
  return true;
}

/* ---- gradients and state ------------------------------------------------------------------- */

void mg_optimizer_zero_grad(mg_optimizer *optimizer, bool set_to_zero) {
  for (int i = 0; i < optimizer->n; i++) {
    mg_tensor *tensor = optimizer->parameters[i].tensor, *grad = tensor->grad;
    /* A gradient that is itself part of a graph (create_graph) is dropped: zeros are not. */
    if (grad && set_to_zero && !grad->requires_grad) {
      memset(grad->data, 0, (size_t)grad->numel * sizeof *grad->data);
      grad->storage->version++;
    } else {
      mg_release(grad);
      tensor->grad = NULL;
    }
  }
}

/* Copies of the saved state in fresh parameters; false with an error set. */
static bool copy_state(const mg_optim_parameter *saved, int n, mg_optim_parameter *copies) {
  for (int p = 0; p < n; p++)
    for (int i = 0; i < MG_MAX_STATE; i++) {
      const mg_tensor *source = saved[p].state[i];
      if (!source) continue;
      mg_tensor *copy = mg_retain(mg_tensor_like(source));
      if (!copy) return false;
      memcpy(copy->data, source->data, (size_t)source->numel * sizeof *source->data);
      copies[p].state[i] = copy;
    }
  return true;
}

bool mg_optimizer_load(mg_optimizer *optimizer, const mg_values *values, const mg_optim_parameter *saved) {
  for (int g = 0; g < optimizer->group_count; g++)
    if (!check_options(optimizer, &values[g])) return false;
  int n = optimizer->n;
  size_t mark = mg_pool_mark(), bytes = (size_t)n * sizeof *saved;
  mg_optim_parameter *copies = calloc(MG_MAX((size_t)n, 1), sizeof *copies);
  if (!copies) return mg_fail_memory(bytes), false;
  bool fine = copy_state(saved, n, copies);
  mg_pool_drain(mark);
  for (int p = 0; p < n; p++) {
    mg_optim_parameter *mine = &optimizer->parameters[p], old = *mine;
    if (fine) {
      memcpy(mine->state, copies[p].state, sizeof mine->state);
      mine->steps = saved[p].steps;
      memcpy(copies[p].state, old.state, sizeof old.state);
    }
    release_state(&copies[p]);
  }
  if (fine) memcpy(optimizer->groups, values, (size_t)optimizer->group_count * sizeof *values);
  free(copies);
  return fine;
}

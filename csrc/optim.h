/* optim.h: optimizers, described by a table of types.
 *
 * A type's update is one fused loop (kernel_optim.inc) over each parameter: read the gradient,
 * update the state, write the parameter, clamped where `clip` is given.  All parameters of a step
 * are one parallel job.  Updating is a plain write into the parameter's memory; no operation is
 * recorded, but the write is counted, so that a tape that saved the parameter notices it. */
#ifndef MG_OPTIM_H
#define MG_OPTIM_H

#include "kernel.h"
#include "option.h"
#include "tensor.h"

#define MG_MAX_STATE 3

/* The options that every type begins with. */
enum { MG_OPTIM_LR, MG_OPTIM_WEIGHT_DECAY, MG_OPTIM_CLIP, MG_OPTIM_OWN };

/* One tensor of state a parameter. */
typedef struct mg_optim_state {
  const char *name;
  int kept_with;   /* kept only where this option is not 0; 0: always */
  int filled_with; /* the option that gives its first value; 0: zeros */
} mg_optim_state;

typedef struct mg_optim_type {
  const char *name; /* "optim.Adam" */
  const mg_option *options;
  mg_optim_state state[MG_MAX_STATE]; /* as the kernel takes them; unused ones have no name */
  /* The scalars of a parameter's step number `step` (1, 2, ...), laid out as optim_constants.h says. */
  void (*constants)(const mg_values *values, double step, double *constants);
  size_t kernel; /* where the kernel table (kernel.h) has its update loop */
  /* What is wrong with these options together, or NULL; the function may be NULL. */
  const char *(*complaint)(const mg_values *values);
} mg_optim_type;

extern const mg_optim_type mg_optim_types[]; /* ended by a NULL name */

typedef struct mg_optim_parameter {
  mg_tensor *tensor;
  mg_tensor *state[MG_MAX_STATE]; /* NULL before the first step, and what is not kept */
  int64_t steps;
  int group;
} mg_optim_parameter;

typedef struct mg_optimizer {
  const mg_optim_type *type;
  mg_optim_parameter *parameters; /* in the order of their groups */
  int n;
  mg_values *groups;
  int group_count;
} mg_optimizer;

/* An optimizer without parameters; NULL with an error set where memory ends. */
mg_optimizer *mg_optimizer_new(const mg_optim_type *type);
void mg_optimizer_free(mg_optimizer *optimizer); /* NULL-safe */

/* Add a group of n parameters with its own options, and hold references to them.  False with an
 * error set, and nothing changed, unless the options go together and each parameter is a leaf that
 * requires a gradient and shares its memory with no other. */
bool mg_optimizer_add_group(mg_optimizer *optimizer, const mg_values *values, mg_tensor *const *tensors, int n);

/* Update every parameter that has a gradient.  False with an error set, and nothing changed, where
 * a gradient's shape is not its parameter's or memory ends. */
bool mg_optimizer_step(mg_optimizer *optimizer);

/* Drop the gradients, or fill them with zeros. */
void mg_optimizer_zero_grad(mg_optimizer *optimizer, bool set_to_zero);

/* Whether a parameter with these options keeps state tensor i after its first step. */
bool mg_optim_keeps(const mg_optim_type *type, const mg_values *values, int i);

/* Replace options and state: values[g] for group g, saved[p] for parameter p, whose state tensors
 * are copied (tensor and group are ignored).  The caller has checked that they fit.  False with an
 * error set, and nothing changed, where options don't go together or memory ends. */
bool mg_optimizer_load(mg_optimizer *optimizer, const mg_values *values, const mg_optim_parameter *saved);

/* Scale the gradients of n tensors so that the norm of all of them together (the p-norm; p may be
 * infinite) is at most max_norm, and return the norm before, which is NaN or infinite if one of
 * them is.  Tensors without a gradient count nothing.  -1 with an error set where memory ends or a
 * gradient is there twice. */
double mg_clip_grad_norm(mg_tensor *const *tensors, int n, double max_norm, double p);

/* Clamp every gradient to [-limit, limit]; NaN stays. */
bool mg_clip_grad_value(mg_tensor *const *tensors, int n, double limit);

#endif

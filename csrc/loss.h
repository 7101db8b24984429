/* loss.h: losses, described by a table of types and built of registered operations, so that any
 * order of derivative exists. */
#ifndef MG_LOSS_H
#define MG_LOSS_H

#include "op.h"
#include "option.h"

/* The option that every type begins with, and its values. */
enum { MG_LOSS_REDUCTION, MG_LOSS_OWN };
enum { MG_REDUCE_MEAN, MG_REDUCE_SUM, MG_REDUCE_NONE };

/* What an input is compared with: a tensor, or (NULL) one number for every element. */
typedef struct mg_target {
  mg_tensor *tensor;
  double number;
} mg_target;

typedef struct mg_loss_type {
  const char *name; /* "loss.BCELoss" */
  const mg_option *options;
  /* The loss of each element (of each sample for CrossEntropyLoss), not yet reduced. */
  mg_tensor *(*elements)(const mg_values *values, mg_tensor *input, mg_target target);
  bool by_sample; /* checks its target itself; otherwise it must have the input's shape */
  const char *doc;
} mg_loss_type;

extern const mg_loss_type mg_loss_types[]; /* ended by a NULL name */

/* The loss of `input` against `target`, a temporary: a scalar for the reductions mean and sum,
 * else the elements.  NULL with an error set where the target does not fit the input. */
mg_tensor *mg_loss_forward(const mg_loss_type *type, const mg_values *values, mg_tensor *input, mg_target target);

#endif

/* autograd.h: walking the tape backwards. */
#ifndef MG_AUTOGRAD_H
#define MG_AUTOGRAD_H

#include "op.h"

typedef struct mg_backward_options {
  bool create_graph; /* record the walk itself, so that its results can be differentiated */
  bool retain_graph; /* keep what the tape saved; create_graph implies it */
} mg_backward_options;

/* The gradients of `output` (with `seed` as its own gradient, or NULL for a scalar's 1) with
 * respect to n inputs, as temporaries in gradient[].  An input that the output does not depend
 * on gets zeros.  False with an error set on failure. */
bool mg_gradients(mg_tensor *output, mg_tensor *seed, mg_tensor *const *inputs, int n, mg_tensor **gradient,
                  mg_backward_options options);

/* Accumulate gradients into the `grad` of n leaves, or of every leaf that `output` depends on
 * where inputs is NULL. */
bool mg_backward(mg_tensor *output, mg_tensor *seed, mg_tensor *const *inputs, int n, mg_backward_options options);

#endif

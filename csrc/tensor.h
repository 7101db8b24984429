/* tensor.h: contiguous row-major tensors of `real`, and the pool of temporaries.
 *
 * Ownership.  mg_tensor_new and every operation return a TEMPORARY: a tensor whose only reference
 * belongs to the pool.  It lives until the pool is drained to a mark taken before it was made.
 * Retain what must outlive that.  The pattern:
 *
 *     size_t mark = mg_pool_mark();
 *     mg_tensor *y = mg_mul(mg_exp(x), z);       // any number of temporaries, NULL on error
 *     return mg_pool_drain_keep(mark, y);         // all freed but y, a temporary of the caller's
 */
#ifndef MG_TENSOR_H
#define MG_TENSOR_H

#include "base.h"
#include "storage.h"

struct mg_node;

typedef struct mg_tensor {
  int refs;
  int ndim; /* 0 for a scalar */
  int64_t shape[MG_MAX_DIM];
  int64_t numel;
  mg_storage *storage;
  real *data;           /* within storage */
  struct mg_node *node; /* the recorded operation that made it; NULL for a leaf */
  struct mg_tensor *grad;
  bool requires_grad;
} mg_tensor;

/* A new tensor of the shape given (each size >= 0), contents undefined.  Errors: more than
 * MG_MAX_DIM dimensions, a negative size, an element count that overflows, no memory. */
mg_tensor *mg_tensor_new(int ndim, const int64_t *shape);
mg_tensor *mg_tensor_like(const mg_tensor *t); /* same shape, contents undefined */
mg_tensor *mg_tensor_full(int ndim, const int64_t *shape, double value);
mg_tensor *mg_scalar(double value); /* 0 dimensions */

/* A tensor over the same storage, not part of any graph: `ndim`, `shape` give its shape and
 * `offset` its first element.  The caller guarantees that it lies within t. */
mg_tensor *mg_tensor_view(const mg_tensor *t, int64_t offset, int ndim, const int64_t *shape);
mg_tensor *mg_detach(const mg_tensor *t);

mg_tensor *mg_retain(mg_tensor *t); /* NULL-safe; returns t */
void mg_release(mg_tensor *t);      /* NULL-safe */

/* Give the spare structs of released tensors back to the system. */
void mg_tensor_trim(void);

bool mg_same_shape(const mg_tensor *a, const mg_tensor *b);

/* "(64, 100)"; the text lives in one of a few rotating buffers, good for one message. */
const char *mg_shape_text(int ndim, const int64_t *shape);
const char *mg_tensor_text(const mg_tensor *t);

/* The pool of temporaries of this thread. */
size_t mg_pool_mark(void);
void mg_pool_drain(size_t mark);
/* Drain, but keep t (NULL-safe) as a temporary of the enclosing mark; returns t. */
mg_tensor *mg_pool_drain_keep(size_t mark, mg_tensor *t);
/* Give a reference that the caller owns to the pool; returns t. */
mg_tensor *mg_temporary(mg_tensor *t);

#endif

/* strided.h: copying between two layouts of one box of elements.
 *
 * Tensors are contiguous, so an operation that rearranges is one pass over memory: a box is
 * walked with one step an axis in the source and another in the target.  Permuting, expanding,
 * narrowing, padding, joining and reversing differ in their steps only. */
#ifndef MG_STRIDED_H
#define MG_STRIDED_H

#include "base.h"

/* Sizes of a box, outermost axis first, and for each axis how many elements a step along it is.
 * Source steps may be 0 (repeat) or negative (reverse); target steps are positive and decrease,
 * as those of a part of a row-major tensor do. */
typedef struct mg_strided {
  int n;
  int64_t size[MG_MAX_DIM];
  int64_t from[MG_MAX_DIM];
  int64_t to[MG_MAX_DIM];
} mg_strided;

/* Copy the box whose first elements are *source and *target; they must not overlap. */
void mg_strided_copy(const mg_strided *box, const real *source, real *target);

/* The steps of a row-major tensor. */
void mg_row_major(int ndim, const int64_t *shape, int64_t *step);

#endif

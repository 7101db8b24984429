/* winograd.h: minimal filtering (Winograd 1980, Toom and Cook before him; for networks Lavin and
 * Gray 2016), which computes m outputs of a filter of r taps from n = m + r - 1 products.
 *
 * In one dimension, with matrices B, G and A that interpolation in n points gives:
 *
 *     y = A^T [(G g) * (B^T d)]       d: n inputs, g: r taps, y: m outputs, *: element by element
 *
 * In two, each transform is applied along columns and along rows.  The gradients use the transposed
 * transforms.  Points are chosen so that single precision loses little: against sums in double, the
 * results' mean error is 2 (2 outputs) to 4 times (4 outputs) that of plain sums.
 *
 * The last point is infinity, which only the last output depends on, and which alone reads the last
 * input: a tile that is one output shorter has the same transforms without their ends. */
#ifndef MG_WINOGRAD_H
#define MG_WINOGRAD_H

#include "base.h"

#define MG_WINOGRAD_POINTS 25   /* products of a tile, at most */
#define MG_WINOGRAD_CHANNELS 16 /* the transforms take multiples of this */

/* A transform of tiles, for each of so many channels: in and out point to the tiles' elements,
 * row by row, each of them `channels` numbers.  With `stream` the results, which are aligned to whole vectors
 * then, go past the caches (kernel.def). */
typedef void mg_transform(int64_t channels, const real *const *in, bool stream, real *const *out);

typedef struct mg_winograd {
  int64_t outputs, taps, points;      /* m, r and n, along one side */
  mg_transform *weight;               /* G g G^T */
  mg_transform *weight_adjoint;       /* G^T x G */
  mg_transform *data[2][2];           /* B^T d B; here and below: [1][.] of a tile with one row less, */
  mg_transform *result[2][2];         /* A^T x A                  [.][1] with one column less */
  mg_transform *result_adjoint[2][2]; /* A y A^T */
} mg_winograd;

#endif

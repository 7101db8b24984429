/* reduce.h: sums over rows, columns or everything, cut into fixed blocks so that the result does
 * not depend on the number of threads. */
#ifndef MG_REDUCE_H
#define MG_REDUCE_H

#include "base.h"

/* Functions of columns over a block of rows: out gets `outputs` arrays of one value a column. */
typedef void mg_column_function(void *argument, int64_t first_row, int64_t rows, int64_t first_column, int64_t columns,
                                real *const *out);

/* Run a column function over a (rows, columns) array in blocks and add up what the blocks give, in
 * order, into total[0 .. outputs - 1] (at most 2), each of `columns` values.  False: no memory. */
bool mg_reduce_columns(int64_t rows, int64_t columns, int outputs, mg_column_function *function, void *argument,
                       real *const *total);

/* y[o, i] = sum over r of x[o, r, i]; false: no memory. */
bool mg_reduce_sum(const real *x, int64_t outer, int64_t size, int64_t inner, real *y);

/* The sum, and the sum of squares, of n numbers. */
double mg_total(const real *x, int64_t n);
double mg_total_squares(const real *x, int64_t n);

#endif

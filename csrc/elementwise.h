/* elementwise.h: kernels run over whole tensors: in parallel, with broadcasting. */
#ifndef MG_ELEMENTWISE_H
#define MG_ELEMENTWISE_H

#include "kernel.h"
#include "tensor.h"

/* y = kernel(x); y and x have one element count and may be the same. */
void mg_run_unary(mg_unary_kernel *kernel, const mg_tensor *x, mg_tensor *y, double p, double q);

/* y = kernel(a, b), a and b broadcast to y's shape, which fits them. */
void mg_run_binary(mg_binary_kernel *kernel, const mg_tensor *a, const mg_tensor *b, mg_tensor *y, double p, double q);

/* y += x, of one element count. */
void mg_accumulate(mg_tensor *y, const mg_tensor *x);

/* y = x, of one element count. */
void mg_copy_into(mg_tensor *y, const mg_tensor *x);

/* A copy that is part of no graph; NULL for NULL. */
mg_tensor *mg_copy(const mg_tensor *x);

#endif

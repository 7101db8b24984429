/* gemm.h: matrix products: BLAS on one thread, or kernels for few rows, over fixed tiles. */
#ifndef MG_GEMM_H
#define MG_GEMM_H

#include "base.h"

typedef struct mg_product {
  bool trans_a, trans_b;
  int64_t m, n, k;
  const real *a, *b; /* stored rows are lda and ldb apart */
  int64_t lda, ldb;
  const real *bias; /* n numbers, or NULL */
  bool add;         /* to what c holds; not with a bias */
  real *c;
  int64_t ldc;
} mg_product;

/* c (m, n) = op(a) op(b), plus the bias in every row, or plus c: row-major, op transposes where
 * told.  On the pool's threads; false with an error set: no memory. */
bool mg_gemm(const mg_product *product);

/* The same on the calling thread alone and always through BLAS, for use inside tasks. */
void mg_gemm_serial(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const real *a, int64_t lda,
                    const real *b, int64_t ldb, real beta, real *c, int64_t ldc);

#endif

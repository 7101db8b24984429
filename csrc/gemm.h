/* gemm.h: matrix products on single-threaded BLAS, split over fixed tiles of the result. */
#ifndef MG_GEMM_H
#define MG_GEMM_H

#include "base.h"

/* C = op(A) op(B) + beta C, row-major; op(A) is m x k, op(B) is k x n, op transposes where told.
 * lda, ldb, ldc are the lengths of stored rows.  Never reads C where beta is 0. */
void mg_gemm(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const real *a, int64_t lda, const real *b,
             int64_t ldb, real beta, real *c, int64_t ldc);

/* The same product on the calling thread alone, for use inside tasks. */
void mg_gemm_serial(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const real *a, int64_t lda,
                    const real *b, int64_t ldb, real beta, real *c, int64_t ldc);

#endif

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
  bool rectified;   /* what comes out goes through the rectifier of this slope (0: ReLU); not with add */
  real slope;
  real *c;
  int64_t ldc;
} mg_product;

/* c (m, n) = op(a) op(b), plus the bias in every row, or plus c: row-major, op transposes where
 * told.  On the pool's threads; false with an error set: no memory. */
bool mg_gemm(const mg_product *product);

/* ---- inside tasks: on the calling thread alone ---------------------------------------------------- */

/* The right-hand side of many products, laid out as the kernels read it: panels of columns. */
typedef struct mg_packed {
  int64_t n, k;
  real *panels; /* mg_packed_size(n, k) numbers */
} mg_packed;

int64_t mg_packed_size(int64_t n, int64_t k);

/* Fill rows first .. first + count - 1 of `to` from b (count, n), or from b (n, count) transposed;
 * stored rows of b are ldb apart. */
void mg_pack(const mg_packed *to, int64_t first, int64_t count, bool transposed, const real *b, int64_t ldb);

/* c (m, n) = a (m, k) b, plus bias (n) in every row where given, or plus c where `add`. */
void mg_gemm_packed(int64_t m, const real *a, int64_t lda, const mg_packed *b, const real *bias, bool add, real *c,
                    int64_t ldc);

/* How many of n columns are best multiplied at a time: parts of nearly the same size, whole vectors. */
int64_t mg_gemm_columns(int64_t n);

/* How many rows of a, each of k numbers, are best multiplied at a time. */
int64_t mg_gemm_tile(int64_t k);

/* c (m, n) = a (k, m) transposed b (k, n), plus c where `add`; scratch of mg_gemm_scratch(k). */
void mg_gemm_transposed(int64_t m, int64_t n, int64_t k, const real *a, int64_t lda, const real *b, int64_t ldb,
                        bool add, real *c, int64_t ldc, real *scratch);
int64_t mg_gemm_scratch(int64_t k);

#endif

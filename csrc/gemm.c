#include "gemm.h"

#include <cblas.h>
#include <string.h>

#include "parallel.h"

#ifdef MG_DOUBLE
#define GEMM cblas_dgemm
#else
#define GEMM cblas_sgemm
#endif

extern void openblas_set_num_threads(int count);

/* The core owns the threads: two pools that spin against each other cost up to three times. */
__attribute__((constructor)) static void one_blas_thread(void) { openblas_set_num_threads(1); }

void mg_gemm_serial(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const real *a, int64_t lda,
                    const real *b, int64_t ldb, real beta, real *c, int64_t ldc) {
  if (m == 0 || n == 0) return;
  if (k == 0) {
    if (beta == 0)
      for (int64_t i = 0; i < m; i++) memset(c + i * ldc, 0, (size_t)n * sizeof(real));
    return;
  }
  GEMM(CblasRowMajor, trans_a ? CblasTrans : CblasNoTrans, trans_b ? CblasTrans : CblasNoTrans, (blasint)m, (blasint)n,
       (blasint)k, 1, a, (blasint)MG_MAX(lda, 1), b, (blasint)MG_MAX(ldb, 1), beta, c, (blasint)ldc);
}

typedef struct product {
  bool trans_a, trans_b;
  int64_t m, n, k;
  const real *a, *b;
  real *c;
  int64_t lda, ldb, ldc;
  real beta;
  int64_t tile_m, tile_n, tiles_n;
} product;

static void compute_tile(void *argument, int64_t index) {
  const product *p = argument;
  int64_t i = index / p->tiles_n * p->tile_m, j = index % p->tiles_n * p->tile_n;
  mg_gemm_serial(p->trans_a, p->trans_b, MG_MIN(p->tile_m, p->m - i), MG_MIN(p->tile_n, p->n - j), p->k,
                 p->a + (p->trans_a ? i : i * p->lda), p->lda, p->b + (p->trans_b ? j * p->ldb : j), p->ldb, p->beta,
                 p->c + i * p->ldc + j, p->ldc);
}

/* Pieces of one side: as many as the work is worth, each a multiple of 16 rows or columns. */
static int64_t tile_size(int64_t size, int64_t pieces) {
  int64_t tile = (size + pieces - 1) / pieces;
  return (tile + 15) / 16 * 16;
}

void mg_gemm(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const real *a, int64_t lda, const real *b,
             int64_t ldb, real beta, real *c, int64_t ldc) {
  /* The cut depends on the sizes alone: with some of OpenBLAS's kernels (AVX2's) another cut gives
   * other bits.  The longer side is cut, and into few pieces, for each packs the other operand anew. */
  double work = (double)m * (double)n * (double)k;
  int64_t pieces = work < 250e3 ? 1 : work < 48e6 ? 2 : work < 500e6 ? 4 : 8;
  product p = {trans_a, trans_b, m, n, k, a, b, c, lda, ldb, ldc, beta, m, n, 1};
  if (n >= m)
    p.tile_n = tile_size(n, pieces);
  else
    p.tile_m = tile_size(m, pieces);
  if (m == 0 || n == 0) return;
  p.tiles_n = (n + p.tile_n - 1) / p.tile_n;
  mg_parallel((m + p.tile_m - 1) / p.tile_m * p.tiles_n, compute_tile, &p);
}

#include "gemm.h"

#include <cblas.h>
#include <string.h>

#include "gemm_cut.h"
#include "gemm_sparse.h"
#include "gemm_turned.h"
#include "kernel.h"
#include "parallel.h"
#include "storage.h"

#ifdef MG_DOUBLE
#define GEMM cblas_dgemm
#else
#define GEMM cblas_sgemm
#endif

extern void openblas_set_num_threads(int count);

/* The core owns the threads: two pools that spin against each other cost up to three times. */
__attribute__((constructor)) static void one_blas_thread(void) { openblas_set_num_threads(1); }

/* C = op(A) op(B) + beta C; never reads C where beta is 0. */
static void blas(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const real *a, int64_t lda, const real *b,
                 int64_t ldb, real beta, real *c, int64_t ldc) {
  if (m == 0 || n == 0) return;
  if (k == 0) {
    if (beta == 0)
      for (int64_t i = 0; i < m; i++) memset(c + i * ldc, 0, (size_t)n * sizeof(real));
    return;
  }
  GEMM(CblasRowMajor, trans_a ? CblasTrans : CblasNoTrans, trans_b ? CblasTrans : CblasNoTrans, (blasint)m, (blasint)n,
       (blasint)k, 1, a, (blasint)MG_MAX(lda, 1), b, (blasint)MG_MAX(ldb, 1), beta, c, (blasint)ldc);
}

/* ---- through BLAS -------------------------------------------------------------------------- */

typedef struct blas_job {
  const mg_product *p;
  int64_t tile_m, tile_n, tiles_n;
} blas_job;

static void blas_tile(void *argument, int64_t index) {
  const blas_job *job = argument;
  const mg_product *p = job->p;
  int64_t i = index / job->tiles_n * job->tile_m, j = index % job->tiles_n * job->tile_n;
  int64_t m = MG_MIN(job->tile_m, p->m - i), n = MG_MIN(job->tile_n, p->n - j);
  real *c = p->c + i * p->ldc + j;
  for (int64_t r = 0; p->bias && r < m; r++) memcpy(c + r * p->ldc, p->bias + j, (size_t)n * sizeof(real));
  blas(p->trans_a, p->trans_b, m, n, p->k, p->a + (p->trans_a ? i : i * p->lda), p->lda,
       p->b + (p->trans_b ? j * p->ldb : j), p->ldb, p->bias || p->add ? 1 : 0, c, p->ldc);
}

/* A piece of one side, a multiple of 16 rows or columns. */
static int64_t piece(int64_t size, int64_t pieces) { return ((size + pieces - 1) / pieces + 15) / 16 * 16; }

static void by_blas(const mg_product *p) {
  /* The cut depends on the sizes alone: with some of OpenBLAS's kernels (AVX2's) another cut gives
   * other bits.  The longer side is cut, and into few pieces, for each packs the other operand anew. */
  double work = (double)p->m * (double)p->n * (double)p->k;
  int64_t pieces = work < 250e3 ? 1 : work < 48e6 ? 2 : work < 500e6 ? 4 : 8;
  blas_job job = {p, p->m, p->n, 1};
  if (p->n >= p->m)
    job.tile_n = piece(p->n, pieces);
  else
    job.tile_m = piece(p->m, pieces);
  job.tiles_n = (p->n + job.tile_n - 1) / job.tile_n;
  mg_parallel((p->m + job.tile_m - 1) / job.tile_m * job.tiles_n, blas_tile, &job);
}

/* ---- through the kernels for few rows ---------------------------------------------------------- */

#define PANEL_VECTORS 3
#define FEW_ROWS 384    /* more of them are worth a BLAS's packing */
#define TURN_ROWS 32    /* so many are worth the transposition of b */
#define PACK_ROWS 128   /* more of them are worth packing b's panel */
#define PACK_DEPTH 1024 /* more rows of b in a panel get in each other's way in the cache where they stand */
#define DOT_BLOCK 48    /* columns of a task */

typedef struct panel_job {
  const mg_product *p;
  mg_cut cut; /* in vectors */
  bool stream;
  int64_t pack_size; /* numbers of one thread's scratch */
  real *scratch;
} panel_job;

/* m rows by way of a buffer, where a panel is wider than what is left of c. */
static void narrow_panel(int64_t m, int64_t columns, int64_t width, int64_t k, const real *a, int64_t row_a,
                         int64_t step_a, const real *panel, const real *bias, bool add, real *c, int64_t ldc) {
  real rows[8 * PANEL_VECTORS * 16];
  for (int64_t i = 0; i < m; i += 8) {
    int64_t count = MG_MIN(8, m - i);
    mg_kernel->gemm_panel(count, width, k, a + i * row_a, row_a, step_a, panel, width, NULL, 0, NULL, false, false,
                          rows, width, NULL);
    for (int64_t r = 0; r < count; r++)
      for (int64_t j = 0; j < columns; j++) {
        real *to = c + (i + r) * ldc + j;
        *to = rows[r * width + j] + (bias ? bias[j] : add ? *to : 0);
      }
  }
}

/* `count` rows of a panel from b, where it begins in it: rows of `columns` numbers, or columns of b if it is
 * transposed; filled up with zeros to the panel's width. */
static void pack_panel(bool transposed, int64_t count, int64_t columns, int64_t width, const real *b, int64_t ldb,
                       real *panel) {
  if (transposed) mg_kernel->transpose(columns, count, b, ldb, panel, width);
  for (int64_t l = 0; !transposed && l < count; l++)
    memcpy(panel + l * width, b + l * ldb, (size_t)columns * sizeof(real));
  for (int64_t l = 0; columns < width && l < count; l++)
    memset(panel + l * width + columns, 0, (size_t)(width - columns) * sizeof(real));
}

static void multiply_panel(const panel_job *job, mg_cut_task t) {
  const mg_product *p = job->p;
  int64_t lanes = mg_kernel->gemm_width(), i = t.row, m = t.rows, j = t.column, width = t.columns;
  int64_t row_a = p->trans_a ? 1 : p->lda, step_a = p->trans_a ? p->lda : 1;
  const real *a = p->a + i * row_a, *b = p->b + (p->trans_b ? j * p->ldb : j), *bias = p->bias ? p->bias + j : NULL;
  real *c = p->c + i * p->ldc + j, *pack = job->scratch + mg_worker() * job->pack_size;
  int64_t columns = MG_MIN(width, p->n - j);
  /* The next panel is likely to be this thread's too.  If b is transposed, it is what follows in memory. */
  const real *ahead = j + width + PANEL_VECTORS * lanes > p->n ? NULL : p->trans_b ? b + width * p->ldb : b + width;
  if (p->trans_b || columns < width) {
    pack_panel(p->trans_b, p->k, columns, width, b, p->ldb, pack);
    if (columns < width)
      narrow_panel(m, columns, width, p->k, a, row_a, step_a, pack, bias, p->add, c, p->ldc);
    else
      mg_kernel->gemm_panel(m, width, p->k, a, row_a, step_a, pack, width, p->k == p->ldb ? ahead : NULL,
                            PANEL_VECTORS * lanes, bias, p->add, job->stream, c, p->ldc, NULL);
    return;
  }
  bool packs = m > PACK_ROWS || p->k > PACK_DEPTH;
  mg_kernel->gemm_panel(m, width, p->k, a, row_a, step_a, b, p->ldb, ahead, p->ldb, bias, p->add, job->stream, c,
                        p->ldc, packs ? pack : NULL);
}

static void panel_task(void *argument, int64_t index) {
  const panel_job *job = argument;
  const mg_product *p = job->p;
  mg_cut_task t;
  if (!mg_cut_find(&job->cut, index, &t)) return;
  multiply_panel(job, t);
  if (p->rectified)
    mg_kernel->rectify_rows(t.rows, MG_MIN(t.columns, p->n - t.column), p->ldc, p->slope,
                            p->c + t.row * p->ldc + t.column);
}

static bool by_panels(const mg_product *p) {
  int64_t lanes = mg_kernel->gemm_width();
  panel_job job = {.p = p, .cut = mg_cut_product(p, lanes, PANEL_VECTORS), .stream = mg_cut_streams(p)};
  job.pack_size = p->k * PANEL_VECTORS * lanes;
  size_t capacity;
  job.scratch = mg_scratch_get((size_t)(mg_threads() * job.pack_size) * sizeof(real), &capacity);
  if (!job.scratch) return false;
  mg_parallel(mg_cut_count(&job.cut), panel_task, &job);
  mg_scratch_put(job.scratch, capacity);
  return true;
}

/* ---- the rectifier ------------------------------------------------------------------------------ */

static void rectify_range(void *argument, int64_t begin, int64_t end) {
  const mg_product *p = argument;
  mg_kernel->rectify_rows(end - begin, p->n, p->ldc, p->slope, p->c + begin * p->ldc);
}

/* Of a product by a way that does not see to it itself. */
static bool rectify(const mg_product *p) {
  if (p->rectified) mg_parallel_ranges(p->m, MG_MAX(MG_GRAIN / p->n, 1), rectify_range, (void *)p);
  return true;
}

/* ---- which way ---------------------------------------------------------------------------------- */

static bool by_kernels(const mg_product *p) {
  bool finite = false;
  if (mg_gemm_is_sparse(p) && !mg_gemm_sparse(p, &finite)) return false;
  if (finite) return rectify(p);
  return mg_gemm_is_better_turned(p) ? mg_gemm_turned(p) && rectify(p) : by_panels(p);
}

static void dot_task(void *argument, int64_t index) {
  const mg_product *p = argument;
  int64_t j = index * DOT_BLOCK, n = p->n - j;
  /* What is left after the last whole block joins it, so that no block has fewer than 6 columns. */
  if (n >= 2 * DOT_BLOCK) n = DOT_BLOCK;
  mg_kernel->gemm_dots(p->m, n, p->k, p->a, p->lda, p->b + j * p->ldb, p->ldb, p->add, p->c + j, p->ldc);
}

bool mg_gemm(const mg_product *p) {
  if (p->m == 0 || p->n == 0) return true;
  int64_t width = mg_kernel->gemm_width();
  bool worth_it = width && p->k > 0 && (double)p->m * (double)p->n * (double)p->k > 30e3;
  if (worth_it && (!p->trans_b || (!p->trans_a && p->m >= TURN_ROWS)) && p->n >= width &&
      (p->trans_a ? p->k : p->m) <= FEW_ROWS)
    return by_kernels(p);
  if (worth_it && p->trans_b && !p->trans_a && !p->bias && p->m >= 4 && p->m <= FEW_ROWS && p->n >= DOT_BLOCK &&
      p->k >= 4 * width) {
    mg_parallel(p->n / DOT_BLOCK, dot_task, (void *)p);
    return rectify(p);
  }
  by_blas(p);
  return rectify(p);
}

/* ---- packed right-hand sides --------------------------------------------------------------------- */

/* Columns of a panel; where there are no kernels, one panel holds all, as BLAS reads it. */
static int64_t panel_width(int64_t n) {
  int64_t width = mg_kernel->gemm_width();
  return width ? PANEL_VECTORS * width : MG_MAX(n, 1);
}

/* Columns that the panel from j on takes up: the last one's are filled up to whole vectors. */
static int64_t padded(int64_t n, int64_t j) {
  int64_t width = MG_MAX(mg_kernel->gemm_width(), 1);
  return MG_MIN((n - j + width - 1) / width * width, panel_width(n));
}

int64_t mg_packed_size(int64_t n, int64_t k) {
  int64_t width = MG_MAX(mg_kernel->gemm_width(), 1);
  return (n + width - 1) / width * width * k;
}

void mg_pack(const mg_packed *to, int64_t first, int64_t count, bool transposed, const real *b, int64_t ldb) {
  for (int64_t j = 0; j < to->n; j += panel_width(to->n)) {
    int64_t width = padded(to->n, j), columns = MG_MIN(width, to->n - j);
    pack_panel(transposed, count, columns, width, b + (transposed ? j * ldb : j), ldb,
               to->panels + j * to->k + first * width);
  }
}

void mg_gemm_packed(int64_t m, const real *a, int64_t lda, const mg_packed *b, const real *bias, bool add, real *c,
                    int64_t ldc) {
  if (!mg_kernel->gemm_width()) {
    for (int64_t r = 0; bias && r < m; r++) memcpy(c + r * ldc, bias, (size_t)b->n * sizeof(real));
    blas(false, false, m, b->n, b->k, a, lda, b->panels, b->n, bias || add ? 1 : 0, c, ldc);
    return;
  }
  for (int64_t j = 0; j < b->n; j += panel_width(b->n)) {
    int64_t width = padded(b->n, j), columns = MG_MIN(width, b->n - j);
    const real *panel = b->panels + j * b->k, *start = bias ? bias + j : NULL;
    if (columns < width)
      narrow_panel(m, columns, width, b->k, a, lda, 1, panel, start, add, c + j, ldc);
    else
      mg_kernel->gemm_panel(m, width, b->k, a, lda, 1, panel, width, NULL, 0, start, add, false, c + j, ldc, NULL);
  }
}

int64_t mg_gemm_columns(int64_t n) {
  int64_t width = mg_kernel->gemm_width(), vectors;
  if (!width) return MG_MIN(n, 128);
  vectors = MG_MAX((n + width - 1) / width, 1);
  int64_t parts = (vectors + PANEL_VECTORS - 1) / PANEL_VECTORS;
  return (vectors + parts - 1) / parts * width;
}

int64_t mg_gemm_tile(int64_t k) {
  /* The kernels want a's rows in the second cache beside a panel; BLAS packs b for every tile. */
  return mg_kernel->gemm_width() ? MG_MIN(MG_MAX(65536 / MG_MAX(k, 1) / 8 * 8, 32), 256) : 256;
}

int64_t mg_gemm_scratch(int64_t k) { return k * PANEL_VECTORS * MG_MAX(mg_kernel->gemm_width(), 1); }

void mg_gemm_transposed(int64_t m, int64_t n, int64_t k, const real *a, int64_t lda, const real *b, int64_t ldb,
                        bool add, real *c, int64_t ldc, real *scratch) {
  int64_t width = mg_kernel->gemm_width(), whole = width ? n / width * width : 0;
  for (int64_t j = 0; j < whole; j += PANEL_VECTORS * width)
    mg_kernel->gemm_panel(m, MG_MIN(PANEL_VECTORS * width, whole - j), k, a, 1, lda, b + j, ldb, NULL, 0, NULL, add,
                          false, c + j, ldc, scratch);
  if (whole < n) blas(true, false, m, n - whole, k, a, lda, b + whole, ldb, add ? 1 : 0, c + whole, ldc);
}

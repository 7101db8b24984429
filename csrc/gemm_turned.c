#include "gemm_turned.h"

#include "kernel.h"
#include "parallel.h"
#include "storage.h"

#define MOST_ROWS 128 /* of a */
#define LEAST_RATIO 2 /* of b's rows to a's */
#define DEPTH 128     /* columns of a that a task turns */
#define ROWS 32       /* rows of b that a task multiplies */

typedef struct turned_job {
  const mg_product *p;
  mg_packed a;
  real *parts; /* (ROWS, m) for each thread: of the result, to be turned back */
} turned_job;

bool mg_gemm_is_better_turned(const mg_product *p) {
  return p->trans_b && !p->trans_a && !p->add && !p->bias && p->m <= MOST_ROWS && p->n >= LEAST_RATIO * p->m &&
         p->m % mg_kernel->gemm_width() == 0;
}

static void turn_task(void *argument, int64_t index) {
  const turned_job *job = argument;
  const mg_product *p = job->p;
  int64_t first = index * DEPTH;
  mg_pack(&job->a, first, MG_MIN(DEPTH, p->k - first), true, p->a + first, p->lda);
}

static void multiply_task(void *argument, int64_t index) {
  const turned_job *job = argument;
  const mg_product *p = job->p;
  int64_t j = index * ROWS, count = MG_MIN(ROWS, p->n - j), lanes = mg_kernel->gemm_width();
  real *part = job->parts + mg_worker() * ROWS * p->m, *c = p->c + j;
  /* Lines that are far away, or that another processor holds, come over meanwhile. */
  for (int64_t i = 0; i < p->m; i++)
    for (int64_t l = 0; l < count; l += lanes) __builtin_prefetch(c + i * p->ldc + l, 1);
  mg_gemm_packed(count, p->b + j * p->ldb, p->ldb, &job->a, NULL, false, part, p->m);
  mg_kernel->transpose(count, p->m, part, p->m, c, p->ldc);
}

bool mg_gemm_turned(const mg_product *p) {
  turned_job job = {.p = p, .a = {.n = p->m, .k = p->k}};
  int64_t size = mg_packed_size(p->m, p->k), parts = mg_threads() * ROWS * p->m;
  size_t capacity;
  job.a.panels = mg_scratch_get((size_t)(size + parts) * sizeof(real), &capacity);
  if (!job.a.panels) return false;
  job.parts = job.a.panels + size;
  mg_parallel(mg_pieces(p->k, DEPTH), turn_task, &job);
  mg_parallel(mg_pieces(p->n, ROWS), multiply_task, &job);
  mg_scratch_put(job.a.panels, capacity);
  return true;
}

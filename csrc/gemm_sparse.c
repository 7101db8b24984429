#include "gemm_sparse.h"

#include <stdatomic.h>

#include "gemm_cut.h"
#include "kernel.h"
#include "parallel.h"
#include "storage.h"

#define UNIT (MG_ROW / 4) /* columns; also rows of a that are turned at a time */
#define BLOCK 112         /* rows of b that stay in the first cache */
#define LISTS 4           /* rows of a in a call of the kernel: more, and what is fetched meanwhile piles up */
#define FOURS 4           /* entries that the kernel adds at a time; lists are filled up to them */
#define LINE (64 / (int64_t)sizeof(real))

#define LEAST_WORK 4e6    /* multiply-adds that are worth the lists */
#define LEAST_COLUMNS 384 /* the same: a list is read once for each strip */
#define SAMPLE_ROWS 8
#define SAMPLE 64 /* numbers of a row */

/* What a thread works with.  Its lists are its own: where caches are far apart, having them from another thread costs
 * more than making them. */
typedef struct workplace {
  int64_t first, count; /* rows of the result whose lists these are */
  int32_t *index, *used;
  real *value; /* the list of row i and block b begins at ((i - first) blocks + b) room */
  real *rows, *sums, *turned;
} workplace;

typedef struct sparse_job {
  const mg_product *p;
  mg_cut cut;
  int64_t block, blocks; /* of the summed index */
  int64_t room;          /* of a list */
  workplace *workplaces; /* one for each thread */
  bool stream;
  atomic_bool infinite; /* or NaN: some of b */
} sparse_job;

bool mg_gemm_is_sparse(const mg_product *p) {
  int64_t rows = p->trans_a ? p->k : p->m, columns = p->trans_a ? p->m : p->k, zeros = 0;
  if (p->add || p->n % UNIT != 0 || p->n < LEAST_COLUMNS || rows < SAMPLE_ROWS || columns < SAMPLE ||
      (double)p->m * (double)p->n * (double)p->k < LEAST_WORK)
    return false;
  for (int64_t r = 0; r < SAMPLE_ROWS; r++) {
    const real *from = p->a + rows * r / SAMPLE_ROWS * p->lda + (columns - SAMPLE) * r / (SAMPLE_ROWS - 1);
    for (int64_t i = 0; i < SAMPLE; i++) zeros += from[i] == 0;
    if (zeros < (r + 1) * SAMPLE / 4) return false;
  }
  return zeros > SAMPLE_ROWS * SAMPLE * 3 / 8;
}

/* ---- lists: where a is not 0, row by row of the result ------------------------------------------- */

/* Up to UNIT rows of a, or columns if it is transposed; `first` counts from the workplace's. */
static void list_rows(const sparse_job *job, workplace *t, int64_t first, int64_t count) {
  const mg_product *p = job->p;
  const real *rows = p->a + (t->first + first) * (p->trans_a ? 1 : p->lda);
  if (p->trans_a) mg_kernel->transpose(p->k, count, rows, p->lda, t->turned, p->k);
  for (int64_t i = 0; i < count; i++) {
    const real *row = p->trans_a ? t->turned + i * p->k : rows + i * p->lda;
    for (int64_t b = 0; b < job->blocks; b++) {
      int64_t list = (first + i) * job->blocks + b, l = b * job->block;
      int32_t *index = t->index + list * job->room;
      real *value = t->value + list * job->room;
      int64_t used = mg_kernel->list_nonzeros(MG_MIN(job->block, p->k - l), row + l, index, value);
      for (; used % FOURS; used++) index[used] = 0, value[used] = 0;
      t->used[list] = (int32_t)used;
    }
  }
}

static void need_lists(const sparse_job *job, workplace *t, int64_t first, int64_t count) {
  if (first >= t->first && first + count <= t->first + t->count) return;
  t->first = first;
  t->count = count;
  for (int64_t i = 0; i < count; i += UNIT) list_rows(job, t, i, MG_MIN(UNIT, count - i));
}

/* ---- sums of rows of b ---------------------------------------------------------------------------- */

/* Where row l of b begins in the strip of columns from `column` on. */
static const real *place(const mg_product *p, int64_t l, int64_t column) {
  return p->b + (p->trans_b ? column * p->ldb + l : l * p->ldb + column);
}

/* Copy the block of b that begins at `from`; whether it is finite. */
static bool pack(const mg_product *p, const real *from, int64_t count, int64_t columns, real *rows) {
  if (!p->trans_b) return mg_kernel->copy_finite(count, columns, from, p->ldb, rows);
  mg_kernel->transpose(columns, count, from, p->ldb, rows, columns);
  return mg_kernel->all_finite(count * columns, rows);
}

/* Have some of the next block's rows, as they lie in memory, on their way into the second cache. */
static void fetch(const real *from, int64_t ld, int64_t begin, int64_t end, int64_t numbers) {
  for (int64_t r = begin; r < end; r++)
    for (int64_t i = 0; i < numbers; i += LINE) __builtin_prefetch(from + r * ld + i, 0, 2);
}

static void sparse_task(void *argument, int64_t index) {
  sparse_job *job = argument;
  const mg_product *p = job->p;
  workplace *t = &job->workplaces[mg_worker()];
  mg_cut_task task;
  if (!mg_cut_find(&job->cut, index, &task)) return;
  int64_t columns = task.columns;
  need_lists(job, t, task.row, task.rows);
  for (int64_t b = 0; b < job->blocks; b++) {
    int64_t l = b * job->block, count = MG_MIN(job->block, p->k - l), next = l + count;
    bool last = next == p->k;
    if (!pack(p, place(p, l, task.column), count, columns, t->rows)) atomic_store(&job->infinite, true);
    /* What is likely to come next: the next block, or the first one of the next strip. */
    int64_t next_count = last ? job->block : MG_MIN(job->block, p->k - next);
    int64_t next_column = last ? task.column + columns : task.column;
    int64_t stored = next_column + columns > p->n ? 0 : p->trans_b ? columns : next_count;
    const real *ahead = place(p, last ? 0 : next, next_column);
    for (int64_t i = 0; i < task.rows; i += LISTS) {
      int64_t lists = MG_MIN(LISTS, task.rows - i), begin[LISTS], end[LISTS];
      fetch(ahead, p->ldb, stored * i / task.rows, stored * (i + lists) / task.rows, p->trans_b ? next_count : columns);
      for (int64_t n = 0; n < lists; n++) {
        int64_t list = (task.row - t->first + i + n) * job->blocks + b;
        begin[n] = list * job->room;
        end[n] = begin[n] + t->used[list];
      }
      real *sums = t->sums + i * columns, *c = p->c + (task.row + i) * p->ldc + task.column;
      mg_kernel->weighted_rows(lists, begin, end, t->index, t->value, t->rows, columns, b > 0 ? sums : NULL,
                               last && p->bias ? p->bias + task.column : NULL, last && job->stream, last ? c : sums,
                               last ? p->ldc : columns);
    }
  }
}

/* ---- the product ------------------------------------------------------------------------------------- */

/* The threads' workplaces in one block of scratch; NULL with an error set: no memory. */
static void *lay_out(sparse_job *job, size_t *capacity) {
  int64_t threads = mg_threads(), lists = job->cut.rows * job->blocks, entries = lists * job->room;
  int64_t rows = job->block * MG_ROW, sums = job->cut.rows * MG_ROW, turned = job->p->trans_a ? UNIT * job->p->k : 0;
  size_t size = (size_t)(rows + sums + turned + entries) * sizeof(real) + (size_t)(entries + lists) * sizeof(int32_t);
  size = (size_t)mg_pieces((int64_t)size, 64) * 64;
  char *block = mg_scratch_get((size_t)threads * (size + sizeof(workplace)), capacity);
  if (!block) return NULL;
  job->workplaces = (void *)(block + (size_t)threads * size);
  for (int64_t i = 0; i < threads; i++) {
    workplace *t = &job->workplaces[i];
    *t = (workplace){.rows = (void *)(block + (size_t)i * size)};
    t->sums = t->rows + rows;
    t->turned = t->sums + sums;
    t->value = t->turned + turned;
    t->index = (void *)(t->value + entries);
    t->used = t->index + entries;
  }
  return block;
}

bool mg_gemm_sparse(const mg_product *p, bool *finite) {
  sparse_job job = {.p = p, .cut = mg_cut_product(p, UNIT, MG_ROW / UNIT), .stream = mg_cut_streams(p)};
  job.blocks = mg_pieces(p->k, BLOCK);
  job.block = mg_pieces(p->k, job.blocks);
  job.room = mg_pieces(job.block, FOURS) * FOURS;
  size_t capacity;
  void *scratch = lay_out(&job, &capacity);
  if (!scratch) return false;
  mg_parallel(mg_cut_count(&job.cut), sparse_task, &job);
  mg_scratch_put(scratch, capacity);
  *finite = !atomic_load(&job.infinite);
  return true;
}

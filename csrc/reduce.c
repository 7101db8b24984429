#include "reduce.h"

#include <string.h>

#include "kernel.h"
#include "parallel.h"
#include "storage.h"

#define ROW_BLOCK 512
#define COLUMN_BLOCK 128

/* ---- columns ------------------------------------------------------------------------------- */

typedef struct column_job {
  mg_column_function *function;
  void *argument;
  int64_t rows, columns, row_block, column_blocks;
  int outputs;
  real *partial; /* (row blocks, outputs, columns); NULL: one row block, straight into total */
  real *const *total;
} column_job;

static void column_task(void *argument, int64_t index) {
  const column_job *job = argument;
  int64_t block = index / job->column_blocks, row = block * job->row_block;
  int64_t column = index % job->column_blocks * COLUMN_BLOCK;
  real *out[2];
  for (int o = 0; o < job->outputs; o++)
    out[o] = job->partial ? job->partial + (block * job->outputs + o) * job->columns + column : job->total[o] + column;
  job->function(job->argument, row, MG_MIN(job->row_block, job->rows - row), column,
                MG_MIN(COLUMN_BLOCK, job->columns - column), out);
}

bool mg_reduce_columns(int64_t rows, int64_t columns, int outputs, mg_column_function *function, void *argument,
                       real *const *total) {
  if (columns == 0) return true;
  int64_t row_blocks = MG_MAX((rows + ROW_BLOCK - 1) / ROW_BLOCK, 1);
  column_job job = {function, argument, rows, columns, ROW_BLOCK, (columns + COLUMN_BLOCK - 1) / COLUMN_BLOCK,
                    outputs,  NULL,     total};
  size_t capacity = 0;
  if (row_blocks > 1) {
    job.partial = mg_scratch_get((size_t)(row_blocks * outputs * columns) * sizeof(real), &capacity);
    if (!job.partial) return false;
  }
  /* Little work is not worth waking anybody. */
  int64_t tasks = row_blocks * job.column_blocks;
  if (rows * columns < MG_GRAIN)
    for (int64_t i = 0; i < tasks; i++) column_task(&job, i);
  else
    mg_parallel(tasks, column_task, &job);
  if (!job.partial) return true;
  for (int o = 0; o < outputs; o++) memcpy(total[o], job.partial + o * columns, (size_t)columns * sizeof(real));
  for (int64_t b = 1; b < row_blocks; b++)
    for (int o = 0; o < outputs; o++)
      mg_kernel->accumulate(columns, job.partial + (b * outputs + o) * columns, total[o]);
  mg_scratch_put(job.partial, capacity);
  return true;
}

/* ---- sums ---------------------------------------------------------------------------------- */

typedef struct sum_job {
  const real *x;
  real *y;
  int64_t size, inner;
} sum_job;

static void sum_columns(void *argument, int64_t row, int64_t rows, int64_t column, int64_t columns, real *const *out) {
  const sum_job *job = argument;
  mg_kernel->column_sums(rows, columns, job->inner, job->x + row * job->inner + column, out[0]);
}

static void sum_rows(void *argument, int64_t begin, int64_t end) {
  const sum_job *job = argument;
  for (int64_t o = begin; o < end; o++) job->y[o] = mg_kernel->sum(job->size, job->x + o * job->size);
}

static void sum_slabs(void *argument, int64_t begin, int64_t end) {
  const sum_job *job = argument;
  for (int64_t o = begin; o < end; o++)
    mg_kernel->column_sums(job->size, job->inner, job->inner, job->x + o * job->size * job->inner,
                           job->y + o * job->inner);
}

/* One long row: blocks of it side by side, and then their sums. */
static void sum_blocks(void *argument, int64_t begin, int64_t end) {
  const sum_job *job = argument;
  job->y[begin / MG_GRAIN] = mg_kernel->sum(end - begin, job->x + begin);
}

static bool sum_long_row(const real *x, int64_t size, real *y) {
  size_t capacity;
  int64_t blocks = (size + MG_GRAIN - 1) / MG_GRAIN;
  real *partial = mg_scratch_get((size_t)blocks * sizeof(real), &capacity);
  if (!partial) return false;
  sum_job job = {x, partial, size, 1};
  mg_parallel_ranges(size, MG_GRAIN, sum_blocks, &job);
  *y = mg_kernel->sum(blocks, partial);
  mg_scratch_put(partial, capacity);
  return true;
}

bool mg_reduce_sum(const real *x, int64_t outer, int64_t size, int64_t inner, real *y) {
  sum_job job = {x, y, size, inner};
  if (outer * inner == 0) return true;
  if (inner == 1) {
    if (size > 2 * MG_GRAIN) {
      for (int64_t o = 0; o < outer; o++)
        if (!sum_long_row(x + o * size, size, y + o)) return false;
      return true;
    }
    mg_parallel_ranges(outer, MG_MAX(MG_GRAIN / MG_MAX(size, 1), 1), sum_rows, &job);
    return true;
  }
  if (outer > 1 && size * inner < 4 * MG_GRAIN) {
    mg_parallel_ranges(outer, MG_MAX(MG_GRAIN / MG_MAX(size * inner, 1), 1), sum_slabs, &job);
    return true;
  }
  for (int64_t o = 0; o < outer; o++) {
    job.x = x + o * size * inner;
    if (!mg_reduce_columns(size, inner, 1, sum_columns, &job, (real *[]){y + o * inner})) return false;
  }
  return true;
}

/* ---- totals -------------------------------------------------------------------------------- */

double mg_total(const real *x, int64_t n) {
  double total = 0;
  for (int64_t i = 0; i < n; i += MG_GRAIN) total += (double)mg_kernel->sum(MG_MIN(MG_GRAIN, n - i), x + i);
  return total;
}

double mg_total_squares(const real *x, int64_t n) {
  double total = 0;
  for (int64_t i = 0; i < n; i += MG_GRAIN) total += (double)mg_kernel->sum_squares(MG_MIN(MG_GRAIN, n - i), x + i);
  return total;
}

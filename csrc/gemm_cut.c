#include "gemm_cut.h"

#include "apart.h"
#include "parallel.h"

#define ROW_BLOCK 256  /* rows of a task where there are many */
#define ROW_MULTIPLE 8 /* of the kernels' tiles */
#define LEAST_ROWS 32  /* of a thread, where rows are dealt out; and of a task in a part's last strip */
#define LAST_BLOCKS 4  /* of a part's last strip */

static int64_t block_rows(int64_t m, int64_t blocks) {
  return mg_pieces(mg_pieces(m, blocks), ROW_MULTIPLE) * ROW_MULTIPLE;
}

mg_cut mg_cut_product(const mg_product *p, int64_t unit, int64_t widest) {
  int64_t threads = mg_threads();
  bool by_rows = p->trans_a && p->m >= threads * LEAST_ROWS;
  int64_t blocks = by_rows ? mg_pieces(p->m, threads * ROW_BLOCK) * threads : mg_pieces(p->m, ROW_BLOCK);
  mg_cut cut = {.m = p->m, .n = p->n, .unit = unit, .widest = widest, .parts = by_rows ? 1 : threads};
  cut.strips = MG_MAX(mg_pieces(mg_pieces(mg_pieces(p->n, unit), cut.parts), widest), 1);
  cut.rows = cut.last_rows = block_rows(p->m, blocks);
  /* A strip of a transposed b has to be turned by each of its tasks: it stays whole. */
  if (cut.parts > 1 && !p->trans_b)
    cut.last_rows = MG_MIN(cut.rows, block_rows(p->m, MG_MIN(MG_MAX(p->m / LEAST_ROWS, 1), LAST_BLOCKS)));
  return cut;
}

static int64_t whole_strips_tasks(const mg_cut *cut) { return (cut->strips - 1) * mg_pieces(cut->m, cut->rows); }
static int64_t tasks_of_part(const mg_cut *cut) { return whole_strips_tasks(cut) + mg_pieces(cut->m, cut->last_rows); }

int64_t mg_cut_count(const mg_cut *cut) { return cut->parts * tasks_of_part(cut); }

/* Where strip number `strip` of a part begins, in units. */
static int64_t strip_start(const mg_cut *cut, int64_t part, int64_t strip) {
  int64_t units = mg_pieces(cut->n, cut->unit), first = units * part / cut->parts;
  int64_t count = units * (part + 1) / cut->parts - first, strips = MG_MAX(mg_pieces(count, cut->widest), 1);
  return first + MG_MIN(strip * (count / strips) + MG_MIN(strip, count % strips), count);
}

bool mg_cut_find(const mg_cut *cut, int64_t index, mg_cut_task *task) {
  int64_t part = index / tasks_of_part(cut), at = index % tasks_of_part(cut), blocks = mg_pieces(cut->m, cut->rows);
  int64_t strip = at / blocks, row = at % blocks * cut->rows, rows = cut->rows;
  if (cut->parts == 1) { /* along the same rows, strip by strip */
    strip = at % cut->strips;
    row = at / cut->strips * rows;
  } else if (at >= whole_strips_tasks(cut)) {
    strip = cut->strips - 1;
    rows = cut->last_rows;
    row = (at - whole_strips_tasks(cut)) * rows;
  }
  int64_t start = strip_start(cut, part, strip), end = strip_start(cut, part, strip + 1);
  *task = (mg_cut_task){row, MG_MIN(rows, cut->m - row), start * cut->unit, (end - start) * cut->unit};
  return task->rows > 0 && task->columns > 0;
}

bool mg_cut_streams(const mg_product *p) {
  return !p->add && !p->rectified && !p->trans_a && p->m * p->n >= MG_GRAIN && mg_threads_apart();
}

/* gemm_cut.h: how the result of a product is dealt out to the threads' tasks.  No element's bits depend on it. */
#ifndef MG_GEMM_CUT_H
#define MG_GEMM_CUT_H

#include "gemm.h"

/* Each thread has a part of the columns; or of a gradient of weights (a is transposed) a part of the rows, as the
 * optimizer's threads have.  A part's columns are cut into strips of whole units (a vector, or a few) whose widths
 * differ by one at most, and its rows into blocks. */
typedef struct mg_cut {
  int64_t m, n;      /* of the result */
  int64_t unit;      /* columns */
  int64_t widest;    /* units of a strip */
  int64_t parts;     /* of the columns: one for each thread, or one */
  int64_t strips;    /* of a part */
  int64_t rows;      /* of a block */
  int64_t last_rows; /* the same in a part's last strip: smaller tasks there let who is done first help the other */
} mg_cut;

mg_cut mg_cut_product(const mg_product *product, int64_t unit, int64_t widest);

/* The rectangle of one task. */
typedef struct mg_cut_task {
  int64_t row, rows, column, columns; /* columns: whole units, perhaps past n */
} mg_cut_task;

int64_t mg_cut_count(const mg_cut *cut);

/* Task number `index`; false where there is nothing to do: parts may differ by a strip. */
bool mg_cut_find(const mg_cut *cut, int64_t index, mg_cut_task *task);

/* Whether the result goes past the caches: all threads are about to read it (apart.h). */
bool mg_cut_streams(const mg_product *product);

#endif

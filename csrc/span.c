#include "span.h"

#include "parallel.h"

#define ALIGNMENT 64

int64_t mg_spans_place(mg_span *spans, int n) {
  int64_t total = 0;
  for (int i = 0; i < n; i++) {
    spans[i].start = total;
    total += (spans[i].length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }
  return (total + MG_GRAIN - 1) / MG_GRAIN;
}

typedef struct job {
  const mg_span *spans;
  int n;
  int64_t blocks;
  mg_span_body *body;
  void *argument;
} job;

/* The last span that starts at or before `position`. */
static int find_span(const job *j, int64_t position) {
  int low = 0, high = j->n - 1;
  while (low < high) {
    int middle = low + (high - low + 1) / 2;
    if (j->spans[middle].start <= position)
      low = middle;
    else
      high = middle - 1;
  }
  return low;
}

/* Block number `index` of these: the first part of each span, then the second, one part for each thread.  So
 * the products that made gradients dealt out their rows. */
static int64_t dealt(const job *j, int64_t index) {
  for (int64_t part = 0; part < mg_threads(); part++)
    for (int i = 0; i < j->n; i++) {
      int64_t first = j->spans[i].start / MG_GRAIN;
      int64_t blocks = (i + 1 < j->n ? j->spans[i + 1].start / MG_GRAIN : j->blocks) - first;
      int64_t begin = blocks * part / mg_threads(), count = blocks * (part + 1) / mg_threads() - begin;
      if (index < count) return first + begin + index;
      index -= count;
    }
  return index; /* not reached */
}

static void run_block(void *argument, int64_t index) {
  const job *j = argument;
  int64_t block = dealt(j, index);
  int64_t from = block * MG_GRAIN, to = from + MG_GRAIN;
  for (int i = find_span(j, from); i < j->n && j->spans[i].start < to; i++) {
    const mg_span *span = &j->spans[i];
    int64_t begin = MG_MAX(from - span->start, 0), end = MG_MIN(to - span->start, span->length);
    if (begin < end) j->body(j->argument, i, begin, end, block);
  }
}

void mg_spans_run(const mg_span *spans, int n, mg_span_body *body, void *argument) {
  if (n == 0) return;
  const mg_span *last = &spans[n - 1];
  int64_t total = last->start + last->length;
  job j = {spans, n, mg_pieces(total, MG_GRAIN), body, argument};
  mg_parallel(j.blocks, run_block, &j);
}

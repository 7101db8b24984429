/* span.h: elementwise work over many arrays at once, as if they were laid end to end.
 *
 * Twenty small parameters then cost one parallel job and not twenty.  Where the blocks end
 * depends on the arrays' lengths alone, so results have the same bits for any thread count. */
#ifndef MG_SPAN_H
#define MG_SPAN_H

#include "base.h"

typedef struct mg_span {
  int64_t length; /* elements of this array; the caller's to fill in */
  int64_t start;  /* where it lies among all of them */
} mg_span;

/* Lay n spans end to end (each from a multiple of 64 on, so that whole blocks stay aligned) and
 * return the number of blocks of MG_GRAIN elements that they make. */
int64_t mg_spans_place(mg_span *spans, int n);

/* Elements [begin, end) of array `span`, all of them in block `block`. */
typedef void mg_span_body(void *argument, int span, int64_t begin, int64_t end, int64_t block);

/* Run body over every element of n placed spans, blocks in parallel; within a block in order. */
void mg_spans_run(const mg_span *spans, int n, mg_span_body *body, void *argument);

#endif

/* op_index.c: operations that read or add at positions which another tensor gives.
 *
 * A tensor is seen as (outer, size, inner) around the dimension in question.  Where several
 * positions may be the same one, work is split over outer and inner, never over positions, so
 * that each element's sum is taken in one order. */
#include <inttypes.h>
#include <string.h>

#include "op_rows.h"
#include "parallel.h"

/* ---- helpers; messages count positions from 1, as Lua does ---------------------------------- */

#define MAX_FAST 16777216 /* whole numbers below it are exact as floats */

/* Whether n numbers are whole and within 0 .. size - 1, size being at most MAX_FAST. */
static bool all_within(int64_t n, const real *x, int64_t size) {
  const real end = (real)size;
  int outside = 0;
  for (int64_t i = 0; i < n; i++) {
    real inside = x[i] >= 0 && x[i] < end ? x[i] : (real)0.5;
    outside |= inside != (real)(int32_t)inside;
  }
  return !outside;
}

/* Every index whole and within 0 .. size - 1. */
static bool check_indices(const mg_tensor *index, int64_t size) {
  if (size <= MAX_FAST && all_within(index->numel, index->data, size)) return true;
  for (int64_t i = 0; i < index->numel; i++) {
    double value = (double)index->data[i];
    if (value >= 0 && value < (double)size && value == (double)(int64_t)value) continue;
    return mg_fail("expected whole indices in 1..%" PRId64 ", got %g (element %" PRId64 " of index %s)", size,
                   value + 1, i + 1, mg_tensor_text(index)),
           false;
  }
  return true;
}

static bool check_size(int64_t size) {
  return size >= 0 ? true : (mg_fail("expected a size of at least 0, got %" PRId64, size), false);
}

/* What the tasks share: x (outer, size, inner) is read at, or added to at, `count` positions of
 * out or index (outer, count, inner). */
typedef struct indexing {
  int64_t outer, size, count, inner;
  const real *index, *source;
  real *target;
} indexing;

static indexing indexing_along(const mg_call *call, int64_t size, int64_t count) {
  const mg_tensor *x = call->in[0];
  int64_t dim = call->attrs->integer[0];
  indexing work = {.outer = 1, .size = size, .count = count, .inner = 1};
  for (int i = 0; i < dim; i++) work.outer *= x->shape[i];
  for (int i = (int)dim + 1; i < x->ndim; i++) work.inner *= x->shape[i];
  work.source = x->data;
  work.index = call->in[1]->data;
  work.target = call->out->data;
  return work;
}

/* Call body over the columns, numbered outer by inner; one costs `count` elements. */
static void over_columns(indexing *work, mg_range *body) {
  mg_parallel_ranges(work->outer * work->inner, MG_MAX(1, MG_GRAIN / MG_MAX(1, work->count)), body, work);
}

/* The columns of a range that lie in one outer position: inner positions [first, last). */
#define FOR_COLUMNS(work, begin, end)                                                                                  \
  for (int64_t o = (begin) / (work)->inner, first = (begin) % (work)->inner, last; o * (work)->inner < (end);          \
       o++, first = 0)                                                                                                 \
    if (last = MG_MIN((work)->inner, (end)-o * (work)->inner), true)

/* ---- gather and scatter_add, each the other's derivative ----------------------------------- */

static bool same_but_for(const mg_tensor *x, const mg_tensor *index, int64_t dim) {
  bool same = x->ndim == index->ndim;
  for (int i = 0; same && i < x->ndim; i++) same = i == dim || x->shape[i] == index->shape[i];
  if (same) return true;
  return mg_fail("expected an index that differs from x %s in dimension %" PRId64 " at most, got %s", mg_tensor_text(x),
                 dim + 1, mg_tensor_text(index)),
         false;
}

bool mg_shape_rule_gather(const mg_call *call, mg_shape *result) {
  const mg_tensor *x = call->in[0], *index = call->in[1];
  int64_t dim = call->attrs->integer[0];
  if (!mg_shape_along(call, result) || !same_but_for(x, index, dim)) return false;
  result->size[dim] = index->shape[dim];
  return check_indices(index, x->shape[dim]);
}

static void gather_columns(void *argument, int64_t begin, int64_t end) {
  const indexing *w = argument;
  FOR_COLUMNS(w, begin, end) {
    const real *source = w->source + o * w->size * w->inner;
    for (int64_t j = 0; j < w->count; j++) {
      const real *index = w->index + (o * w->count + j) * w->inner;
      real *target = w->target + (o * w->count + j) * w->inner;
      for (int64_t i = first; i < last; i++) target[i] = source[(int64_t)index[i] * w->inner + i];
    }
  }
}

bool mg_forward_gather(mg_call *call) {
  int64_t dim = call->attrs->integer[0];
  indexing work = indexing_along(call, call->in[0]->shape[dim], call->in[1]->shape[dim]);
  over_columns(&work, gather_columns);
  return true;
}

void mg_vjp_gather(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  int64_t dim = node->attrs.integer[0];
  gradient[0] = mg_scatter_add(g, (int)dim, mg_input(node, 1), node->edge[0].shape.size[dim]);
}

mg_tensor *mg_gather(mg_tensor *x, int dim, mg_tensor *index) {
  mg_attrs attrs = {.integer = {dim}};
  return mg_apply(MG_OP_gather, (mg_tensor *[]){x, index}, 2, &attrs);
}

bool mg_shape_rule_scatter_add(const mg_call *call, mg_shape *result) {
  const mg_tensor *src = call->in[0], *index = call->in[1];
  int64_t dim = call->attrs->integer[0], size = call->attrs->integer[1];
  if (!mg_shape_along(call, result) || !check_size(size)) return false;
  if (!mg_same_shape(src, index))
    return mg_fail("expected an index of src's shape %s, got %s", mg_tensor_text(src), mg_tensor_text(index)), false;
  result->size[dim] = size;
  return check_indices(index, size);
}

static void scatter_columns(void *argument, int64_t begin, int64_t end) {
  const indexing *w = argument;
  FOR_COLUMNS(w, begin, end) {
    real *target = w->target + o * w->size * w->inner;
    for (int64_t j = 0; j < w->count; j++) {
      const real *index = w->index + (o * w->count + j) * w->inner;
      const real *source = w->source + (o * w->count + j) * w->inner;
      for (int64_t i = first; i < last; i++) target[(int64_t)index[i] * w->inner + i] += source[i];
    }
  }
}

bool mg_forward_scatter_add(mg_call *call) {
  int64_t dim = call->attrs->integer[0];
  memset(call->out->data, 0, (size_t)call->out->numel * sizeof(real));
  indexing work = indexing_along(call, call->out->shape[dim], call->in[0]->shape[dim]);
  over_columns(&work, scatter_columns);
  return true;
}

void mg_vjp_scatter_add(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  gradient[0] = mg_gather(g, (int)node->attrs.integer[0], mg_input(node, 1));
}

mg_tensor *mg_scatter_add(mg_tensor *src, int dim, mg_tensor *index, int64_t size) {
  mg_attrs attrs = {.integer = {dim, size}};
  return mg_apply(MG_OP_scatter_add, (mg_tensor *[]){src, index}, 2, &attrs);
}

/* ---- index_select and index_add, each the other's derivative -------------------------------- */

static bool check_vector(const mg_tensor *index) {
  if (index->ndim == 1) return true;
  return mg_fail("expected an index of one dimension, got %s", mg_tensor_text(index)), false;
}

bool mg_shape_rule_index_select(const mg_call *call, mg_shape *result) {
  const mg_tensor *x = call->in[0], *index = call->in[1];
  int64_t dim = call->attrs->integer[0];
  if (!mg_shape_along(call, result) || !check_vector(index)) return false;
  result->size[dim] = index->numel;
  return check_indices(index, x->shape[dim]);
}

/* Runs of the result, numbered outer by position. */
static void select_runs(void *argument, int64_t begin, int64_t end) {
  const indexing *w = argument;
  for (int64_t run = begin; run < end; run++) {
    int64_t o = run / w->count, at = (int64_t)w->index[run % w->count];
    const real *source = w->source + (o * w->size + at) * w->inner;
    if (w->inner == 1)
      w->target[run] = *source;
    else
      memcpy(w->target + run * w->inner, source, (size_t)w->inner * sizeof(real));
  }
}

bool mg_forward_index_select(mg_call *call) {
  int64_t dim = call->attrs->integer[0];
  indexing work = indexing_along(call, call->in[0]->shape[dim], call->in[1]->numel);
  if (call->out->numel > 0)
    mg_parallel_ranges(work.outer * work.count, MG_MAX(1, MG_GRAIN / work.inner), select_runs, &work);
  return true;
}

void mg_vjp_index_select(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  int64_t dim = node->attrs.integer[0];
  gradient[0] = mg_index_add(g, (int)dim, mg_input(node, 1), node->edge[0].shape.size[dim]);
}

mg_tensor *mg_index_select(mg_tensor *x, int dim, mg_tensor *index) {
  mg_attrs attrs = {.integer = {dim}};
  return mg_apply(MG_OP_index_select, (mg_tensor *[]){x, index}, 2, &attrs);
}

bool mg_shape_rule_index_add(const mg_call *call, mg_shape *result) {
  const mg_tensor *src = call->in[0], *index = call->in[1];
  int64_t dim = call->attrs->integer[0], size = call->attrs->integer[1];
  if (!mg_shape_along(call, result) || !check_size(size) || !check_vector(index)) return false;
  if (index->numel != src->shape[dim])
    return mg_fail("expected one index for each of the %" PRId64 " positions along dimension %" PRId64
                   " of src %s, got %" PRId64,
                   src->shape[dim], dim + 1, mg_tensor_text(src), index->numel),
           false;
  result->size[dim] = size;
  return check_indices(index, size);
}

static void add_columns(void *argument, int64_t begin, int64_t end) {
  const indexing *w = argument;
  FOR_COLUMNS(w, begin, end) {
    for (int64_t j = 0; j < w->count; j++) {
      const real *source = w->source + (o * w->count + j) * w->inner;
      real *target = w->target + (o * w->size + (int64_t)w->index[j]) * w->inner;
      for (int64_t i = first; i < last; i++) target[i] += source[i];
    }
  }
}

bool mg_forward_index_add(mg_call *call) {
  int64_t dim = call->attrs->integer[0];
  memset(call->out->data, 0, (size_t)call->out->numel * sizeof(real));
  indexing work = indexing_along(call, call->out->shape[dim], call->in[0]->shape[dim]);
  over_columns(&work, add_columns);
  return true;
}

void mg_vjp_index_add(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  gradient[0] = mg_index_select(g, (int)node->attrs.integer[0], mg_input(node, 1));
}

mg_tensor *mg_index_add(mg_tensor *src, int dim, mg_tensor *index, int64_t size) {
  mg_attrs attrs = {.integer = {dim, size}};
  return mg_apply(MG_OP_index_add, (mg_tensor *[]){src, index}, 2, &attrs);
}

/* ---- one_hot ------------------------------------------------------------------------------- */

bool mg_shape_rule_one_hot(const mg_call *call, mg_shape *result) {
  const mg_tensor *index = call->in[0];
  int64_t classes = call->attrs->integer[0];
  if (classes < 1) return mg_fail("expected at least 1 class, got %" PRId64, classes), false;
  if (index->ndim == MG_MAX_DIM)
    return mg_fail("expected an index of fewer than %d dimensions, got %s", MG_MAX_DIM, mg_tensor_text(index)), false;
  mg_shape_same(call, result);
  result->size[result->ndim++] = classes;
  return check_indices(index, classes);
}

bool mg_forward_one_hot(mg_call *call) {
  const mg_tensor *index = call->in[0];
  int64_t classes = call->attrs->integer[0];
  memset(call->out->data, 0, (size_t)call->out->numel * sizeof(real));
  for (int64_t i = 0; i < index->numel; i++) call->out->data[i * classes + (int64_t)index->data[i]] = 1;
  return true;
}

mg_tensor *mg_one_hot(mg_tensor *index, int64_t classes) {
  mg_attrs attrs = {.integer = {classes}};
  return mg_apply(MG_OP_one_hot, &index, 1, &attrs);
}

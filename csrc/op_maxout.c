/* op_maxout.c: the largest of several linear functions for each unit (Goodfellow et al. 2013), once it is
 * known which of them that is.
 *
 * For n rows, units u and the piece k of each, it is the trilinear form of x (n, in), weight (in, pieces *
 * units) and g (n, units)
 *
 *     sum over n, u, i of g[n, u] x[n, i] weight[i, k[n, u] units + u],
 *
 * whose three partials these operations are.  The output needs all pieces, or else nobody would know the
 * largest.  The gradients need one piece of each unit: one of five in most papers.  They are sums of rows of
 * x, or of the transposed weight, MG_ROW numbers at a time. */
#include <string.h>

#include "gemm.h"
#include "kernel.h"
#include "op_rows.h"
#include "parallel.h"
#include "storage.h"

#define UNIT_BLOCK 16  /* units whose rows of a gradient are made, then transposed, together */
#define BLOCK_ROWS 96  /* rows of the transposed weight that stay in the first cache */
#define SAMPLE_TASK 16 /* rows of x or g that a task prepares */

/* ---- shapes -------------------------------------------------------------------------------- */

static bool check_matrix(const mg_tensor *t, const char *name) {
  return t->ndim == 2 ? true : (mg_fail("expected %s with 2 dimensions, got %s", name, mg_tensor_text(t)), false);
}

/* piece (n, units) with whole values below `pieces`. */
static bool check_piece(const mg_tensor *piece, int64_t pieces) {
  for (int64_t i = 0; i < piece->numel; i++) {
    double value = (double)piece->data[i];
    if (value >= 0 && value < (double)pieces && value == (double)(int64_t)value) continue;
    return mg_fail("expected pieces in 1 .. %lld, got %g", (long long)pieces, value + 1), false;
  }
  return true;
}

/* How many pieces a weight has for so many units; 0 with an error set where they do not divide it. */
static int64_t count_pieces(const mg_tensor *weight, int64_t units) {
  if (units > 0 && weight->shape[1] > 0 && weight->shape[1] % units == 0) return weight->shape[1] / units;
  mg_fail("expected a weight (in, pieces * %lld), got %s", (long long)units, mg_tensor_text(weight));
  return 0;
}

bool mg_shape_maxout(const mg_call *call, mg_shape *result) {
  const mg_tensor *x = call->in[0], *weight = call->in[1], *piece = call->in[2];
  const mg_tensor *bias = call->in[3], *values = call->in[4];
  if (!check_matrix(x, "x") || !check_matrix(weight, "weight") || !check_matrix(piece, "piece")) return false;
  if (x->shape[1] != weight->shape[0])
    return mg_fail("expected %lld features, got %s", (long long)weight->shape[0], mg_tensor_text(x)), false;
  if (piece->shape[0] != x->shape[0])
    return mg_fail("expected a piece for each of %lld rows, got %s", (long long)x->shape[0], mg_tensor_text(piece)),
           false;
  int64_t pieces = count_pieces(weight, piece->shape[1]);
  if (!pieces || !check_piece(piece, pieces)) return false;
  if (bias && (bias->ndim != 1 || bias->shape[0] != weight->shape[1]))
    return mg_fail("expected a bias (%lld,), got %s", (long long)weight->shape[1], mg_tensor_text(bias)), false;
  if (values && (values->ndim != 2 || values->shape[0] != x->shape[0] || values->shape[1] != weight->shape[1]))
    return mg_fail("expected values (%lld, %lld), got %s", (long long)x->shape[0], (long long)weight->shape[1],
                   mg_tensor_text(values)),
           false;
  *result = (mg_shape){2, {piece->shape[0], piece->shape[1]}};
  return true;
}

static bool check_gradient(const mg_tensor *g, const mg_tensor *piece) {
  if (!check_matrix(g, "g") || !check_matrix(piece, "piece")) return false;
  if (g->shape[0] == piece->shape[0] && g->shape[1] == piece->shape[1]) return true;
  return mg_fail("expected pieces of the shape of g %s, got %s", mg_tensor_text(g), mg_tensor_text(piece)), false;
}

bool mg_shape_maxout_input(const mg_call *call, mg_shape *result) {
  const mg_tensor *g = call->in[0], *weight = call->in[1], *piece = call->in[2];
  if (!check_gradient(g, piece) || !check_matrix(weight, "weight")) return false;
  int64_t pieces = count_pieces(weight, g->shape[1]);
  if (!pieces || !check_piece(piece, pieces)) return false;
  *result = (mg_shape){2, {g->shape[0], weight->shape[0]}};
  return true;
}

bool mg_shape_maxout_weight(const mg_call *call, mg_shape *result) {
  const mg_tensor *x = call->in[0], *g = call->in[1], *piece = call->in[2];
  int64_t pieces = call->attrs->integer[0];
  if (!check_gradient(g, piece) || !check_matrix(x, "x")) return false;
  if (x->shape[0] != g->shape[0])
    return mg_fail("expected as many rows in x and g, got %s and %s", mg_tensor_text(x), mg_tensor_text(g)), false;
  if (pieces < 1 || pieces > INT32_MAX / MG_MAX(g->shape[1], 1))
    return mg_fail("expected at least 1 piece, got %lld", (long long)pieces), false;
  if (!check_piece(piece, pieces)) return false;
  *result = (mg_shape){2, {x->shape[1], pieces * g->shape[1]}};
  return true;
}

/* ---- the output ---------------------------------------------------------------------------- */

typedef struct pick_job {
  const real *values, *piece;
  real *out;
  int64_t units, columns;
} pick_job;

static void pick_rows(void *argument, int64_t begin, int64_t end) {
  const pick_job *job = argument;
  for (int64_t n = begin; n < end; n++) {
    const real *piece = job->piece + n * job->units, *values = job->values + n * job->columns;
    for (int64_t u = 0; u < job->units; u++) job->out[n * job->units + u] = values[(int64_t)piece[u] * job->units + u];
  }
}

bool mg_forward_maxout(mg_call *call) {
  const mg_tensor *x = call->in[0], *weight = call->in[1], *bias = call->in[3], *values = call->in[4];
  int64_t rows = x->shape[0], in = x->shape[1], columns = weight->shape[1], units = call->out->shape[1];
  pick_job job = {values ? values->data : NULL, call->in[2]->data, call->out->data, units, columns};
  size_t capacity = 0;
  real *computed = NULL;
  if (!values) {
    computed = mg_scratch_get((size_t)(rows * columns) * sizeof(real), &capacity);
    if (!computed) return false;
    job.values = computed;
  }
  bool fine = values || mg_gemm(&(mg_product){.m = rows,
                                              .n = columns,
                                              .k = in,
                                              .a = x->data,
                                              .lda = in,
                                              .b = weight->data,
                                              .ldb = columns,
                                              .bias = bias ? bias->data : NULL,
                                              .c = computed,
                                              .ldc = columns});
  if (fine) mg_parallel_ranges(rows, MG_GRAIN / MG_MAX(units, 1) + 1, pick_rows, &job);
  if (computed) mg_scratch_put(computed, capacity);
  return fine;
}

/* ---- the gradient of x ---------------------------------------------------------------------- */

typedef struct input_job {
  const real *g, *weight, *piece;
  real *out, *scratch;
  int32_t *row; /* (n, units): where in its block's transposed weight a unit's piece stands */
  int64_t n, in, units, pieces, block, scratch_size;
} input_job;

static void row_task(void *argument, int64_t index) {
  const input_job *job = argument;
  int64_t end = MG_MIN((index + 1) * SAMPLE_TASK, job->n) * job->units;
  for (int64_t i = index * SAMPLE_TASK * job->units; i < end; i++)
    job->row[i] = (int32_t)((int64_t)job->piece[i] * job->block + i % job->units % job->block);
}

/* MG_ROW columns of the result. */
static void input_task(void *argument, int64_t index) {
  const input_job *job = argument;
  int64_t first = index * MG_ROW, count = MG_MIN(MG_ROW, job->in - first), columns = job->pieces * job->units;
  real *rows = job->scratch + mg_worker() * job->scratch_size, *sums = rows + job->pieces * job->block * MG_ROW;
  for (int64_t u = 0; u < job->units; u += job->block) {
    int64_t block = MG_MIN(job->block, job->units - u);
    for (int64_t p = 0; p < job->pieces; p++)
      mg_kernel->transpose(count, block, job->weight + first * columns + p * job->units + u, columns,
                           rows + p * job->block * MG_ROW, MG_ROW);
    for (int64_t n = 0; n < job->n; n++)
      mg_kernel->weighted_rows(block, job->row + n * job->units + u, job->g + n * job->units + u, rows, u > 0,
                               sums + n * MG_ROW);
  }
  for (int64_t n = 0; n < job->n; n++)
    memcpy(job->out + n * job->in + first, sums + n * MG_ROW, (size_t)count * sizeof(real));
}

bool mg_forward_maxout_input(mg_call *call) {
  const mg_tensor *g = call->in[0], *weight = call->in[1];
  input_job job = {.g = g->data,
                   .weight = weight->data,
                   .piece = call->in[2]->data,
                   .out = call->out->data,
                   .n = g->shape[0],
                   .in = weight->shape[0],
                   .units = g->shape[1]};
  job.pieces = weight->shape[1] / job.units;
  job.block = MG_MIN(MG_MAX(BLOCK_ROWS / job.pieces, 1), job.units);
  job.scratch_size = (job.pieces * job.block + job.n) * MG_ROW;
  size_t scratch_bytes = (size_t)(mg_threads() * job.scratch_size) * sizeof(real), capacity;
  job.scratch = mg_scratch_get(scratch_bytes + (size_t)(job.n * job.units) * sizeof(int32_t), &capacity);
  if (!job.scratch) return false;
  memset(job.scratch, 0, scratch_bytes); /* the transposed rows' ends beyond `in` */
  job.row = (void *)((char *)job.scratch + scratch_bytes);
  mg_parallel(mg_pieces(job.n, SAMPLE_TASK), row_task, &job);
  mg_parallel(mg_pieces(job.in, MG_ROW), input_task, &job);
  mg_scratch_put(job.scratch, capacity);
  return true;
}

/* ---- the gradient of the weight ------------------------------------------------------------- */

typedef struct weight_job {
  const real *x, *g, *piece;
  real *out, *rows, *scale, *scratch; /* rows: x in strips of MG_ROW columns */
  int32_t *sample, *start;            /* the samples of each unit by piece; where each piece's begin */
  int64_t n, in, units, pieces;
} weight_job;

/* The samples of one unit in the order of their pieces. */
static void sort_unit(const weight_job *job, int64_t u) {
  int32_t *start = job->start + u * (job->pieces + 1), *sample = job->sample + u * job->n;
  real *scale = job->scale + u * job->n;
  memset(start, 0, (size_t)(job->pieces + 1) * sizeof *start);
  for (int64_t n = 0; n < job->n; n++) start[(int64_t)job->piece[n * job->units + u] + 1]++;
  for (int64_t p = 1; p <= job->pieces; p++) start[p] += start[p - 1];
  for (int64_t n = 0; n < job->n; n++) {
    int32_t at = start[(int64_t)job->piece[n * job->units + u]]++;
    sample[at] = (int32_t)n;
    scale[at] = job->g[n * job->units + u];
  }
  /* Each beginning has moved on to the next one's. */
  memmove(start + 1, start, (size_t)job->pieces * sizeof *start);
  start[0] = 0;
}

static void prepare_task(void *argument, int64_t index) {
  const weight_job *job = argument;
  int64_t strips = mg_pieces(job->in, MG_ROW), unit_tasks = mg_pieces(job->units, UNIT_BLOCK);
  if (index < unit_tasks) {
    for (int64_t u = index * UNIT_BLOCK; u < MG_MIN((index + 1) * UNIT_BLOCK, job->units); u++) sort_unit(job, u);
    return;
  }
  int64_t begin = (index - unit_tasks) * SAMPLE_TASK;
  for (int64_t n = begin; n < MG_MIN(begin + SAMPLE_TASK, job->n); n++)
    for (int64_t s = 0; s < strips; s++) {
      int64_t count = MG_MIN(MG_ROW, job->in - s * MG_ROW);
      real *to = job->rows + (s * job->n + n) * MG_ROW;
      memcpy(to, job->x + n * job->in + s * MG_ROW, (size_t)count * sizeof(real));
      memset(to + count, 0, (size_t)(MG_ROW - count) * sizeof(real));
    }
}

/* One strip of x by one block of units. */
static void weight_task(void *argument, int64_t index) {
  const weight_job *job = argument;
  int64_t strips = mg_pieces(job->in, MG_ROW), strip = index % strips, first = index / strips * UNIT_BLOCK;
  int64_t units = MG_MIN(UNIT_BLOCK, job->units - first), columns = job->pieces * job->units;
  real *sums = job->scratch + mg_worker() * UNIT_BLOCK * MG_ROW;
  const real *rows = job->rows + strip * job->n * MG_ROW;
  for (int64_t p = 0; p < job->pieces; p++) {
    for (int64_t u = 0; u < units; u++) {
      const int32_t *start = job->start + (first + u) * (job->pieces + 1) + p;
      int64_t at = (first + u) * job->n + start[0];
      mg_kernel->weighted_rows(start[1] - start[0], job->sample + at, job->scale + at, rows, false, sums + u * MG_ROW);
    }
    mg_kernel->transpose(units, MG_MIN(MG_ROW, job->in - strip * MG_ROW), sums, MG_ROW,
                         job->out + strip * MG_ROW * columns + p * job->units + first, columns);
  }
}

bool mg_forward_maxout_weight(mg_call *call) {
  const mg_tensor *x = call->in[0], *g = call->in[1];
  weight_job job = {.x = x->data,
                    .g = g->data,
                    .piece = call->in[2]->data,
                    .out = call->out->data,
                    .n = x->shape[0],
                    .in = x->shape[1],
                    .units = g->shape[1],
                    .pieces = call->attrs->integer[0]};
  int64_t strips = mg_pieces(job.in, MG_ROW), pairs = job.n * job.units;
  int64_t reals = strips * job.n * MG_ROW + mg_threads() * UNIT_BLOCK * MG_ROW + pairs;
  int64_t integers = pairs + job.units * (job.pieces + 1);
  size_t capacity;
  job.rows = mg_scratch_get((size_t)reals * sizeof(real) + (size_t)integers * sizeof(int32_t), &capacity);
  if (!job.rows) return false;
  job.scratch = job.rows + strips * job.n * MG_ROW;
  job.scale = job.scratch + mg_threads() * UNIT_BLOCK * MG_ROW;
  job.sample = (void *)(job.scale + pairs);
  job.start = job.sample + pairs;
  int64_t blocks = mg_pieces(job.units, UNIT_BLOCK);
  mg_parallel(blocks + mg_pieces(job.n, SAMPLE_TASK), prepare_task, &job);
  mg_parallel(strips * blocks, weight_task, &job);
  mg_scratch_put(job.rows, capacity);
  return true;
}

/* ---- wrappers, derivatives ------------------------------------------------------------------ */

mg_tensor *mg_maxout(mg_tensor *x, mg_tensor *weight, mg_tensor *piece, mg_tensor *bias, mg_tensor *values) {
  if (!x || !weight || !piece) return NULL;
  return mg_apply(MG_OP_maxout, (mg_tensor *[]){x, weight, piece, bias, values}, 5, NULL);
}

mg_tensor *mg_maxout_input(mg_tensor *g, mg_tensor *weight, mg_tensor *piece) {
  return mg_apply(MG_OP_maxout_input, (mg_tensor *[]){g, weight, piece}, 3, NULL);
}

mg_tensor *mg_maxout_weight(mg_tensor *x, mg_tensor *g, mg_tensor *piece, int64_t pieces) {
  mg_attrs attrs = {.integer = {pieces}};
  return mg_apply(MG_OP_maxout_weight, (mg_tensor *[]){x, g, piece}, 3, &attrs);
}

void mg_vjp_maxout(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  mg_tensor *x = mg_input(node, 0), *weight = mg_input(node, 1), *piece = mg_input(node, 2);
  if (!x || !weight || !piece) return;
  int64_t columns = weight->shape[1], pieces = columns / piece->shape[1];
  if (mg_wants(node, 0)) gradient[0] = mg_maxout_input(g, weight, piece);
  if (mg_wants(node, 1)) gradient[1] = mg_maxout_weight(x, g, piece, pieces);
  if (mg_wants(node, 3)) {
    mg_tensor *ones = mg_tensor_full(2, (int64_t[]){x->shape[0], 1}, 1);
    gradient[3] = mg_reshape(mg_maxout_weight(ones, g, piece, pieces), 1, &columns);
  }
}

void mg_vjp_maxout_input(mg_node *node, mg_tensor *h, mg_tensor **gradient) {
  mg_tensor *g = mg_input(node, 0), *weight = mg_input(node, 1), *piece = mg_input(node, 2);
  if (!g || !weight || !piece) return;
  if (mg_wants(node, 0)) gradient[0] = mg_maxout(h, weight, piece, NULL, NULL);
  if (mg_wants(node, 1)) gradient[1] = mg_maxout_weight(h, g, piece, weight->shape[1] / piece->shape[1]);
}

void mg_vjp_maxout_weight(mg_node *node, mg_tensor *h, mg_tensor **gradient) {
  mg_tensor *x = mg_input(node, 0), *g = mg_input(node, 1), *piece = mg_input(node, 2);
  if (!x || !g || !piece) return;
  if (mg_wants(node, 0)) gradient[0] = mg_maxout_input(g, h, piece);
  if (mg_wants(node, 1)) gradient[1] = mg_maxout(x, h, piece, NULL, NULL);
}

/* ---- the same, plainly ---------------------------------------------------------------------- */

/* (n, units) to (n, 1, units). */
static mg_tensor *along_pieces(mg_tensor *t) { return mg_reshape(t, 3, (int64_t[]){t->shape[0], 1, t->shape[1]}); }

mg_tensor *mg_compose_maxout(mg_tensor *const *in, int n, const mg_attrs *attrs) {
  (void)n, (void)attrs;
  mg_tensor *piece = in[2];
  int64_t rows = piece->shape[0], units = piece->shape[1];
  mg_tensor *all = mg_reshape(mg_linear(in[0], in[1], in[3]), 3, (int64_t[]){rows, in[1]->shape[1] / units, units});
  return mg_reshape(mg_gather(all, 1, along_pieces(piece)), 2, (int64_t[]){rows, units});
}

/* g where its piece counts, zeros elsewhere: (n, pieces * units). */
static mg_tensor *spread(mg_tensor *g, mg_tensor *piece, int64_t pieces) {
  return mg_reshape(mg_scatter_add(along_pieces(g), 1, along_pieces(piece), pieces), 2,
                    (int64_t[]){g->shape[0], pieces * g->shape[1]});
}

mg_tensor *mg_compose_maxout_input(mg_tensor *const *in, int n, const mg_attrs *attrs) {
  (void)n, (void)attrs;
  return mg_matmul(spread(in[0], in[2], in[1]->shape[1] / in[0]->shape[1]), in[1], false, true);
}

mg_tensor *mg_compose_maxout_weight(mg_tensor *const *in, int n, const mg_attrs *attrs) {
  (void)n;
  return mg_matmul(in[0], spread(in[1], in[2], attrs->integer[0]), true, false);
}

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

#define UNIT_BLOCK 16   /* units whose rows of a gradient are made, then transposed, together */
#define TASK_UNITS 80   /* units of a task */
#define BLOCK_ROWS 160  /* rows of the transposed weight that stay in the first cache */
#define LISTS 16        /* samples whose sums a call makes */
#define SAMPLE_TASK 16  /* rows of x or g that a task prepares */
#define COLUMN_UNITS 64 /* units of a task for one column of x */

/* ---- shapes -------------------------------------------------------------------------------- */

static bool check_matrix(const mg_tensor *t, const char *name) {
  return t->ndim == 2 ? true : (mg_fail("expected %s with 2 dimensions, got %s", name, mg_tensor_text(t)), false);
}

/* piece (n, units) with whole values below `pieces`. */
static bool check_piece(const mg_tensor *piece, int64_t pieces) {
  int64_t i = mg_kernel->count_whole(piece->numel, piece->data, (real)pieces);
  if (i == piece->numel) return true;
  return mg_fail("expected pieces in 1 .. %lld, got %g", (long long)pieces, (double)piece->data[i] + 1), false;
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
  int32_t *row;             /* (n, units): where in its block's transposed weight a unit's piece stands */
  int32_t *used_row, *used; /* the same of those with a gradient; how many in each block (n, blocks) */
  real *used_g;             /* and their gradients */
  int64_t n, in, units, pieces, block, blocks, scratch_size;
} input_job;

/* The units of one row of g that lie in one block. */
static void choose(const input_job *job, int64_t n, int64_t b) {
  int64_t first = n * job->units + b * job->block, units = MG_MIN(job->block, job->units - b * job->block);
  const real *piece = job->piece + first, *g = job->g + first;
  int32_t *row = job->row + first, *used_row = job->used_row + first, used = 0;
  real *used_g = job->used_g + first;
  for (int64_t u = 0; u < units; u++) {
    row[u] = used_row[used] = (int32_t)piece[u] * (int32_t)job->block + (int32_t)u;
    used_g[used] = g[u];
    used += g[u] != 0;
  }
  job->used[n * job->blocks + b] = used;
}

static void choose_task(void *argument, int64_t index) {
  const input_job *job = argument;
  for (int64_t n = index * SAMPLE_TASK; n < MG_MIN((index + 1) * SAMPLE_TASK, job->n); n++)
    for (int64_t b = 0; b < job->blocks; b++) choose(job, n, b);
}

/* MG_ROW columns of the result.  Half of the gradients are 0 behind a dropout: their rows change no sum,
 * unless they hold NaN or infinity. */
static void input_task(void *argument, int64_t index) {
  const input_job *job = argument;
  int64_t first = index * MG_ROW, count = MG_MIN(MG_ROW, job->in - first), columns = job->pieces * job->units;
  real *rows = job->scratch + mg_worker() * job->scratch_size, *sums = rows + job->pieces * job->block * MG_ROW;
  if (count < MG_ROW) memset(rows, 0, (size_t)(job->pieces * job->block * MG_ROW) * sizeof(real)); /* beyond `in` */
  for (int64_t b = 0; b < job->blocks; b++) {
    int64_t u = b * job->block, block = MG_MIN(job->block, job->units - u);
    for (int64_t p = 0; p < job->pieces; p++)
      mg_kernel->transpose(count, block, job->weight + first * columns + p * job->units + u, columns,
                           rows + p * job->block * MG_ROW, MG_ROW);
    bool finite = mg_kernel->all_finite(job->pieces * job->block * MG_ROW, rows);
    const int32_t *row = finite ? job->used_row : job->row;
    const real *g = finite ? job->used_g : job->g;
    for (int64_t n = 0; n < job->n; n += LISTS) {
      int64_t lists = MG_MIN(LISTS, job->n - n), begin[LISTS], end[LISTS];
      for (int64_t l = 0; l < lists; l++) {
        begin[l] = (n + l) * job->units + u;
        end[l] = begin[l] + (finite ? job->used[(n + l) * job->blocks + b] : block);
      }
      mg_kernel->weighted_rows(lists, begin, end, row, g, rows, MG_ROW, b > 0 ? sums + n * MG_ROW : NULL, NULL, false,
                               sums + n * MG_ROW, MG_ROW);
    }
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
  job.block = BLOCK_ROWS / job.pieces;
  job.block = MG_MIN(job.block < 16 ? MG_MAX(job.block, 1) : job.block / 16 * 16, job.units); /* whole vectors */
  job.blocks = mg_pieces(job.units, job.block);
  job.scratch_size = (job.pieces * job.block + job.n) * MG_ROW;
  int64_t scratch = mg_threads() * job.scratch_size, pairs = job.n * job.units;
  size_t capacity, integers = (size_t)(2 * pairs + job.n * job.blocks);
  job.scratch = mg_scratch_get((size_t)(scratch + pairs) * sizeof(real) + integers * sizeof(int32_t), &capacity);
  if (!job.scratch) return false;
  job.used_g = job.scratch + scratch;
  job.row = (void *)(job.used_g + pairs);
  job.used_row = job.row + pairs;
  job.used = job.used_row + pairs;
  mg_parallel(mg_pieces(job.n, SAMPLE_TASK), choose_task, &job);
  mg_parallel(mg_pieces(job.in, MG_ROW), input_task, &job);
  mg_scratch_put(job.scratch, capacity);
  return true;
}

/* ---- the gradient of the weight ------------------------------------------------------------- */

typedef struct weight_job {
  const real *x, *g, *piece;
  real *out, *rows, *scale, *scratch; /* rows: x in strips of MG_ROW columns */
  int32_t *sample, *start; /* the samples of each unit by piece, then those left out; where each list begins */
  int32_t *list;           /* (n, units): the list of each sample for each unit */
  int64_t n, in, units, pieces;
} weight_job;

/* Which list a sample belongs to for each unit.  Half of the gradients are 0 behind a dropout: such a sample
 * changes no sum, unless it holds NaN or infinity, and goes to a last list that nobody reads. */
static void choose_lists(const weight_job *job, int64_t n) {
  const real *piece = job->piece + n * job->units, *g = job->g + n * job->units;
  int32_t *list = job->list + n * job->units, last = (int32_t)job->pieces;
  int32_t all = !mg_kernel->all_finite(job->in, job->x + n * job->in);
  for (int64_t u = 0; u < job->units; u++) list[u] = last + ((int32_t)piece[u] - last) * (all | (g[u] != 0));
}

static void sample_task(void *argument, int64_t index) {
  const weight_job *job = argument;
  int64_t strips = mg_pieces(job->in, MG_ROW);
  for (int64_t n = index * SAMPLE_TASK; n < MG_MIN((index + 1) * SAMPLE_TASK, job->n); n++) {
    for (int64_t s = 0; s < strips; s++) {
      int64_t count = MG_MIN(MG_ROW, job->in - s * MG_ROW);
      real *to = job->rows + (s * job->n + n) * MG_ROW;
      memcpy(to, job->x + n * job->in + s * MG_ROW, (size_t)count * sizeof(real));
      memset(to + count, 0, (size_t)(MG_ROW - count) * sizeof(real));
    }
    choose_lists(job, n);
  }
}

/* The samples of one unit in the order of their lists. */
static void sort_unit(const weight_job *job, int64_t u) {
  int64_t lists = job->pieces + 1;
  int32_t *start = job->start + u * (lists + 1), *sample = job->sample + u * job->n, *list = job->list + u;
  real *scale = job->scale + u * job->n;
  memset(start, 0, (size_t)(lists + 1) * sizeof *start);
  for (int64_t n = 0; n < job->n; n++) start[list[n * job->units] + 1]++;
  for (int64_t p = 1; p <= lists; p++) start[p] += start[p - 1];
  for (int64_t n = 0; n < job->n; n++) {
    int32_t at = start[list[n * job->units]]++;
    sample[at] = (int32_t)n;
    scale[at] = job->g[n * job->units + u];
  }
  /* Each beginning has moved on to the next one's. */
  memmove(start + 1, start, (size_t)lists * sizeof *start);
  start[0] = 0;
}

static void sort_task(void *argument, int64_t index) {
  const weight_job *job = argument;
  for (int64_t u = index * UNIT_BLOCK; u < MG_MIN((index + 1) * UNIT_BLOCK, job->units); u++) sort_unit(job, u);
}

/* One strip of x by the block of units that begins at `first`. */
static void weigh_block(const weight_job *job, int64_t strip, int64_t first, real *sums) {
  int64_t units = MG_MIN(UNIT_BLOCK, job->units - first), columns = job->pieces * job->units;
  const real *rows = job->rows + strip * job->n * MG_ROW;
  for (int64_t p = 0; p < job->pieces; p++) {
    int64_t begin[UNIT_BLOCK], end[UNIT_BLOCK];
    for (int64_t u = 0; u < units; u++) {
      const int32_t *start = job->start + (first + u) * (job->pieces + 2) + p;
      begin[u] = (first + u) * job->n + start[0];
      end[u] = (first + u) * job->n + start[1];
    }
    mg_kernel->weighted_rows(units, begin, end, job->sample, job->scale, rows, MG_ROW, NULL, NULL, false, sums, MG_ROW);
    mg_kernel->transpose(units, MG_MIN(MG_ROW, job->in - strip * MG_ROW), sums, MG_ROW,
                         job->out + strip * MG_ROW * columns + p * job->units + first, columns);
  }
}

/* Some blocks of a strip, which stays in the cache meanwhile. */
static void weight_task(void *argument, int64_t index) {
  const weight_job *job = argument;
  int64_t parts = mg_pieces(job->units, TASK_UNITS), strip = index / parts, begin = index % parts * TASK_UNITS;
  for (int64_t first = begin; first < MG_MIN(begin + TASK_UNITS, job->units); first += UNIT_BLOCK)
    weigh_block(job, strip, first, job->scratch + mg_worker() * UNIT_BLOCK * MG_ROW);
}

/* One column of x, such as a bias's ones, by a range of units. */
static void column_range(void *argument, int64_t begin, int64_t end) {
  const weight_job *job = argument;
  for (int64_t p = 0; p < job->pieces; p++) {
    real *out = job->out + p * job->units;
    memset(out + begin, 0, (size_t)(end - begin) * sizeof(real));
    for (int64_t n = 0; n < job->n; n++)
      mg_kernel->add_chosen(end - begin, job->piece + n * job->units + begin, (real)p, job->g + n * job->units + begin,
                            job->x[n], out + begin);
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
  if (job.in == 1) {
    mg_parallel_ranges(job.units, COLUMN_UNITS, column_range, &job);
    return true;
  }
  int64_t strips = mg_pieces(job.in, MG_ROW), pairs = job.n * job.units;
  int64_t reals = strips * job.n * MG_ROW + mg_threads() * UNIT_BLOCK * MG_ROW + pairs;
  int64_t integers = 2 * pairs + job.units * (job.pieces + 2);
  size_t capacity;
  job.rows = mg_scratch_get((size_t)reals * sizeof(real) + (size_t)integers * sizeof(int32_t), &capacity);
  if (!job.rows) return false;
  job.scratch = job.rows + strips * job.n * MG_ROW;
  job.scale = job.scratch + mg_threads() * UNIT_BLOCK * MG_ROW;
  job.sample = (void *)(job.scale + pairs);
  job.start = job.sample + pairs;
  job.list = job.start + job.units * (job.pieces + 2);
  mg_parallel(mg_pieces(job.n, SAMPLE_TASK), sample_task, &job);
  mg_parallel(mg_pieces(job.units, UNIT_BLOCK), sort_task, &job);
  mg_parallel(strips * mg_pieces(job.units, TASK_UNITS), weight_task, &job);
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

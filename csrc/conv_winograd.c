#include "conv_winograd.h"

#include <string.h>

#include "conv_tiles.h"
#include "gemm.h"
#include "kernel.h"
#include "parallel.h"
#include "storage.h"

/* For each of the points of the algorithm there is one product of matrices: tiles by summed channels, times
 * summed channels by result channels.  Tiles and summed channels are taken so many at a time that their transforms
 * stay in the outer cache until they are multiplied. */

/* ---- when ---------------------------------------------------------------------------------- */

/* Of all tiles of a side. */
static int64_t points_along(const mg_winograd *f, const mg_side *s) { return s->tiles * (f->points - 1) + s->whole; }

const mg_winograd *mg_conv_winograd(const mg_conv *v) {
  const mg_geometry *g = &v->geometry;
  int64_t stride = g->stride[0];
  if (g->groups != 1 || g->dilation[0] != 1 || g->dilation[1] != 1 || g->stride[1] != stride || v->kh != v->kw)
    return NULL;
  if (v->kh % stride || v->c % MG_WINOGRAD_CHANNELS || v->o % MG_WINOGRAD_CHANNELS || v->c < 32 || v->o < 32)
    return NULL;
  const mg_winograd *best = NULL;
  /* Of the multiplications that plain products need for an image, most of the rest is worth it. */
  int64_t taps = v->kh / stride, least = v->oh * v->ow * taps * taps * 3 / 4;
  for (int64_t outputs = 2; outputs <= 4; outputs += 2) {
    const mg_winograd *f = mg_kernel->winograd(outputs, taps);
    if (!f) continue;
    mg_grid tiles = mg_tile_grid(f->outputs, v->n, v->oh, v->ow);
    int64_t cost = points_along(f, &tiles.y) * points_along(f, &tiles.x);
    if (tiles.tiles < 32 || cost >= least) continue;
    least = cost;
    best = f;
  }
  return best;
}

/* ---- filtering ----------------------------------------------------------------------------- */

#define DATA_SIZE (240 << 10) /* numbers of transformed data that a task holds at once, if they are of ... */
#define DATA_MIN 64           /* ... at least so many tiles, which are worth the transform of weights */
#define DEPTH_SIZE 3200       /* summed channels of all points, transformed at once */

typedef struct filter_job {
  const mg_winograd *f;
  const mg_conv *conv;
  bool backward; /* from y to x: see field_of */
  const real *source, *weight, *bias;
  real *result;
  int64_t phases;        /* of the result, whose pixels are interleaved; each is filtered by itself */
  int64_t parts;         /* of the source along one side, whose pixels are interleaved; they are summed */
  int64_t k, columns;    /* summed channels of all parts; channels of the result */
  int64_t most;          /* tiles of a task */
  int64_t groups, width; /* parts of the columns, where there are fewer chunks than threads; columns of a part */
  int64_t panel, depth;  /* columns and summed channels that are transformed at a time */
  int64_t row;           /* numbers between tiles' rows of data */
  int64_t scratch_size;  /* of a thread: always the same part of memory, whatever is filtered, so that
                            lines of cache stay where they are */
  real *scratch;
  const real *zeros;
} filter_job;

/* Where one phase lies. */
typedef struct field {
  mg_grid grid;
  mg_plane from, to;
  int64_t tap_y, tap_x; /* backward: the kernel is read from its end, and these are its first taps */
} field;

/* Forward there is one phase, y.  Backward the kernel's inputs and outputs change places: pixels of x whose coordinates
 * leave the same remainder by the stride are a filter's outputs over y. */
static field field_of(const filter_job *job, int64_t phase) {
  const mg_conv *v = job->conv;
  const mg_geometry *g = &v->geometry;
  int64_t s = g->stride[0], outputs = job->f->outputs, before = job->f->taps - 1;
  if (!job->backward)
    return (field){.grid = mg_tile_grid(outputs, v->n, v->oh, v->ow),
                   .from = {v->h, v->w, v->c, s, -g->padding[0], -g->padding[1]},
                   .to = {v->oh, v->ow, v->o, 1, 0, 0}};
  int64_t y = phase / s, x = phase % s, reach_y = y + g->padding[0], reach_x = x + g->padding[1];
  return (field){.grid = mg_tile_grid(outputs, v->n, mg_pieces(v->h - y, s), mg_pieces(v->w - x, s)),
                 .from = {v->oh, v->ow, v->o, 1, reach_y / s - before, reach_x / s - before},
                 .to = {v->h, v->w, v->c, s, y, x},
                 .tap_y = reach_y % s,
                 .tap_x = reach_x % s};
}

/* What a thread works on. */
typedef struct slab {
  field field;
  mg_chunk tiles;
  int64_t column, columns; /* of the result */
  real *data, *products;   /* (points, tiles, row), (points, tiles, columns) */
  real *weights, *outside; /* transformed weights; where pixels outside of the image go */
} slab;

/* The taps' weights of summed channels k .. k + count - 1 and one panel's columns. */
static void transform_weights(const filter_job *job, const field *field, int64_t k, int64_t count, int64_t column,
                              int64_t width, real *out) {
  const mg_conv *v = job->conv;
  int64_t r = job->f->taps, s = v->geometry.stride[0], points = job->f->points * job->f->points;
  int64_t step = mg_point_step(job->depth, width);
  real *turned = out + points * step;
  const real *in[9];
  real *to[MG_WINOGRAD_POINTS];
  for (int64_t tap = 0; job->backward && tap < r * r; tap++) {
    int64_t y = s * (r - 1 - tap / r) + field->tap_y, x = s * (r - 1 - tap % r) + field->tap_x;
    mg_pack(&(mg_packed){width, count, turned + tap * count * width}, 0, count, true,
            job->weight + ((y * v->kw + x) * v->c + column) * v->o + k, v->o);
  }
  for (int64_t l = 0; l < count; l++) {
    int64_t part = (k + l) / field->from.channels, c = (k + l) % field->from.channels;
    for (int64_t tap = 0; tap < r * r; tap++) {
      int64_t y = s * (tap / r) + part / job->parts, x = s * (tap % r) + part % job->parts;
      in[tap] = job->backward ? turned + (tap * count + l) * width
                              : job->weight + ((y * v->kw + x) * v->c + c) * v->o + column;
    }
    for (int64_t p = 0; p < points; p++) to[p] = out + p * step + l * width;
    job->f->weight(width, in, false, to);
  }
}

/* Transform summed channels k .. k + depth - 1 of the slab's tiles. */
static void transform_slab(const filter_job *job, const slab *slab, int64_t k, int64_t depth) {
  const mg_grid *grid = &slab->field.grid;
  const mg_chunk *tiles = &slab->tiles;
  for (int64_t i = tiles->first; i < tiles->first + tiles->count; i++) {
    mg_tile t = mg_find_tile(grid, i);
    mg_transform_data(job->f, &slab->field.from, job->parts, &t, k, depth, job->source, job->zeros, false,
                      slab->data + mg_tile_place(tiles, grid, i, &t) * job->row, mg_point_step(tiles->count, job->row));
  }
}

static void multiply(const filter_job *job, const slab *slab) {
  int64_t points = job->f->points, tiles = slab->tiles.count;
  for (int64_t k = 0; k < job->k; k += job->depth) {
    int64_t depth = MG_MIN(job->depth, job->k - k);
    transform_slab(job, slab, k, depth);
    for (int64_t column = 0; column < slab->columns; column += job->panel) {
      int64_t width = MG_MIN(job->panel, slab->columns - column);
      transform_weights(job, &slab->field, k, depth, slab->column + column, width, slab->weights);
      for (int64_t p = 0; p < points * points; p++) {
        int64_t from, count;
        mg_tiles_of_point(&slab->tiles, points, p, &from, &count);
        mg_gemm_packed(count, slab->data + p * mg_point_step(tiles, job->row) + from * job->row, job->row,
                       &(mg_packed){width, depth, slab->weights + p * mg_point_step(job->depth, width)}, NULL, k > 0,
                       slab->products + p * mg_point_step(tiles, slab->columns) + from * slab->columns + column,
                       slab->columns);
      }
    }
  }
}

/* The pixels of one tile, which stands at `place` in the slab. */
static void place_result(const filter_job *job, const slab *slab, const mg_tile *t, int64_t place) {
  const mg_winograd *f = job->f;
  int64_t offset[MG_WINOGRAD_POINTS], h = f->outputs - t->short_y, w = f->outputs - t->short_x;
  real *in[MG_WINOGRAD_POINTS], *to[MG_WINOGRAD_POINTS];
  mg_find_points(f, t, slab->products + place * slab->columns, mg_point_step(slab->tiles.count, slab->columns), in);
  mg_find_pixels(&slab->field.to, t, h, w, offset);
  for (int64_t i = 0; i < h * w; i++) to[i] = offset[i] < 0 ? slab->outside : job->result + offset[i] + slab->column;
  f->result[t->short_y][t->short_x](slab->columns, (const real *const *)in, false, to);
  for (int64_t i = 0; job->bias && i < h * w; i++)
    if (offset[i] >= 0) mg_kernel->accumulate(slab->columns, job->bias + slab->column, to[i]);
}

/* Some tiles' part of the columns.  Neighbours among the tasks are phases of the same tiles, and read the same. */
static void chunk_task(void *argument, int64_t index) {
  const filter_job *job = argument;
  int64_t points = job->f->points * job->f->points, group = index / job->phases % job->groups;
  int64_t first = index / job->phases / job->groups * job->most;
  slab slab = {.field = field_of(job, index % job->phases), .column = group * job->width};
  const mg_grid *grid = &slab.field.grid;
  if (first >= grid->tiles) return; /* a phase may be smaller than the first */
  slab.tiles = mg_tile_chunk(grid, first, MG_MIN(job->most, grid->tiles - first));
  slab.columns = MG_MIN(job->width, job->columns - slab.column);
  slab.data = job->scratch + mg_worker() * job->scratch_size;
  slab.products = slab.data + points * mg_point_step(job->most, job->row);
  slab.outside = slab.products + points * mg_point_step(job->most, job->width);
  slab.weights = slab.outside + job->width;
  multiply(job, &slab);
  for (int64_t i = first; i < first + slab.tiles.count; i++) {
    mg_tile t = mg_find_tile(grid, i);
    place_result(job, &slab, &t, mg_tile_place(&slab.tiles, grid, i, &t));
  }
}

/* How many tiles a task takes, and how many such tasks there are: as much for each thread. */
static int64_t cut_tiles(filter_job *job, const mg_grid *grid) {
  int64_t points = points_along(job->f, &grid->y) * points_along(job->f, &grid->x) / (grid->y.tiles * grid->x.tiles);
  int64_t most = MG_MAX(DATA_SIZE / (points * job->row), DATA_MIN), threads = mg_threads();
  int64_t multiple = job->phases % threads ? threads : 1;
  int64_t chunks = mg_pieces(grid->tiles, most * multiple) * multiple;
  job->most = MG_MIN(MG_MAX(mg_pieces(mg_pieces(grid->tiles, chunks), 8) * 8, DATA_MIN), grid->tiles);
  return mg_pieces(grid->tiles, job->most);
}

/* Parts of the columns. */
static void cut_columns(filter_job *job, int64_t parts) {
  int64_t lanes = MG_WINOGRAD_CHANNELS;
  job->width = mg_pieces(mg_pieces(job->columns, lanes), parts) * lanes;
  job->groups = mg_pieces(job->columns, job->width);
  job->panel = mg_gemm_columns(job->width);
}

static bool filter(filter_job *job) {
  int64_t points = job->f->points * job->f->points, taps = job->f->taps * job->f->taps, threads = mg_threads();
  field largest = field_of(job, 0);
  int64_t channels = largest.from.channels;
  job->depth = MG_MIN(DEPTH_SIZE / points / MG_WINOGRAD_CHANNELS * MG_WINOGRAD_CHANNELS, job->k);
  job->row = job->depth + MG_POINT_PAD;
  int64_t chunks = cut_tiles(job, &largest.grid);
  cut_columns(job, mg_pieces(threads, chunks * job->phases));
  job->scratch_size = points * (mg_point_step(job->most, job->row) + mg_point_step(job->most, job->width) +
                                mg_point_step(job->depth, job->panel)) +
                      job->width + (job->backward ? taps * job->depth * job->panel : 0);
  size_t capacity;
  real *memory = mg_scratch_get((size_t)(threads * job->scratch_size + channels) * sizeof(real), &capacity);
  if (!memory) return false;
  job->scratch = memory;
  job->zeros = memset(memory + threads * job->scratch_size, 0, (size_t)channels * sizeof(real));
  mg_parallel(chunks * job->groups * job->phases, chunk_task, job);
  mg_scratch_put(memory, capacity);
  return true;
}

bool mg_winograd_forward(const mg_conv *v, const mg_winograd *f, const real *x, const real *weight, const real *bias,
                         real *y) {
  int64_t s = v->geometry.stride[0];
  return filter(&(filter_job){.f = f,
                              .conv = v,
                              .source = x,
                              .weight = weight,
                              .bias = bias,
                              .result = y,
                              .phases = 1,
                              .parts = s,
                              .k = s * s * v->c,
                              .columns = v->o});
}

bool mg_winograd_input(const mg_conv *v, const mg_winograd *f, const real *y, const real *weight, const real *bias,
                       real *x) {
  int64_t s = v->geometry.stride[0];
  return filter(&(filter_job){.f = f,
                              .conv = v,
                              .backward = true,
                              .source = y,
                              .weight = weight,
                              .bias = bias,
                              .result = x,
                              .phases = s * s,
                              .parts = 1,
                              .k = v->o,
                              .columns = v->c});
}

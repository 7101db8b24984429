/* conv_winograd_weight.c: the weight's gradient by minimal filtering: for each point a product of matrices, summed
 * channels by tiles times tiles by result channels.  Tiles are taken so many at a time that their transforms stay in
 * the outer cache, all threads' together. */
#include <string.h>

#include "apart.h"
#include "conv_tiles.h"
#include "conv_winograd.h"
#include "gemm.h"
#include "kernel.h"
#include "parallel.h"
#include "storage.h"

#define CHUNK_SIZE (2 << 20) /* numbers of transformed data and results held at once, if they are of ... */
#define CHUNK_MIN 256        /* ... at least so many tiles; */
#define CHUNK_MULTIPLE 64    /* of so many tiles */
#define TRANSFORM_TILES 8    /* tiles of a transform's task */
#define CHANNEL_BLOCK 64     /* rows of a product's task */

typedef struct weight_job {
  const mg_winograd *f;
  const mg_conv *conv;
  mg_grid grid;
  mg_plane x_plane, y_plane;
  const real *x, *y;
  real *weight;
  mg_chunk tiles;
  int64_t row; /* as in filter_job, of the channels of all parts */
  bool stream; /* transforms go past the caches: all threads are about to read them (apart.h) */
  int64_t panel, scratch_size;
  real *data, *results, *scratch; /* (points, count, row), (points, count, o) */
  const real *zeros;
} weight_job;

/* The tiles whose transforms, of so many numbers a tile, are held at once. */
static int64_t chunk_size(int64_t numbers, int64_t tiles) {
  return MG_MIN(MG_MAX(CHUNK_SIZE / numbers / CHUNK_MULTIPLE * CHUNK_MULTIPLE, CHUNK_MIN), tiles);
}

/* Some tiles' data and results. */
static void both_task(void *argument, int64_t index) {
  const weight_job *job = argument;
  const mg_winograd *f = job->f;
  const mg_chunk *tiles = &job->tiles;
  int64_t first = tiles->first + index * TRANSFORM_TILES;
  int64_t end = MG_MIN(first + TRANSFORM_TILES, tiles->first + tiles->count);
  for (int64_t i = first; i < end; i++) {
    mg_tile t = mg_find_tile(&job->grid, i);
    int64_t place = mg_tile_place(tiles, &job->grid, i, &t);
    mg_transform_data(f, &job->x_plane, job->x_plane.step, &t, 0, job->row - MG_POINT_PAD, job->x, job->zeros,
                      job->stream, job->data + place * job->row, mg_point_step(tiles->count, job->row));
    mg_transform_tile(f, f->result_adjoint, &job->y_plane, &t, f->outputs, job->y_plane.channels, job->y, job->zeros,
                      job->stream, job->results + place * job->y_plane.channels,
                      mg_point_step(tiles->count, job->y_plane.channels));
  }
}

/* Some channels of x by some of y, of one part's taps. */
static void weight_task(void *argument, int64_t index) {
  const weight_job *job = argument;
  const mg_winograd *f = job->f;
  const mg_conv *v = job->conv;
  int64_t s = v->geometry.stride[0], panels = mg_pieces(v->o, job->panel), points = f->points * f->points;
  int64_t column = index % panels * job->panel, width = MG_MIN(job->panel, v->o - column);
  int64_t part = index / panels % (s * s), channel = index / panels / (s * s) * CHANNEL_BLOCK;
  int64_t channels = MG_MIN(CHANNEL_BLOCK, v->c - channel);
  real *products = job->scratch + mg_worker() * job->scratch_size;
  real *gradient = products + points * mg_point_step(CHANNEL_BLOCK, job->panel), *pack = gradient + 9 * job->panel;
  for (int64_t p = 0; p < points; p++) {
    int64_t from, count;
    mg_tiles_of_point(&job->tiles, f->points, p, &from, &count);
    mg_gemm_transposed(channels, width, count,
                       job->data + p * mg_point_step(job->tiles.count, job->row) + from * job->row + part * v->c +
                           channel,
                       job->row, job->results + p * mg_point_step(job->tiles.count, v->o) + from * v->o + column, v->o,
                       false, products + p * mg_point_step(channels, width), width, pack);
  }
  for (int64_t c = 0; c < channels; c++) {
    const real *in[MG_WINOGRAD_POINTS];
    real *to[9], *out[9];
    for (int64_t p = 0; p < points; p++) in[p] = products + p * mg_point_step(channels, width) + c * width;
    for (int64_t tap = 0; tap < f->taps * f->taps; tap++) {
      int64_t ky = s * (tap / f->taps) + part / s, kx = s * (tap % f->taps) + part % s;
      out[tap] = job->weight + ((ky * v->kw + kx) * v->c + channel + c) * v->o + column;
      to[tap] = job->tiles.first ? gradient + tap * width : out[tap];
    }
    f->weight_adjoint(width, in, false, to);
    for (int64_t tap = 0; job->tiles.first && tap < f->taps * f->taps; tap++)
      mg_kernel->accumulate(width, to[tap], out[tap]);
  }
}

bool mg_winograd_weight(const mg_conv *v, const mg_winograd *f, const real *x, const real *y, real *weight) {
  const mg_geometry *g = &v->geometry;
  int64_t s = g->stride[0], points = f->points * f->points, threads = mg_threads();
  weight_job job = {.f = f,
                    .conv = v,
                    .grid = mg_tile_grid(f->outputs, v->n, v->oh, v->ow),
                    .x_plane = {v->h, v->w, v->c, s, -g->padding[0], -g->padding[1]},
                    .y_plane = {v->oh, v->ow, v->o, 1, 0, 0},
                    .x = x,
                    .y = y,
                    .weight = weight,
                    .row = s * s * v->c + MG_POINT_PAD,
                    .stream = mg_threads_apart(),
                    .panel = mg_gemm_columns(v->o)};
  int64_t most = chunk_size(points * (s * s * v->c + v->o), job.grid.tiles);
  job.scratch_size = points * mg_point_step(CHANNEL_BLOCK, job.panel) + 9 * job.panel + mg_gemm_scratch(most);
  int64_t data = points * mg_point_step(most, job.row), results = points * mg_point_step(most, v->o),
          zeros = MG_MAX(v->c, v->o);
  size_t capacity;
  real *memory =
      mg_scratch_get((size_t)(data + results + threads * job.scratch_size + zeros) * sizeof(real), &capacity);
  if (!memory) return false;
  job.data = memory;
  job.results = memory + data;
  job.scratch = job.results + results;
  job.zeros = memset(job.scratch + threads * job.scratch_size, 0, (size_t)zeros * sizeof(real));
  int64_t tasks = s * s * mg_pieces(v->c, CHANNEL_BLOCK) * mg_pieces(v->o, job.panel);
  for (int64_t first = 0; first < job.grid.tiles; first += most) {
    job.tiles = mg_tile_chunk(&job.grid, first, MG_MIN(most, job.grid.tiles - first));
    mg_parallel(mg_pieces(job.tiles.count, TRANSFORM_TILES), both_task, &job);
    mg_parallel(tasks, weight_task, &job);
  }
  mg_scratch_put(memory, capacity);
  return true;
}

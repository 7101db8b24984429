#include "strided.h"

#include <string.h>

#include "parallel.h"

/* Transpositions go in square tiles, one of which is worth a task, and these in square blocks,
 * whose rows are a line of the cache. */
#define TILE 128
#define BLOCK 16

/* A copy on its way through the thread pool.  The outer axes of the box are counted off by an
 * odometer; what is within them is a row, or where the source's contiguous axis is not the
 * target's, a plane to transpose. */
typedef struct copy {
  mg_strided outer;
  int64_t count, from, to;   /* the target's innermost axis */
  int64_t across, across_to; /* planes: the source's contiguous axis */
  const real *source;
  real *target;
} copy;

/* A place in the box's outer axes. */
typedef struct odometer {
  int64_t position[MG_MAX_DIM];
  const real *source;
  real *target;
} odometer;

void mg_row_major(int ndim, const int64_t *shape, int64_t *step) {
  int64_t next = 1;
  for (int i = ndim - 1; i >= 0; i--) {
    step[i] = next;
    next *= shape[i];
  }
}

static void odometer_set(odometer *o, const copy *c, int64_t index) {
  o->source = c->source;
  o->target = c->target;
  for (int i = c->outer.n - 1; i >= 0; i--) {
    o->position[i] = index % c->outer.size[i];
    index /= c->outer.size[i];
    o->source += o->position[i] * c->outer.from[i];
    o->target += o->position[i] * c->outer.to[i];
  }
}

static void odometer_step(odometer *o, const mg_strided *outer) {
  for (int i = outer->n - 1; i >= 0; i--) {
    o->source += outer->from[i];
    o->target += outer->to[i];
    if (++o->position[i] < outer->size[i]) return;
    o->source -= outer->size[i] * outer->from[i];
    o->target -= outer->size[i] * outer->to[i];
    o->position[i] = 0;
  }
}

/* ---- rows ---------------------------------------------------------------------------------- */

static void copy_row(const copy *c, const real *source, real *target) {
  int64_t n = c->count;
  if (c->to == 1 && c->from == 1)
    memcpy(target, source, (size_t)n * sizeof(real));
  else if (c->to == 1 && c->from == 0)
    for (int64_t i = 0; i < n; i++) target[i] = *source;
  else
    for (int64_t i = 0; i < n; i++) target[i * c->to] = source[i * c->from];
}

static void copy_rows(void *argument, int64_t begin, int64_t end) {
  const copy *c = argument;
  odometer o;
  odometer_set(&o, c, begin);
  for (int64_t i = begin; i < end; i++) {
    copy_row(c, o.source, o.target);
    odometer_step(&o, &c->outer);
  }
}

/* A part of a single row. */
static void copy_part(void *argument, int64_t begin, int64_t end) {
  copy part = *(const copy *)argument;
  part.count = end - begin;
  copy_row(&part, part.source + begin * part.from, part.target + begin * part.to);
}

/* ---- planes -------------------------------------------------------------------------------- */

/* A block goes through a buffer, so that both the source and the target are touched in runs. */
static void transpose_block(const real *source, int64_t from, real *target, int64_t to, int64_t n, int64_t across) {
  real buffer[BLOCK][BLOCK];
  if (n == BLOCK && across == BLOCK) {
    for (int i = 0; i < BLOCK; i++)
      for (int j = 0; j < BLOCK; j++) buffer[j][i] = source[i * from + j];
    for (int j = 0; j < BLOCK; j++) memcpy(target + j * to, buffer[j], sizeof buffer[j]);
  } else {
    for (int64_t j = 0; j < across; j++)
      for (int64_t i = 0; i < n; i++) target[j * to + i] = source[i * from + j];
  }
}

static void transpose_tile(const copy *c, const real *source, real *target, int64_t n, int64_t across) {
  for (int64_t i = 0; i < n; i += BLOCK)
    for (int64_t j = 0; j < across; j += BLOCK)
      transpose_block(source + i * c->from + j, c->from, target + j * c->across_to + i, c->across_to,
                      MG_MIN(BLOCK, n - i), MG_MIN(BLOCK, across - j));
}

static int64_t tiles(int64_t size) { return (size + TILE - 1) / TILE; }

/* Units are tiles, numbered plane by plane and within one along the target's innermost axis. */
static void copy_tiles(void *argument, int64_t begin, int64_t end) {
  const copy *c = argument;
  int64_t along = tiles(c->count), plane = along * tiles(c->across);
  odometer o;
  odometer_set(&o, c, begin / plane);
  for (int64_t unit = begin; unit < end; unit++) {
    int64_t i = unit % along * TILE, j = unit % plane / along * TILE;
    transpose_tile(c, o.source + i * c->from + j, o.target + j * c->across_to + i, MG_MIN(TILE, c->count - i),
                   MG_MIN(TILE, c->across - j));
    if ((unit + 1) % plane == 0) odometer_step(&o, &c->outer);
  }
}

/* ---- the choice ---------------------------------------------------------------------------- */

/* The same box with axes of size 1 dropped and axes that continue each other merged. */
static mg_strided simplified(const mg_strided *box) {
  mg_strided s = {0};
  for (int i = 0; i < box->n; i++) {
    int64_t size = box->size[i], from = box->from[i], to = box->to[i];
    if (size == 1) continue;
    if (s.n > 0 && s.from[s.n - 1] == from * size && s.to[s.n - 1] == to * size) size *= s.size[--s.n];
    s.size[s.n] = size;
    s.from[s.n] = from;
    s.to[s.n++] = to;
  }
  return s;
}

static void remove_axis(mg_strided *box, int axis) {
  box->n--;
  for (int i = axis; i < box->n; i++) {
    box->size[i] = box->size[i + 1];
    box->from[i] = box->from[i + 1];
    box->to[i] = box->to[i + 1];
  }
}

/* The axis that is contiguous in the source, where a transposition is what it takes; or -1. */
static int axis_across(const mg_strided *box) {
  int last = box->n - 1;
  if (box->to[last] != 1 || box->from[last] == 1 || box->from[last] == 0) return -1;
  for (int i = 0; i < last; i++)
    if (box->from[i] == 1) return i;
  return -1;
}

void mg_strided_copy(const mg_strided *box, const real *source, real *target) {
  int64_t total = 1;
  for (int i = 0; i < box->n; i++) total *= box->size[i];
  if (total == 0) return;
  copy c = {.outer = simplified(box), .source = source, .target = target};
  if (c.outer.n == 0) {
    *target = *source;
    return;
  }
  int across = axis_across(&c.outer), last = --c.outer.n;
  c.count = c.outer.size[last];
  c.from = c.outer.from[last];
  c.to = c.outer.to[last];
  if (across >= 0) {
    c.across = c.outer.size[across];
    c.across_to = c.outer.to[across];
    remove_axis(&c.outer, across);
    int64_t planes = total / (c.count * c.across), work = MG_MIN(TILE, c.count) * MG_MIN(TILE, c.across);
    mg_parallel_ranges(planes * tiles(c.count) * tiles(c.across), MG_MAX(1, MG_GRAIN / work), copy_tiles, &c);
  } else if (last == 0) {
    mg_parallel_ranges(c.count, MG_GRAIN, copy_part, &c);
  } else {
    mg_parallel_ranges(total / c.count, MG_MAX(1, MG_GRAIN / c.count), copy_rows, &c);
  }
}

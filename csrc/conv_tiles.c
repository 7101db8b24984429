#include "conv_tiles.h"

static mg_side side_of(int64_t outputs, int64_t size) {
  int64_t tiles = mg_pieces(size, outputs);
  return (mg_side){tiles, MG_MAX(size - tiles * (outputs - 1), 0)};
}

mg_grid mg_tile_grid(int64_t outputs, int64_t n, int64_t h, int64_t w) {
  mg_grid grid = {.outputs = outputs, .y = side_of(outputs, h), .x = side_of(outputs, w)};
  grid.tiles = n * grid.y.tiles * grid.x.tiles;
  return grid;
}

static int64_t row_of(const mg_grid *g, int64_t index) { return index / g->x.tiles % g->y.tiles; }
static int64_t column_of(const mg_grid *g, int64_t index) { return index % g->x.tiles; }
static int64_t image_of(const mg_grid *g, int64_t index) { return index / (g->y.tiles * g->x.tiles); }

/* The first output of a side's tile. */
static int64_t begin(const mg_side *s, int64_t outputs, int64_t tile) {
  return tile * outputs - MG_MAX(tile - s->whole, 0);
}

mg_tile mg_find_tile(const mg_grid *g, int64_t index) {
  int64_t y = row_of(g, index), x = column_of(g, index);
  return (mg_tile){image_of(g, index), begin(&g->y, g->outputs, y), begin(&g->x, g->outputs, x), y >= g->y.whole,
                   x >= g->x.whole};
}

void mg_find_pixels(const mg_plane *p, const mg_tile *tile, int64_t h, int64_t w, int64_t *offset) {
  for (int64_t i = 0; i < h; i++) {
    int64_t y = p->step * (tile->top + i) + p->y;
    for (int64_t j = 0; j < w; j++) {
      int64_t x = p->step * (tile->left + j) + p->x;
      bool inside = y >= 0 && y < p->h && x >= 0 && x < p->w;
      *offset++ = inside ? ((tile->n * p->h + y) * p->w + x) * p->channels : -1;
    }
  }
}

/* Of the first so many tiles of a side, those that are short or those that are not. */
static int64_t along(const mg_side *s, int64_t tiles, bool is_short) {
  return is_short ? MG_MAX(tiles - s->whole, 0) : MG_MIN(tiles, s->whole);
}

/* Of the tiles before number `index`, those of one kind. */
static int64_t tiles_before(const mg_grid *g, int64_t index, bool short_y, bool short_x) {
  int64_t y = row_of(g, index);
  int64_t rows = image_of(g, index) * along(&g->y, g->y.tiles, short_y) + along(&g->y, y, short_y);
  int64_t in_row = short_y == (y >= g->y.whole) ? along(&g->x, column_of(g, index), short_x) : 0;
  return rows * along(&g->x, g->x.tiles, short_x) + in_row;
}

mg_chunk mg_tile_chunk(const mg_grid *g, int64_t first, int64_t count) {
  mg_chunk chunk = {.first = first, .count = count};
  int64_t size[2][2];
  for (int y = 0; y < 2; y++)
    for (int x = 0; x < 2; x++) size[y][x] = tiles_before(g, first + count, y, x) - tiles_before(g, first, y, x);
  chunk.start[0][0] = size[0][1];
  chunk.start[1][0] = chunk.start[0][0] + size[0][0];
  chunk.start[1][1] = chunk.start[1][0] + size[1][0];
  return chunk;
}

int64_t mg_tile_place(const mg_chunk *chunk, const mg_grid *g, int64_t index, const mg_tile *tile) {
  bool y = tile->short_y, x = tile->short_x;
  return chunk->start[y][x] + tiles_before(g, index, y, x) - tiles_before(g, chunk->first, y, x);
}

void mg_tiles_of_point(const mg_chunk *chunk, int64_t points, int64_t point, int64_t *first, int64_t *count) {
  bool last_y = point / points == points - 1, last_x = point % points == points - 1;
  *first = last_x ? chunk->start[0][0] : 0;
  *count = (last_y ? chunk->start[1][0] : last_x ? chunk->start[1][1] : chunk->count) - *first;
}

int64_t mg_point_step(int64_t tiles, int64_t row) { return tiles * row + MG_POINT_PAD; }

void mg_find_points(const mg_winograd *f, const mg_tile *t, real *start, int64_t step, real **at) {
  for (int64_t i = 0; i < f->points - t->short_y; i++)
    for (int64_t j = 0; j < f->points - t->short_x; j++) *at++ = start + (i * f->points + j) * step;
}

void mg_transform_tile(const mg_winograd *f, mg_transform *const transform[2][2], const mg_plane *p, const mg_tile *t,
                       int64_t side, int64_t channels, const real *image, const real *zeros, bool stream, real *out,
                       int64_t step) {
  int64_t offset[MG_WINOGRAD_POINTS], h = side - t->short_y, w = side - t->short_x;
  const real *in[MG_WINOGRAD_POINTS];
  real *to[MG_WINOGRAD_POINTS];
  mg_find_pixels(p, t, h, w, offset);
  for (int64_t i = 0; i < h * w; i++) in[i] = offset[i] < 0 ? zeros : image + offset[i];
  mg_find_points(f, t, out, step, to);
  transform[t->short_y][t->short_x](channels, in, stream, to);
}

void mg_transform_data(const mg_winograd *f, const mg_plane *p, int64_t parts, const mg_tile *t, int64_t k,
                       int64_t depth, const real *image, const real *zeros, bool stream, real *out, int64_t step) {
  int64_t channels;
  for (int64_t done = 0; done < depth; done += channels) {
    int64_t part = (k + done) / p->channels, first = (k + done) % p->channels;
    mg_plane from = *p;
    from.y += part / parts;
    from.x += part % parts;
    channels = MG_MIN(p->channels - first, depth - done);
    mg_transform_tile(f, f->data, &from, t, f->points, channels, image + first, zeros, stream, out + done, step);
  }
}

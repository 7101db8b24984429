/* conv_tiles.h: the tiles of minimal filtering (winograd.h): where they lie in images, where in memory, and
 * the way from one to the other.
 *
 * A side of a convolution's outputs is cut into whole tiles and, where these do not end with it, tiles
 * that are shorter by one after them: 14 into 4 + 4 + 3 + 3.  Only where that does not end with it either
 * (5 into 3 + 3) does the last one reach over the border. */
#ifndef MG_CONV_TILES_H
#define MG_CONV_TILES_H

#include "winograd.h"

typedef struct mg_side {
  int64_t tiles, whole;
} mg_side;

typedef struct mg_grid {
  int64_t outputs; /* of a whole tile, along one side */
  mg_side y, x;
  int64_t tiles; /* in all images */
} mg_grid;

typedef struct mg_tile {
  int64_t n, top, left;  /* image and first output */
  bool short_y, short_x; /* by one output */
} mg_tile;

/* The tiles of n images of h x w outputs. */
mg_grid mg_tile_grid(int64_t outputs, int64_t n, int64_t h, int64_t w);
/* Tile number `index`, image by image and row by row. */
mg_tile mg_find_tile(const mg_grid *grid, int64_t index);

/* ---- in images ------------------------------------------------------------------------------ */

/* The pixels that tiles read or write: element (i, j) of the grid of outputs, or of what it reads,
 * stands at (step i + y, step j + x) of an image. */
typedef struct mg_plane {
  int64_t h, w, channels, step, y, x;
} mg_plane;

/* Offsets of the h x w pixels from the tile's first on, row by row, -1 for those outside of the image. */
void mg_find_pixels(const mg_plane *plane, const mg_tile *tile, int64_t h, int64_t w, int64_t *offset);

/* ---- in memory ------------------------------------------------------------------------------ */

/* Tiles that are held at once, sorted: short along x, whole, short along y, short along both.  So those that
 * have a point, which the short ones lack if it is the last, are neighbours. */
typedef struct mg_chunk {
  int64_t first, count, start[2][2]; /* where a kind begins: [short_y][short_x] */
} mg_chunk;

/* Tiles first to first + count - 1. */
mg_chunk mg_tile_chunk(const mg_grid *grid, int64_t first, int64_t count);
/* The place of tile number `index`, which is `tile`, in the chunk. */
int64_t mg_tile_place(const mg_chunk *chunk, const mg_grid *grid, int64_t index, const mg_tile *tile);
/* The places of those that have point number `point` of points x points. */
void mg_tiles_of_point(const mg_chunk *chunk, int64_t points, int64_t point, int64_t *first, int64_t *count);

/* For each point there is a matrix of a row a tile.  The rows of data are MG_POINT_PAD numbers longer than need be, and
 * matrices of so many rows mg_point_step apart: not a power of two, at which they would meet in cache. */
#define MG_POINT_PAD 16
int64_t mg_point_step(int64_t tiles, int64_t row);

/* A pointer to each of the points that a tile has, row by row, the first of which stands at `start`. */
void mg_find_points(const mg_winograd *f, const mg_tile *tile, real *start, int64_t step, real **at);

/* ---- from images to memory ------------------------------------------------------------------ */

/* Transform one tile of an image, of `side` pixels where it is not short, to its points, the first of which stands at
 * `out`: channels from the image's first on.  Pixels outside read from `zeros`; stream: as mg_transform. */
void mg_transform_tile(const mg_winograd *f, mg_transform *const transform[2][2], const mg_plane *plane,
                       const mg_tile *tile, int64_t side, int64_t channels, const real *image, const real *zeros,
                       bool stream, real *out, int64_t step);

/* The data of parts x parts interleaved images, whose channels are numbered one image behind the other: from channel k
 * on, `depth` of them. */
void mg_transform_data(const mg_winograd *f, const mg_plane *plane, int64_t parts, const mg_tile *tile, int64_t k,
                       int64_t depth, const real *image, const real *zeros, bool stream, real *out, int64_t step);

#endif

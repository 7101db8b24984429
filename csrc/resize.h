/* resize.h: pictures brought to another size. */
#ifndef MG_RESIZE_H
#define MG_RESIZE_H

#include "image.h"

/* Resample a picture to h x w pixels, written to `out` (h * w * c bytes): all of it, or where `crop`
 * the largest centred part that has the target's ratio of sides.  A triangle filter whose width
 * grows with the reduction, so that every pixel of the source counts (antialiasing); enlarging,
 * it is bilinear interpolation.  Pixels beyond the part's edges, but not the picture's, count
 * too.  Sizes are at least 1.  False with an error set where memory runs out. */
bool mg_image_resize(const mg_image *image, bool crop, int64_t h, int64_t w, uint8_t *out);

#endif

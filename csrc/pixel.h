/* pixel.h: pixels from one number of channels to another. */
#ifndef MG_PIXEL_H
#define MG_PIXEL_H

#include "base.h"

/* Bring n pixels of `from` channels (1 grey, 2 grey and alpha, 3 colour, 4 colour and alpha) to
 * `to` (1 or 3): alpha is laid over white, colour becomes grey by the luma of ITU-R BT.601.  Takes
 * the block `pixels` and returns the one that holds the result, for free(); NULL with an error set. */
uint8_t *mg_pixels_convert(size_t n, int from, int to, uint8_t *pixels);

#endif

/* png_file.h: PNG (ISO/IEC 15948) through libpng. */
#ifndef MG_PNG_FILE_H
#define MG_PNG_FILE_H

#include "image.h"

#define MG_PNG_MAX_SIDE 65535 /* pixels, of what is read and written */

/* Decode a PNG of any colour type, bit depth and interlacing to 8 bits.  `channels` is 1 (grey, by
 * the luma of ITU-R BT.601), 3 (colour), or 0: as stored, a palette counting as colour.  Alpha
 * is composited over white.  Stored values are taken as they are: gamma and colour profiles are
 * left aside, as image data sets expect.  `name` is what an error calls it.  False with an error
 * set, and nothing allocated, for anything but a complete PNG within the limits. */
bool mg_png_decode(const char *name, const uint8_t *bytes, size_t size, int channels, mg_image *image);

/* Encode a picture of 1 or 3 channels: a block for free(), its length in *size.  The same picture
 * gives the same bytes.  NULL with an error set. */
uint8_t *mg_png_encode(const mg_image *image, size_t *size);

#endif

/* jpeg_file.h: JPEG (ISO/IEC 10918-1) through libjpeg-turbo.
 *
 * The library is optional.  Its header must be there when this is compiled; the library itself is
 * looked for at run time, so that one package installs with it and without. */
#ifndef MG_JPEG_FILE_H
#define MG_JPEG_FILE_H

#include "image.h"

/* Passes over all pixels: a small file that asks for many could keep us for hours. */
#define MG_JPEG_MAX_SCANS 500

/* Whether JPEG can be read. */
bool mg_jpeg_available(void);

/* Decode a baseline or progressive JPEG, grey or colour (YCbCr or RGB; CMYK is refused).
 * `channels` is 1 (grey, by the luma of ITU-R BT.601), 3 (colour), or 0: as stored.  Colour profiles
 * and a camera's orientation tag are left aside.  `name` is what an error calls it.  False with an
 * error set, and nothing allocated, for anything but a complete, undamaged JPEG within the limits. */
bool mg_jpeg_decode(const char *name, const uint8_t *bytes, size_t size, int channels, mg_image *image);

#endif

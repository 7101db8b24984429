/* image_file.h: pictures in any file format known, told by their first bytes, not by their names. */
#ifndef MG_IMAGE_FILE_H
#define MG_IMAGE_FILE_H

#include "image.h"

#define MG_IMAGE_MAX_FILE ((size_t)256 << 20) /* bytes */

/* Decode a PNG or a JPEG to `channels` channels: 1 (grey), 3 (colour) or 0 (as stored).  `name` is
 * what an error calls it.  False with an error set, and nothing allocated, for anything but a
 * complete file of those formats.  Safe inside a parallel task whose errors are taken back there. */
bool mg_image_decode(const char *name, const uint8_t *bytes, size_t size, int channels, mg_image *image);

/* The same for a file's contents. */
bool mg_image_read(const char *path, int channels, mg_image *image);

#endif

#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "image_file.h"
#include "jpeg_file.h"
#include "png_file.h"

bool mg_image_decode(const char *name, const uint8_t *bytes, size_t size, int channels, mg_image *image) {
  static const uint8_t png[8] = "\x89PNG\r\n\x1a\n", jpeg[3] = {0xff, 0xd8, 0xff};
  if (size >= sizeof png && memcmp(bytes, png, sizeof png) == 0) {
    return mg_png_decode(name, bytes, size, channels, image);
  }
  if (size >= sizeof jpeg && memcmp(bytes, jpeg, sizeof jpeg) == 0) {
    return mg_jpeg_decode(name, bytes, size, channels, image);
  }
  mg_fail("%s: not a PNG or JPEG file: its first bytes are no signature of either", name);
  return false;
}

bool mg_image_read(const char *path, int channels, mg_image *image) {
  size_t size;
  uint8_t *bytes = mg_file_read(path, MG_IMAGE_MAX_FILE, &size);
  const bool done = bytes && mg_image_decode(path, bytes, size, channels, image);
  free(bytes);
  return done;
}

#include <stdlib.h>
#include <string.h>

#include "pixel.h"

static uint8_t over_white(unsigned value, unsigned alpha) {
  return (uint8_t)((value * alpha + 255 * (255 - alpha) + 127) / 255);
}

/* ITU-R BT.601, in 16-bit fixed point; the weights sum to 65536, so grey stays as it is. */
static uint8_t luma(const uint8_t *rgb) {
  return (uint8_t)((rgb[0] * 19595u + rgb[1] * 38470u + rgb[2] * 7471u + 32768u) >> 16);
}

uint8_t *mg_pixels_convert(size_t n, int from, int to, uint8_t *pixels) {
  const int colours = from >= 3 ? 3 : 1;
  if (from == to) return pixels;
  /* In place, for no pixel grows, but from grey to colour. */
  uint8_t *out = to > from ? malloc(n * (size_t)to) : pixels;
  if (!out) {
    free(pixels);
    return mg_fail_memory(n * (size_t)to);
  }
  for (size_t i = 0; i < n; i++) {
    uint8_t pixel[3];
    const uint8_t *in = pixels + i * (size_t)from;
    for (int k = 0; k < colours; k++) pixel[k] = from == colours ? in[k] : over_white(in[k], in[colours]);
    if (colours == 1) pixel[1] = pixel[2] = pixel[0];
    if (to == 1) pixel[0] = colours == 1 ? pixel[0] : luma(pixel);
    memcpy(out + i * (size_t)to, pixel, (size_t)to);
  }
  if (out != pixels) free(pixels);
  return out;
}

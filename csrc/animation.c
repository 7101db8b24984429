#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "animation.h"
#include "png_file.h"

/* A chunk is its length, a name of four letters, the data and a check sum of name and data. */
enum { LENGTH = 4, NAME = 4, CHECK = 4, AROUND = LENGTH + NAME + CHECK };

static const uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

static uint8_t *put16(uint8_t *at, uint32_t value) {
  *at++ = (uint8_t)(value >> 8);
  *at++ = (uint8_t)value;
  return at;
}

static uint8_t *put32(uint8_t *at, uint32_t value) { return put16(put16(at, value >> 16), value & 0xffff); }

static uint32_t get32(const uint8_t *at) {
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Begin a chunk; what follows it are its data. */
static uint8_t *begin_chunk(uint8_t *chunk, const char *name) {
  memcpy(chunk + LENGTH, name, NAME);
  return chunk + LENGTH + NAME;
}

/* End the chunk whose data end at `end`; returns what is behind it. */
static uint8_t *end_chunk(uint8_t *chunk, uint8_t *end) {
  put32(chunk, (uint32_t)(end - chunk - LENGTH - NAME));
  return put32(end, (uint32_t)crc32(0, chunk + LENGTH, (uInt)(end - chunk - LENGTH)));
}

void mg_animation_head(const mg_image *image, uint32_t frames, uint32_t plays, uint8_t head[MG_ANIMATION_HEAD]) {
  memcpy(head, signature, sizeof signature);
  uint8_t *chunk = head + sizeof signature, *at = begin_chunk(chunk, "IHDR");
  at = put32(put32(at, (uint32_t)image->w), (uint32_t)image->h);
  const uint8_t format[] = {8, image->c == 1 ? 0 : 2, 0, 0, 0}; /* bits, grey or colour, the only methods */
  memcpy(at, format, sizeof format);
  chunk = end_chunk(chunk, at + sizeof format);
  at = begin_chunk(chunk, "acTL");
  end_chunk(chunk, put32(put32(at, frames), plays));
}

/* The chunk that says how a frame is shown. */
static uint8_t *put_control(uint8_t *chunk, const mg_image *image, uint16_t milliseconds, uint32_t sequence) {
  uint8_t *at = put32(begin_chunk(chunk, "fcTL"), sequence);
  at = put32(put32(at, (uint32_t)image->w), (uint32_t)image->h);
  at = put32(put32(at, 0), 0); /* its place */
  at = put16(put16(at, milliseconds), 1000);
  *at++ = 0; /* the picture stays until the next */
  *at++ = 0; /* which replaces it */
  return end_chunk(chunk, at);
}

/* Repeat the image data of a PNG file of our own making as frame data: numbered, and named otherwise, except
 * those of the first frame. */
static uint8_t *put_data(uint8_t *chunk, const uint8_t *png, size_t size, bool first, uint32_t *sequence) {
  for (const uint8_t *from = png + sizeof signature; from < png + size; from += AROUND + get32(from)) {
    if (memcmp(from + LENGTH, "IDAT", NAME) != 0) continue;
    uint8_t *at = begin_chunk(chunk, first ? "IDAT" : "fdAT");
    if (!first) at = put32(at, (*sequence)++);
    memcpy(at, from + LENGTH + NAME, get32(from));
    chunk = end_chunk(chunk, at + get32(from));
  }
  return chunk;
}

/* An IDAT that becomes an fdAT grows by 4; libpng makes them of thousands of bytes, at least 12 each. */
static size_t room_for(size_t png) { return png + png / AROUND * 4 + 64; }

uint8_t *mg_animation_frame(const mg_image *image, uint16_t milliseconds, uint32_t *sequence, size_t *size) {
  size_t png_size;
  uint8_t *png = mg_png_encode(image, &png_size);
  if (!png) return NULL;
  uint8_t *bytes = malloc(room_for(png_size));
  if (bytes) {
    const bool first = *sequence == 0;
    uint8_t *end = put_control(bytes, image, milliseconds, (*sequence)++);
    end = put_data(end, png, png_size, first, sequence);
    *size = (size_t)(end - bytes);
  } else {
    mg_fail_memory(room_for(png_size));
  }
  free(png);
  return bytes;
}

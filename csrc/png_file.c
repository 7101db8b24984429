#include <limits.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "pixel.h"
#include "png_file.h"

/* libpng reports errors with longjmp.  Everything that a call may leave half done lives in a
 * struct of the caller's, outside the function that calls setjmp, and the caller frees it: so no
 * local variable is used after a jump. */

typedef struct failure {
  char message[128];
} failure;

static void on_error(png_structp png, png_const_charp message) {
  failure *f = png_get_error_ptr(png);
  size_t length = MG_MIN(strlen(message), sizeof f->message - 1);
  memcpy(f->message, message, length);
  f->message[length] = '\0';
  png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message) {
  (void)png;
  (void)message;
}

/* ---- decoding ------------------------------------------------------------------------------ */

typedef struct reader {
  failure failure;      /* first: libpng hands this address back */
  const uint8_t *bytes; /* what is left of the file */
  size_t left, size;
  png_structp png;
  png_infop info;
  int64_t h, w;
  int channels; /* of what libpng delivers: 1 to 4, the even ones with alpha */
  uint8_t *pixels;
  png_bytep *rows;
  bool no_memory; /* was what failed */
} reader;

static void read_bytes(png_structp png, png_bytep out, size_t size) {
  reader *r = png_get_io_ptr(png);
  if (size > r->left) png_error(png, "the file ends early");
  memcpy(out, r->bytes, size);
  r->bytes += size;
  r->left -= size;
}

/* Check the header against the limits, and against the least size that its data can have:
 * deflate shrinks at most 1032 times. */
static void check_header(reader *r) {
  r->w = png_get_image_width(r->png, r->info);
  r->h = png_get_image_height(r->png, r->info);
  if (r->w > MG_IMAGE_MAX_PIXELS / r->h) png_error(r->png, "more than 2^26 pixels");
  int64_t raw = r->h * (int64_t)png_get_rowbytes(r->png, r->info);
  if (raw / 1032 > (int64_t)r->size) png_error(r->png, "the file ends early: too short for its width and height");
}

/* Ask libpng for 8-bit grey, grey and alpha, RGB or RGBA, whichever loses nothing but depth. */
static void choose_format(reader *r) {
  png_set_expand(r->png); /* palettes to colour, few bits to 8, transparent colours to alpha */
  png_set_scale_16(r->png);
  png_set_interlace_handling(r->png);
  png_read_update_info(r->png, r->info);
  r->channels = png_get_channels(r->png, r->info);
  if (png_get_bit_depth(r->png, r->info) != 8 ||
      png_get_rowbytes(r->png, r->info) != (size_t)r->w * (size_t)r->channels) {
    png_error(r->png, "unexpected layout of rows");
  }
}

static bool run_reader(reader *r) {
  if (setjmp(png_jmpbuf(r->png))) return false;
  png_set_user_limits(r->png, MG_PNG_MAX_SIDE, MG_PNG_MAX_SIDE);
  /* Chunks that say nothing about pixels are skipped: libpng would first make, and clear, as much
   * memory as a chunk claims to be long. */
  png_set_keep_unknown_chunks(r->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
  png_set_read_fn(r->png, r, read_bytes);
  png_read_info(r->png, r->info);
  check_header(r);
  choose_format(r);
  size_t stride = (size_t)r->w * (size_t)r->channels;
  r->pixels = malloc((size_t)r->h * stride);
  r->rows = malloc((size_t)r->h * sizeof *r->rows);
  r->no_memory = !r->pixels || !r->rows;
  if (r->no_memory) png_error(r->png, "not enough memory");
  for (int64_t y = 0; y < r->h; y++) r->rows[y] = r->pixels + (size_t)y * stride;
  png_read_image(r->png, r->rows);
  png_read_end(r->png, NULL);
  return true;
}

/* From the 1 to 4 channels that libpng delivered to `channels`. */
static bool convert(reader *r, int channels, mg_image *image) {
  const int to = channels != 0 ? channels : r->channels >= 3 ? 3 : 1;
  uint8_t *pixels = mg_pixels_convert((size_t)r->h * (size_t)r->w, r->channels, to, r->pixels);
  r->pixels = NULL;
  *image = (mg_image){r->h, r->w, to, pixels};
  return pixels != NULL;
}

bool mg_png_decode(const char *name, const uint8_t *bytes, size_t size, int channels, mg_image *image) {
  reader r = {.bytes = bytes, .left = size, .size = size};
  if (size < 8 || png_sig_cmp(bytes, 0, 8) != 0) {
    mg_fail("%s: not a PNG file: its first 8 bytes are no PNG signature", name);
    return false;
  }
  r.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &r.failure, on_error, on_warning);
  r.info = r.png ? png_create_info_struct(r.png) : NULL;
  bool done = false;
  if (!r.info) {
    mg_fail_memory(sizeof r);
  } else if (!run_reader(&r)) {
    if (r.no_memory) mg_fail_memory((size_t)(r.h * r.w * r.channels));
    mg_fail("%s: expected a complete PNG file: %s", name, r.failure.message);
  } else {
    done = convert(&r, channels, image);
  }
  if (r.png) png_destroy_read_struct(&r.png, &r.info, NULL);
  free(r.rows);
  free(r.pixels);
  return done;
}

/* ---- encoding ------------------------------------------------------------------------------ */

typedef struct writer {
  failure failure; /* first: libpng hands this address back */
  const mg_image *image;
  png_structp png;
  png_infop info;
  uint8_t *bytes;
  size_t size, capacity;
} writer;

static void write_bytes(png_structp png, png_bytep data, size_t size) {
  writer *w = png_get_io_ptr(png);
  if (size > w->capacity - w->size) {
    size_t capacity = MG_MAX(2 * w->capacity, w->size + size + 4096);
    uint8_t *larger = realloc(w->bytes, capacity);
    if (!larger) png_error(png, "not enough memory for the file");
    w->bytes = larger;
    w->capacity = capacity;
  }
  memcpy(w->bytes + w->size, data, size);
  w->size += size;
}

static void flush_nothing(png_structp png) { (void)png; }

static bool run_writer(writer *w) {
  const mg_image *image = w->image;
  if (setjmp(png_jmpbuf(w->png))) return false;
  png_set_write_fn(w->png, w, write_bytes, flush_nothing);
  png_set_IHDR(w->png, w->info, (png_uint_32)image->w, (png_uint_32)image->h, 8,
               image->c == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(w->png, w->info);
  for (int64_t y = 0; y < image->h; y++) png_write_row(w->png, image->bytes + y * image->w * image->c);
  png_write_end(w->png, w->info);
  return true;
}

uint8_t *mg_png_encode(const mg_image *image, size_t *size) {
  if (image->h > MG_PNG_MAX_SIDE || image->w > MG_PNG_MAX_SIDE) {
    return mg_fail("expected a picture of at most %d x %d pixels, got %lld x %lld", MG_PNG_MAX_SIDE, MG_PNG_MAX_SIDE,
                   (long long)image->h, (long long)image->w);
  }
  writer w = {.image = image};
  w.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &w.failure, on_error, on_warning);
  w.info = w.png ? png_create_info_struct(w.png) : NULL;
  bool done = false;
  if (!w.info) {
    mg_fail_memory(sizeof w);
  } else if (!run_writer(&w)) {
    mg_fail("cannot encode the picture: %s", w.failure.message);
  } else {
    done = true;
  }
  if (w.png) png_destroy_write_struct(&w.png, &w.info);
  if (!done) free(w.bytes);
  *size = w.size;
  return done ? w.bytes : NULL;
}

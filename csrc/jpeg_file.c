/* Before base.h, whose visibility is ours alone. */
#ifdef __has_include
#if __has_include(<jpeglib.h>)
#define HAVE_HEADER 1
#include <stdio.h>

#include <jpeglib.h>

#include <dlfcn.h>
#include <jerror.h>
#include <pthread.h>
#include <setjmp.h>
#endif
#endif
#include "jpeg_file.h"
#include "pixel.h"

#ifndef HAVE_HEADER

bool mg_jpeg_available(void) { return false; }

bool mg_jpeg_decode(const char *name, const uint8_t *bytes, size_t size, int channels, mg_image *image) {
  (void)bytes, (void)size, (void)channels, (void)image;
  mg_fail("%s: a JPEG file, which this build cannot read: libjpeg-turbo's header was not there", name);
  return false;
}

#else

/* ---- the library ----------------------------------------------------------------------------- */

/* Its file is named after the version of its interface, which the header states. */
#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)
#if JPEG_LIB_VERSION == 62
#define INTERFACE "62"
#elif JPEG_LIB_VERSION == 70
#define INTERFACE "7"
#elif JPEG_LIB_VERSION == 80
#define INTERFACE "8"
#else
#define INTERFACE TEXT(JPEG_LIB_VERSION)
#endif

#ifdef __APPLE__
#define FILE_NAME "libjpeg." INTERFACE ".dylib"
/* Homebrew's folders are not searched unless asked for. */
static const char *const places[] = {"/opt/homebrew/lib/" FILE_NAME, "/usr/local/lib/" FILE_NAME, FILE_NAME};
#else
#define FILE_NAME "libjpeg.so." INTERFACE
static const char *const places[] = {FILE_NAME};
#endif

#define FUNCTIONS(X)                                                                                                   \
  X(std_error)                                                                                                         \
  X(CreateDecompress) X(read_header) X(start_decompress) X(read_scanlines) X(finish_decompress) X(destroy_decompress)

#define DECLARE(name) __typeof__(jpeg_##name) *name;
static struct {
  bool loaded;
  FUNCTIONS(DECLARE)
} library;

/* Data and function pointers are of one size wherever dlsym exists. */
#define FIND(name)                                                                                                     \
  address = dlsym(handle, "jpeg_" #name);                                                                              \
  if (!address) return false;                                                                                          \
  memcpy(&library.name, &address, sizeof address);

static bool find_functions(void *handle) {
  void *address;
  FUNCTIONS(FIND)
  return true;
}

static void load_library(void) {
  for (size_t i = 0; i < sizeof places / sizeof places[0] && !library.loaded; i++) {
    void *handle = dlopen(places[i], RTLD_NOW | RTLD_LOCAL);
    library.loaded = handle && find_functions(handle);
  }
}

bool mg_jpeg_available(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, load_library);
  return library.loaded;
}

/* ---- decoding ---------------------------------------------------------------------------------- */

/* libjpeg reports errors through a function that must not return.  Everything that a call may leave
 * half done lives in a struct of the caller's, outside the function that calls setjmp, and the
 * caller frees it: so no local variable is used after a jump. */
typedef struct reader {
  struct jpeg_decompress_struct jpeg;
  struct jpeg_error_mgr errors;
  struct jpeg_source_mgr source;
  struct jpeg_progress_mgr progress;
  jmp_buf failed;
  char message[JMSG_LENGTH_MAX];
  bool no_memory; /* was what failed */
  uint8_t *pixels;
  int64_t h, w;
  int channels; /* of what libjpeg delivers: 1 or 3 */
} reader;

static _Noreturn void fail(reader *r, const char *message) {
  snprintf(r->message, sizeof r->message, "%s", message);
  longjmp(r->failed, 1);
}

static _Noreturn void on_error(j_common_ptr jpeg) {
  reader *r = jpeg->client_data;
  r->errors.format_message(jpeg, r->message);
  r->no_memory = jpeg->err->msg_code == JERR_OUT_OF_MEMORY;
  longjmp(r->failed, 1);
}

/* libjpeg warns where data are damaged and goes on with pixels of its own invention; but it also
 * warns about oddities that cost nothing, which cameras write. */
static void on_message(j_common_ptr jpeg, int level) {
  switch (level < 0 ? jpeg->err->msg_code : 0) {
  case JWRN_ARITH_BAD_CODE:
  case JWRN_HIT_MARKER:
  case JWRN_HUFF_BAD_CODE:
  case JWRN_JPEG_EOF:
  case JWRN_MUST_RESYNC:
    on_error(jpeg);
  default:
    break;
  }
}

static void on_progress(j_common_ptr common) {
  reader *r = common->client_data;
  if (r->jpeg.input_scan_number > MG_JPEG_MAX_SCANS) fail(r, "more than " TEXT(MG_JPEG_MAX_SCANS) " scans");
}

static void start_source(j_decompress_ptr jpeg) { (void)jpeg; }

static boolean fill_buffer(j_decompress_ptr jpeg) { fail(jpeg->client_data, "the file ends early"); }

static void skip_bytes(j_decompress_ptr jpeg, long count) {
  if (count <= 0) return;
  if ((unsigned long)count > jpeg->src->bytes_in_buffer) fill_buffer(jpeg);
  jpeg->src->next_input_byte += count;
  jpeg->src->bytes_in_buffer -= (size_t)count;
}

static boolean resync(j_decompress_ptr jpeg, int desired) {
  (void)desired;
  fail(jpeg->client_data, "damaged data: a restart marker is missing");
}

static void choose_format(reader *r) {
  r->h = r->jpeg.image_height;
  r->w = r->jpeg.image_width;
  if (r->w > MG_IMAGE_MAX_PIXELS / r->h) fail(r, "more than 2^26 pixels");
  switch (r->jpeg.jpeg_color_space) {
  case JCS_GRAYSCALE:
    r->channels = 1;
    r->jpeg.out_color_space = JCS_GRAYSCALE;
    return;
  case JCS_YCbCr:
  case JCS_RGB:
    r->channels = 3;
    r->jpeg.out_color_space = JCS_RGB;
    return;
  case JCS_CMYK:
  case JCS_YCCK:
    fail(r, "expected grey or colour, the picture is CMYK (made for print)");
  default:
    fail(r, "expected grey or colour, the picture has a colour space of its own");
  }
}

static bool run_reader(reader *r) {
  if (setjmp(r->failed)) return false;
  library.CreateDecompress(&r->jpeg, JPEG_LIB_VERSION, sizeof r->jpeg);
  r->jpeg.src = &r->source;
  r->jpeg.progress = &r->progress;
  library.read_header(&r->jpeg, TRUE);
  choose_format(r);
  library.start_decompress(&r->jpeg);
  if (r->jpeg.output_components != r->channels) fail(r, "unexpected layout of pixels");
  const size_t stride = (size_t)r->w * (size_t)r->channels;
  r->pixels = malloc((size_t)r->h * stride);
  r->no_memory = !r->pixels;
  if (!r->pixels) fail(r, "not enough memory");
  while (r->jpeg.output_scanline < r->jpeg.output_height) {
    JSAMPROW row = r->pixels + r->jpeg.output_scanline * stride;
    library.read_scanlines(&r->jpeg, &row, 1);
  }
  library.finish_decompress(&r->jpeg);
  return true;
}

static void prepare(reader *r, const uint8_t *bytes, size_t size) {
  memset(r, 0, sizeof *r);
  r->jpeg.err = library.std_error(&r->errors);
  r->jpeg.client_data = r;
  r->errors.error_exit = on_error;
  r->errors.emit_message = on_message;
  r->progress.progress_monitor = on_progress;
  r->source = (struct jpeg_source_mgr){.next_input_byte = bytes,
                                       .bytes_in_buffer = size,
                                       .init_source = start_source,
                                       .fill_input_buffer = fill_buffer,
                                       .skip_input_data = skip_bytes,
                                       .resync_to_restart = resync,
                                       .term_source = start_source};
}

bool mg_jpeg_decode(const char *name, const uint8_t *bytes, size_t size, int channels, mg_image *image) {
  if (!mg_jpeg_available()) {
    mg_fail("%s: a JPEG file, which needs libjpeg-turbo: %s cannot be loaded", name, FILE_NAME);
    return false;
  }
  reader r;
  prepare(&r, bytes, size);
  const bool done = run_reader(&r);
  library.destroy_decompress(&r.jpeg);
  if (!done) {
    if (r.no_memory) mg_fail_memory((size_t)(r.h * r.w * r.channels));
    mg_fail("%s: expected a complete JPEG file: %s", name, r.message);
    free(r.pixels);
    return false;
  }
  const int to = channels ? channels : r.channels;
  uint8_t *pixels = mg_pixels_convert((size_t)r.h * (size_t)r.w, r.channels, to, r.pixels);
  *image = (mg_image){r.h, r.w, to, pixels};
  return pixels != NULL;
}

#endif

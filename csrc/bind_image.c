/* core.image: pictures from PNG and JPEG, and to PNG.  lua/moongan/image.lua checks options and shapes and calls
 * these with every argument given. */
#include <math.h>
#include <stdlib.h>

#include "animation.h"
#include "bind.h"

#include "file.h"
#include "image_file.h"
#include "png_file.h"

/* The numbers that black and white stand for. */
typedef struct range {
  double low, high;
} range;

static range check_range(lua_State *L, int index, const char *function) {
  return (range){mgl_check_number(L, index, function, "low"), mgl_check_number(L, index + 1, function, "high")};
}

/* ---- reading ------------------------------------------------------------------------------- */

/* The tensor of a picture, which is freed. */
static mg_tensor *to_tensor(mg_image *image, range r) {
  mg_tensor *t = mg_image_to_tensor(image, r.low, r.high);
  free(image->bytes);
  return t;
}

/* image.load(path, channels, low, high) -> tensor (H, W, C); channels 0: as stored */
static int image_load(lua_State *L) {
  static const char *const name = "mg.image.load";
  const char *path = mgl_check_string(L, 1, name, "path");
  const int channels = (int)mgl_check_integer(L, 2, name, "channels", 0, 3);
  const range r = check_range(L, 3, name);
  const size_t mark = mg_pool_mark();
  mg_image image;
  mg_tensor *t = mg_image_read(path, channels, &image) ? to_tensor(&image, r) : NULL;
  if (!t) mg_fail_prefix("%s: ", name);
  return mgl_return_tensor(L, mark, t);
}

/* image.decode(bytes, channels, low, high) -> tensor (H, W, C) */
static int image_decode(lua_State *L) {
  static const char *const name = "mg.image.decode";
  mgl_check_string(L, 1, name, "bytes");
  const int channels = (int)mgl_check_integer(L, 2, name, "channels", 0, 3);
  const range r = check_range(L, 3, name);
  const size_t mark = mg_pool_mark();
  size_t size;
  const char *bytes = lua_tolstring(L, 1, &size);
  mg_image image;
  const bool done = mg_image_decode("bytes", (const uint8_t *)bytes, size, channels, &image);
  mg_tensor *t = done ? to_tensor(&image, r) : NULL;
  if (!t) mg_fail_prefix("%s: ", name);
  return mgl_return_tensor(L, mark, t);
}

/* ---- writing ------------------------------------------------------------------------------- */

static uint8_t *encode(const mg_tensor *t, range r, size_t *size) {
  mg_image image;
  if (!mg_image_from_tensor(t, r.low, r.high, &image)) return NULL;
  uint8_t *bytes = mg_png_encode(&image, size);
  free(image.bytes);
  return bytes;
}

/* image.save(path, tensor, low, high) */
static int image_save(lua_State *L) {
  static const char *const name = "mg.image.save";
  const char *path = mgl_check_string(L, 1, name, "path");
  const mg_tensor *t = mgl_check_tensor(L, 2, name, "tensor");
  const range r = check_range(L, 3, name);
  const size_t mark = mg_pool_mark();
  size_t size;
  uint8_t *bytes = encode(t, r, &size);
  const bool done = bytes && mg_file_write(path, bytes, size);
  free(bytes);
  if (!done) mg_fail_prefix("%s: ", name);
  mgl_check(L, mark);
  return 0;
}

/* image.encode(tensor, low, high) -> the PNG file as a string */
static int image_encode(lua_State *L) {
  static const char *const name = "mg.image.encode";
  const mg_tensor *t = mgl_check_tensor(L, 1, name, "tensor");
  const range r = check_range(L, 2, name);
  const size_t mark = mg_pool_mark();
  size_t size;
  uint8_t *bytes = encode(t, r, &size);
  if (!bytes) mg_fail_prefix("%s: ", name);
  mgl_check(L, mark);
  return mgl_return_block(L, bytes, size);
}

/* image.animation_head(height, width, channels, frames, plays) -> how an animation begins */
static int image_animation_head(lua_State *L) {
  static const char *const name = "mg.image.save_animation";
  const mg_image image = {.h = mgl_check_integer(L, 1, name, "height", 1, MG_PNG_MAX_SIDE),
                          .w = mgl_check_integer(L, 2, name, "width", 1, MG_PNG_MAX_SIDE),
                          .c = mgl_check_integer(L, 3, name, "channels", 1, 3)};
  const uint32_t frames = (uint32_t)mgl_check_integer(L, 4, name, "frames", 1, INT32_MAX);
  const uint32_t plays = (uint32_t)mgl_check_integer(L, 5, name, "plays", 0, INT32_MAX);
  uint8_t head[MG_ANIMATION_HEAD];
  mg_animation_head(&image, frames, plays, head);
  lua_pushlstring(L, (const char *)head, sizeof head);
  return 1;
}

/* image.animation_frame(tensor, low, high, milliseconds, sequence) -> its bytes, the next sequence number */
static int image_animation_frame(lua_State *L) {
  static const char *const name = "mg.image.save_animation";
  const mg_tensor *t = mgl_check_tensor(L, 1, name, "tensor");
  const range r = check_range(L, 2, name);
  const uint16_t delay = (uint16_t)mgl_check_integer(L, 4, name, "milliseconds", 0, UINT16_MAX);
  uint32_t sequence = (uint32_t)mgl_check_integer(L, 5, name, "sequence", 0, INT32_MAX);
  const size_t mark = mg_pool_mark();
  size_t size = 0;
  mg_image image;
  uint8_t *bytes = NULL;
  if (mg_image_from_tensor(t, r.low, r.high, &image)) {
    bytes = mg_animation_frame(&image, delay, &sequence, &size);
    free(image.bytes);
  }
  if (!bytes) mg_fail_prefix("%s: ", name);
  mgl_check(L, mark);
  mgl_return_block(L, bytes, size);
  lua_pushinteger(L, sequence);
  return 2;
}

/* image.to_bytes(tensor, low, high) -> its pixels as a string, in the tensor's order */
static int image_to_bytes(lua_State *L) {
  static const char *const name = "mg.image.to_bytes";
  const mg_tensor *t = mgl_check_tensor(L, 1, name, "tensor");
  const range r = check_range(L, 2, name);
  luaL_Buffer buffer;
  char *bytes = luaL_buffinitsize(L, &buffer, (size_t)t->numel);
  mg_real_to_bytes(t->numel, t->data, (uint8_t *)bytes, r.low, r.high);
  luaL_pushresultsize(&buffer, (size_t)t->numel);
  return 1;
}

/* image.grid(tensor, columns, padding, scale, background) -> tensor (H, W, C) */
static int image_grid(lua_State *L) {
  static const char *const name = "mg.image.grid";
  const mg_tensor *t = mgl_check_tensor(L, 1, name, "tensor");
  const mg_grid_options options = {
      .columns = mgl_check_integer(L, 2, name, "columns", 1, INT32_MAX),
      .padding = mgl_check_integer(L, 3, name, "padding", 0, INT32_MAX),
      .scale = mgl_check_integer(L, 4, name, "scale", 1, INT32_MAX),
      .background = mgl_check_number(L, 5, name, "background"),
  };
  const size_t mark = mg_pool_mark();
  mg_tensor *grid = mg_image_grid(t, &options);
  if (!grid) mg_fail_prefix("%s: ", name);
  return mgl_return_tensor(L, mark, grid);
}

void mgl_open_image(lua_State *L) {
  static const luaL_Reg functions[] = {{"load", image_load},
                                       {"decode", image_decode},
                                       {"save", image_save},
                                       {"encode", image_encode},
                                       {"to_bytes", image_to_bytes},
                                       {"grid", image_grid},
                                       {"animation_head", image_animation_head},
                                       {"animation_frame", image_animation_frame},
                                       {NULL, NULL}};
  luaL_newlib(L, functions);
  lua_setfield(L, -2, "image");
}

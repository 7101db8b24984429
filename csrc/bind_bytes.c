/* core.bytes: tensors from the numbers in a file, and check sums, for the Lua modules that know formats. */
#include "bind.h"
#include "crc32c.h"
#include "element.h"

static FILE *check_file(lua_State *L, const char *function) {
  const luaL_Stream *stream = luaL_testudata(L, 1, LUA_FILEHANDLE);
  if (!stream) mgl_bad_argument(L, function, 1, "file", "a file that is open");
  if (!stream->closef) luaL_error(L, "%s: argument 1 (file): expected a file that is open, got a closed one", function);
  return stream->f;
}

/* bytes.size(type) -> bytes of an element, nil for a type that is not known */
static int bytes_size(lua_State *L) {
  const mg_element *type = mg_element_find(mgl_check_string(L, 1, "bytes.size", "type"));
  if (!type) return lua_pushnil(L), 1;
  lua_pushinteger(L, (lua_Integer)type->size);
  return 1;
}

/* bytes.read(file, type, shape, big_endian) -> a tensor of that shape from the elements where the file (of
 * io.open) stands */
static int bytes_read(lua_State *L) {
  static const char *const name = "bytes.read";
  FILE *file = check_file(L, name);
  const mg_element *type = mg_element_find(mgl_check_string(L, 2, name, "type"));
  if (!type) return mgl_bad_argument(L, name, 2, "type", "a type of elements");
  const bool big_endian = mgl_check_boolean(L, 4, name, "big_endian");
  int64_t shape[MG_MAX_DIM];
  lua_settop(L, 3);
  const int ndim = mgl_check_shape(L, 3, name, shape);
  const size_t mark = mg_pool_mark();
  const long start = ftell(file);
  mg_tensor *t = mg_element_read(file, type, big_endian, ndim, shape);
  if (!t && mgl_retry(L, mark) && fseek(file, start, SEEK_SET) == 0)
    t = mg_element_read(file, type, big_endian, ndim, shape);
  return mgl_return_tensor(L, mark, t);
}

/* bytes.crc32c(string) -> its check sum */
static int bytes_crc32c(lua_State *L) {
  mgl_check_string(L, 1, "bytes.crc32c", "bytes");
  size_t size;
  const char *bytes = lua_tolstring(L, 1, &size);
  lua_pushinteger(L, mg_crc32c(bytes, size));
  return 1;
}

void mgl_open_bytes(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"size", bytes_size}, {"read", bytes_read}, {"crc32c", bytes_crc32c}, {NULL, NULL}};
  luaL_newlib(L, functions);
  lua_setfield(L, -2, "bytes");
}

/* Argument checks, and the errors they raise. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bind.h"

void mgl_check(lua_State *L, size_t mark) {
  mg_pool_drain(mark);
  if (!mg_error()) return;
  luaL_where(L, 1);
  lua_pushstring(L, mg_error());
  lua_concat(L, 2);
  mg_clear_error();
  lua_error(L);
}

const char *mgl_describe(lua_State *L, int index) {
  const mg_tensor *t = mgl_test_tensor(L, index);
  if (t) return lua_pushfstring(L, "tensor %s", mg_tensor_text(t));
  switch (lua_type(L, index)) {
  case LUA_TNONE:
    return "nothing";
  case LUA_TNUMBER:
    lua_pushvalue(L, index);
    return lua_pushfstring(L, "number %s", lua_tostring(L, -1));
  case LUA_TSTRING: {
    const char *text = lua_tostring(L, index);
    return strlen(text) > 60 ? "a long string" : lua_pushfstring(L, "string \"%s\"", text);
  }
  case LUA_TBOOLEAN:
    return lua_toboolean(L, index) ? "true" : "false";
  case LUA_TUSERDATA:
    if (luaL_getmetafield(L, index, "__name") == LUA_TSTRING) return lua_tostring(L, -1);
    return "userdata";
  default:
    return luaL_typename(L, index);
  }
}

int mgl_bad_argument(lua_State *L, const char *function, int index, const char *name, const char *expected) {
  const char *got = mgl_describe(L, index);
  return luaL_error(L, "%s: argument %d (%s): expected %s, got %s", function, index, name, expected, got);
}

lua_Number mgl_check_number(lua_State *L, int index, const char *function, const char *name) {
  if (lua_type(L, index) != LUA_TNUMBER) mgl_bad_argument(L, function, index, name, "a number");
  return lua_tonumber(L, index);
}

lua_Integer mgl_check_integer(lua_State *L, int index, const char *function, const char *name, lua_Integer min,
                              lua_Integer max) {
  int whole = 0;
  lua_Integer value = lua_type(L, index) == LUA_TNUMBER ? lua_tointegerx(L, index, &whole) : 0;
  if (!whole || value < min || value > max) {
    const char *range = "a whole number";
    if (min != LUA_MININTEGER && max != LUA_MAXINTEGER)
      range = lua_pushfstring(L, "a whole number from %I to %I", (LUAI_UACINT)min, (LUAI_UACINT)max);
    else if (min != LUA_MININTEGER)
      range = lua_pushfstring(L, "a whole number of at least %I", (LUAI_UACINT)min);
    mgl_bad_argument(L, function, index, name, range);
  }
  return value;
}

bool mgl_check_boolean(lua_State *L, int index, const char *function, const char *name) {
  if (!lua_isboolean(L, index)) mgl_bad_argument(L, function, index, name, "true or false");
  return lua_toboolean(L, index);
}

const char *mgl_check_string(lua_State *L, int index, const char *function, const char *name) {
  if (lua_type(L, index) != LUA_TSTRING) mgl_bad_argument(L, function, index, name, "a string");
  return lua_tostring(L, index);
}

int mgl_check_dim(lua_State *L, int index, const char *function, const char *name, int ndim) {
  int whole = 0;
  lua_Integer dim = lua_type(L, index) == LUA_TNUMBER ? lua_tointegerx(L, index, &whole) : 0;
  if (dim < 0) dim += ndim + 1;
  if (!whole || dim < 1 || dim > ndim)
    mgl_bad_argument(L, function, index, name,
                     ndim ? lua_pushfstring(L, "a dimension from 1 to %d, or from -1 to -%d", ndim, ndim)
                          : "a tensor with at least one dimension");
  return (int)dim - 1;
}

int mgl_check_shape(lua_State *L, int index, const char *function, int64_t *shape) {
  bool table = lua_istable(L, index);
  if (table && !lua_isnoneornil(L, index + 1))
    mgl_bad_argument(L, function, index + 1, "shape", "nothing after a table of sizes");
  lua_Integer n = table ? (lua_Integer)lua_rawlen(L, index) : lua_gettop(L) - index + 1;
  if (n > MG_MAX_DIM)
    luaL_error(L, "%s: argument %d (shape): expected at most %d sizes, got %d", function, index, MG_MAX_DIM, (int)n);
  for (int i = 0; i < n; i++) {
    int whole = 0, at = index + i;
    if (table) {
      lua_rawgeti(L, index, i + 1);
      at = lua_gettop(L);
    }
    shape[i] = lua_type(L, at) == LUA_TNUMBER ? lua_tointegerx(L, at, &whole) : 0;
    if (!whole) {
      const char *got = mgl_describe(L, at);
      luaL_error(L, "%s: argument %d (shape): expected whole numbers, got %s", function, table ? index : at, got);
    }
    if (table) lua_pop(L, 1);
  }
  return (int)MG_MAX(n, 0);
}

/* ---- blocks of bytes ----------------------------------------------------------------------- */

typedef struct block {
  void *bytes;
  size_t size;
} block;

static int push_block(lua_State *L) {
  const block *b = lua_touserdata(L, 1);
  lua_pushlstring(L, b->bytes, b->size);
  return 1;
}

int mgl_return_block(lua_State *L, void *bytes, size_t size) {
  block b = {bytes, size};
  lua_pushcfunction(L, push_block);
  lua_pushlightuserdata(L, &b);
  int status = lua_pcall(L, 1, 1, 0);
  free(bytes);
  return status == LUA_OK ? 1 : lua_error(L);
}

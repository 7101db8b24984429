/* Making tensors: from Lua tables, constants and ranges. */
#include <math.h>
#include <string.h>

#include "bind.h"

/* ---- from nested tables -------------------------------------------------------------------- */

/* The sizes found by following first elements down from the value at the top of the stack. */
static int nested_shape(lua_State *L, int64_t *shape) {
  int ndim = 0, top = lua_gettop(L);
  lua_pushvalue(L, top);
  while (lua_istable(L, -1)) {
    if (ndim == MG_MAX_DIM) luaL_error(L, "tensor: expected at most %d levels of tables", MG_MAX_DIM);
    shape[ndim++] = (int64_t)lua_rawlen(L, -1);
    lua_rawgeti(L, -1, 1);
    lua_remove(L, -2);
    if (lua_isnil(L, -1)) break;
  }
  lua_settop(L, top);
  return ndim;
}

/* Copy the value at the top of the stack, which must be of the shape from `dim` on. */
static void read_nested(lua_State *L, const mg_tensor *t, int dim, real **next) {
  if (dim == t->ndim) {
    if (lua_type(L, -1) != LUA_TNUMBER)
      luaL_error(L, "tensor: expected numbers %d tables deep, got %s", t->ndim, mgl_describe(L, -1));
    *(*next)++ = (real)lua_tonumber(L, -1);
    return;
  }
  if (!lua_istable(L, -1))
    luaL_error(L, "tensor: expected tables of one size at every level, got %s beside a table", mgl_describe(L, -1));
  int64_t n = (int64_t)lua_rawlen(L, -1);
  if (n != t->shape[dim])
    luaL_error(L, "tensor: expected tables of one size at every level, got one of %d beside one of %d", (int)n,
               (int)t->shape[dim]);
  for (int64_t i = 1; i <= n; i++) {
    lua_rawgeti(L, -1, i);
    read_nested(L, t, dim + 1, next);
    lua_pop(L, 1);
  }
}

/* mg.tensor(number or nested table [, { requires_grad = false }]) */
static int create_tensor(lua_State *L) {
  static const char *const keys[] = {"requires_grad", NULL};
  mgl_check_keys(L, 2, "tensor", keys);
  bool requires_grad = lua_istable(L, 2) && lua_getfield(L, 2, "requires_grad") != LUA_TNIL && lua_toboolean(L, -1);
  lua_settop(L, 1);
  if (lua_type(L, 1) != LUA_TNUMBER && !lua_istable(L, 1))
    return mgl_bad_argument(L, "tensor", 1, "value", "a number or a table of numbers");
  int64_t shape[MG_MAX_DIM];
  int ndim = nested_shape(L, shape);
  size_t mark = mg_pool_mark();
  mgl_return_tensor(L, mark, mg_tensor_new(ndim, shape)); /* anchored: what follows may raise */
  mg_tensor *t = mgl_test_tensor(L, -1);
  t->requires_grad = requires_grad;
  lua_insert(L, 1);
  real *next = t->data;
  luaL_checkstack(L, MG_MAX_DIM + 4, "tensor");
  read_nested(L, t, 0, &next);
  lua_settop(L, 1);
  return 1;
}

/* ---- constants ----------------------------------------------------------------------------- */

static int constant(lua_State *L, int ndim, const int64_t *shape, double value, const char *function) {
  size_t mark = mg_pool_mark();
  mg_tensor *t = mg_tensor_full(ndim, shape, value);
  if (!t && mgl_retry(L, mark)) t = mg_tensor_full(ndim, shape, value);
  if (!t) mg_fail_prefix("%s: ", function);
  return mgl_return_tensor(L, mark, t);
}

static int create_zeros(lua_State *L) {
  int64_t shape[MG_MAX_DIM];
  return constant(L, mgl_check_shape(L, 1, "zeros", shape), shape, 0, "zeros");
}

static int create_ones(lua_State *L) {
  int64_t shape[MG_MAX_DIM];
  return constant(L, mgl_check_shape(L, 1, "ones", shape), shape, 1, "ones");
}

/* mg.full(table of sizes, value) */
static int create_full(lua_State *L) {
  int64_t shape[MG_MAX_DIM];
  double value = mgl_check_number(L, 2, "full", "value");
  lua_settop(L, 1);
  if (!lua_istable(L, 1)) return mgl_bad_argument(L, "full", 1, "shape", "a table of sizes");
  return constant(L, mgl_check_shape(L, 1, "full", shape), shape, value, "full");
}

static int like(lua_State *L, const char *function, double value) {
  const mg_tensor *t = mgl_check_tensor(L, 1, function, "like");
  return constant(L, t->ndim, t->shape, value, function);
}

static int create_zeros_like(lua_State *L) { return like(L, "zeros_like", 0); }
static int create_ones_like(lua_State *L) { return like(L, "ones_like", 1); }
static int create_full_like(lua_State *L) { return like(L, "full_like", mgl_check_number(L, 2, "full_like", "value")); }

/* mg.eye(n [, m]): ones on the diagonal of an n x m matrix */
static int create_eye(lua_State *L) {
  int64_t n = mgl_check_integer(L, 1, "eye", "n", 0, LUA_MAXINTEGER);
  int64_t m = lua_isnoneornil(L, 2) ? n : mgl_check_integer(L, 2, "eye", "m", 0, LUA_MAXINTEGER);
  constant(L, 2, (int64_t[]){n, m}, 0, "eye");
  const mg_tensor *t = mgl_test_tensor(L, -1);
  for (int64_t i = 0; i < MG_MIN(n, m); i++) t->data[i * m + i] = 1;
  return 1;
}

/* ---- ranges -------------------------------------------------------------------------------- */

static int range(lua_State *L, const char *function, int64_t n, double start, double step) {
  constant(L, 1, &n, 0, function);
  const mg_tensor *t = mgl_test_tensor(L, -1);
  for (int64_t i = 0; i < n; i++) t->data[i] = (real)(start + (double)i * step);
  return 1;
}

/* mg.arange(n): 0, 1, ... n - 1; mg.arange(start, stop [, step]): from start on, stop excluded */
static int create_arange(lua_State *L) {
  double start = 0, stop = mgl_check_number(L, 1, "arange", "stop"), step = 1;
  if (!lua_isnoneornil(L, 2)) {
    start = stop;
    stop = mgl_check_number(L, 2, "arange", "stop");
  }
  if (!lua_isnoneornil(L, 3)) step = mgl_check_number(L, 3, "arange", "step");
  if (step == 0 || step != step) return mgl_bad_argument(L, "arange", 3, "step", "a number other than 0");
  double count = ceil((stop - start) / step);
  if (!(count < 1e12)) return luaL_error(L, "arange: expected a finite range, got %f to %f by %f", start, stop, step);
  return range(L, "arange", (int64_t)MG_MAX(count, 0), start, step);
}

/* mg.linspace(start, stop, n): n numbers at equal distances, both ends included */
static int create_linspace(lua_State *L) {
  double start = mgl_check_number(L, 1, "linspace", "start"), stop = mgl_check_number(L, 2, "linspace", "stop");
  int64_t n = mgl_check_integer(L, 3, "linspace", "n", 1, (lua_Integer)1 << 40);
  range(L, "linspace", n, start, n > 1 ? (stop - start) / (double)(n - 1) : 0);
  if (n > 1) mgl_test_tensor(L, -1)->data[n - 1] = (real)stop;
  return 1;
}

void mgl_open_create(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"tensor", create_tensor},
      {"zeros", create_zeros},
      {"ones", create_ones},
      {"full", create_full},
      {"zeros_like", create_zeros_like},
      {"ones_like", create_ones_like},
      {"full_like", create_full_like},
      {"eye", create_eye},
      {"arange", create_arange},
      {"linspace", create_linspace},
      {NULL, NULL},
  };
  luaL_setfuncs(L, functions, 0);
}

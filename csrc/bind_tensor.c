/* The userdata moongan.Tensor: boxes, the collector's share of tensor memory, fields. */
#include <stdlib.h>
#include <string.h>

#include "bind.h"
#include "bind_tensor.h"
#include "print.h"

typedef struct box {
  mg_tensor *tensor; /* NULL once freed */
} box;

/* ---- memory: Lua sees 8 bytes where the core holds megabytes -------------------------------- */

#define STEP_BYTES ((size_t)256 << 10) /* boxed since the last step of the collector, at least */
#define STEP_SHARE 8                   /* and such a part of what is live */
#define FULL_BYTES ((size_t)64 << 20)  /* live below this never forces a full collection */

static _Thread_local size_t boxed_bytes, full_above = FULL_BYTES;

static void full_collection(lua_State *L) {
  lua_gc(L, LUA_GCCOLLECT);
  full_above = MG_MAX(FULL_BYTES, mg_memory()->live_bytes / 2 * 3);
}

void mgl_charge(lua_State *L, size_t bytes) {
  boxed_bytes += bytes;
  if (boxed_bytes < MG_MAX(STEP_BYTES, mg_memory()->live_bytes / STEP_SHARE)) return;
  size_t kilobytes = boxed_bytes >> 10;
  boxed_bytes = 0;
  if (!lua_gc(L, LUA_GCISRUNNING)) return;
  if (mg_memory()->live_bytes > full_above)
    full_collection(L);
  else
    lua_gc(L, LUA_GCSTEP, (int)MG_MIN(kilobytes, (size_t)1 << 20));
}

/* ---- boxes --------------------------------------------------------------------------------- */

static box *new_box(lua_State *L) {
  box *b = lua_newuserdatauv(L, sizeof *b, 0);
  b->tensor = NULL;
  luaL_setmetatable(L, MG_TENSOR);
  return b;
}

void mgl_push_held_tensor(lua_State *L, mg_tensor *t) {
  box *b = new_box(L);
  b->tensor = mg_retain(t);
}

void mgl_push_tensor(lua_State *L, mg_tensor *t) {
  mgl_push_held_tensor(L, t);
  mgl_charge(L, (size_t)t->numel * sizeof(real));
}

bool mgl_retry(lua_State *L, size_t mark) {
  if (!mg_error_is_memory()) return false;
  size_t before = mg_memory()->live_bytes;
  mg_pool_drain(mark);
  full_collection(L);
  if (mg_memory()->live_bytes >= before) return false;
  mg_clear_error();
  return true;
}

int mgl_return_tensor(lua_State *L, size_t mark, mg_tensor *t) {
  if (!t) {
    if (!mg_error()) mg_fail("internal error: an operation gave neither a result nor a reason");
    mgl_check(L, mark);
  }
  box *b = new_box(L);
  b->tensor = mg_retain(t);
  mg_pool_drain(mark);
  mgl_charge(L, (size_t)t->numel * sizeof(real));
  return 1;
}

mg_tensor *mgl_test_tensor(lua_State *L, int index) {
  const box *b = luaL_testudata(L, index, MG_TENSOR);
  return b ? b->tensor : NULL;
}

mg_tensor *mgl_check_tensor(lua_State *L, int index, const char *function, const char *name) {
  const box *b = luaL_testudata(L, index, MG_TENSOR);
  if (!b) mgl_bad_argument(L, function, index, name, "a tensor");
  if (!b->tensor)
    luaL_error(L, "%s: argument %d (%s): expected a tensor, got one that was freed", function, index, name);
  return b->tensor;
}

int mgl_check_tensors(lua_State *L, int index, const char *function, const char *name, mg_tensor **out, int max) {
  if (!lua_istable(L, index)) mgl_bad_argument(L, function, index, name, "a list of tensors");
  lua_Integer n = (lua_Integer)lua_rawlen(L, index);
  if (n > max)
    luaL_error(L, "%s: argument %d (%s): expected at most %d tensors, got %d", function, index, name, max, (int)n);
  for (int i = 0; i < n; i++) {
    lua_rawgeti(L, index, i + 1);
    out[i] = mgl_test_tensor(L, -1);
    if (!out[i]) {
      const char *got = luaL_testudata(L, -1, MG_TENSOR) ? "one that was freed" : mgl_describe(L, -1);
      luaL_error(L, "%s: argument %d (%s): expected tensors, got %s at place %d", function, index, name, got, i + 1);
    }
    lua_pop(L, 1);
  }
  return (int)n;
}

static int tensor_free(lua_State *L) {
  box *b = luaL_checkudata(L, 1, MG_TENSOR);
  mg_tensor *t = b->tensor;
  b->tensor = NULL;
  mg_release(t);
  return 0;
}

/* ---- questions ----------------------------------------------------------------------------- */

static int tensor_tostring(lua_State *L) {
  const mg_tensor *t = mgl_test_tensor(L, 1);
  if (!t) return lua_pushliteral(L, "tensor (freed)"), 1;
  char *text = mg_tensor_print(t);
  if (!text) return luaL_error(L, "tostring: not enough memory");
  lua_pushstring(L, text);
  free(text);
  return 1;
}

static int tensor_shape(lua_State *L) {
  const mg_tensor *t = mgl_check_tensor(L, 1, "shape", "self");
  lua_createtable(L, t->ndim, 0);
  for (int i = 0; i < t->ndim; i++) {
    lua_pushinteger(L, t->shape[i]);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

static int tensor_size(lua_State *L) {
  const mg_tensor *t = mgl_check_tensor(L, 1, "size", "self");
  if (lua_isnoneornil(L, 2)) return tensor_shape(L);
  int dim = mgl_check_dim(L, 2, "size", "dim", t->ndim);
  lua_pushinteger(L, t->shape[dim]);
  return 1;
}

static int tensor_dim(lua_State *L) { return lua_pushinteger(L, mgl_check_tensor(L, 1, "dim", "self")->ndim), 1; }

static int tensor_numel(lua_State *L) { return lua_pushinteger(L, mgl_check_tensor(L, 1, "numel", "self")->numel), 1; }

static int tensor_len(lua_State *L) {
  const mg_tensor *t = mgl_check_tensor(L, 1, "#", "self");
  lua_pushinteger(L, t->ndim ? t->shape[0] : 0);
  return 1;
}

static int tensor_item(lua_State *L) {
  const mg_tensor *t = mgl_check_tensor(L, 1, "item", "self");
  if (t->numel != 1) return luaL_error(L, "item: expected a tensor of one element, got %s", mg_tensor_text(t));
  lua_pushnumber(L, (lua_Number)t->data[0]);
  return 1;
}

static void push_nested(lua_State *L, const mg_tensor *t, int dim, const real **next) {
  if (dim == t->ndim) {
    lua_pushnumber(L, (lua_Number) * (*next)++);
    return;
  }
  luaL_checkstack(L, 4, "totable");
  lua_createtable(L, (int)MG_MIN(t->shape[dim], 1 << 20), 0);
  for (int64_t i = 0; i < t->shape[dim]; i++) {
    push_nested(L, t, dim + 1, next);
    lua_rawseti(L, -2, i + 1);
  }
}

static int tensor_totable(lua_State *L) {
  const mg_tensor *t = mgl_check_tensor(L, 1, "totable", "self");
  const real *next = t->data;
  push_nested(L, t, 0, &next);
  return 1;
}

static int tensor_same(lua_State *L) {
  const mg_tensor *a = mgl_test_tensor(L, 1), *b = mgl_test_tensor(L, 2);
  lua_pushboolean(L, a && a == b);
  return 1;
}

/* ---- fields -------------------------------------------------------------------------------- */

static int tensor_index(lua_State *L) {
  if (lua_type(L, 2) == LUA_TNUMBER || lua_type(L, 2) == LUA_TTABLE) return mgl_tensor_slice(L);
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1;
  const char *key = lua_tostring(L, 2);
  if (!key) return luaL_error(L, "index: expected a position or a name, got %s", mgl_describe(L, 2));
  const mg_tensor *t = mgl_check_tensor(L, 1, key, "self");
  if (strcmp(key, "grad") == 0) {
    if (t->grad)
      mgl_push_held_tensor(L, t->grad);
    else
      lua_pushnil(L);
  } else if (strcmp(key, "requires_grad") == 0)
    lua_pushboolean(L, t->requires_grad);
  else if (strcmp(key, "is_leaf") == 0)
    lua_pushboolean(L, t->node == NULL);
  else
    return luaL_error(L, "a tensor has no method or field '%s'", key);
  return 1;
}

static int set_requires_grad(lua_State *L, mg_tensor *t, bool on) {
  if (t->node) return luaL_error(L, "requires_grad: expected a leaf, got a tensor that was computed; detach it first");
  t->requires_grad = on;
  return 0;
}

static int set_grad(lua_State *L, mg_tensor *t) {
  mg_tensor *grad = NULL;
  if (!lua_isnil(L, 3)) {
    grad = mgl_check_tensor(L, 3, "grad", "gradient");
    if (!mg_same_shape(grad, t))
      return luaL_error(L, "grad: expected a gradient of shape %s, got %s", mg_tensor_text(t), mg_tensor_text(grad));
    if (grad == t) return luaL_error(L, "grad: a tensor can't be its own gradient");
  }
  mg_retain(grad);
  mg_release(t->grad);
  t->grad = grad;
  return 0;
}

static int tensor_newindex(lua_State *L) {
  if (lua_type(L, 2) == LUA_TNUMBER || lua_type(L, 2) == LUA_TTABLE) return mgl_tensor_slice_assign(L);
  const char *key = lua_tostring(L, 2);
  if (!key) return luaL_error(L, "index: expected a position or a name, got %s", mgl_describe(L, 2));
  mg_tensor *t = mgl_check_tensor(L, 1, key, "self");
  if (strcmp(key, "requires_grad") == 0) return set_requires_grad(L, t, mgl_check_boolean(L, 3, key, "on"));
  if (strcmp(key, "grad") == 0) return set_grad(L, t);
  return luaL_error(L, "a tensor has no field '%s' to assign", key);
}

static int tensor_requires_grad(lua_State *L) {
  mg_tensor *t = mgl_check_tensor(L, 1, "requires_grad_", "self");
  set_requires_grad(L, t, lua_isnone(L, 2) || mgl_check_boolean(L, 2, "requires_grad_", "on"));
  lua_settop(L, 1);
  return 1;
}

/* ---- the metatable ------------------------------------------------------------------------- */

static const luaL_Reg own_methods[] = {
    {"free", tensor_free},
    {"shape", tensor_shape},
    {"size", tensor_size},
    {"dim", tensor_dim},
    {"numel", tensor_numel},
    {"item", tensor_item},
    {"totable", tensor_totable},
    {"requires_grad_", tensor_requires_grad},
    {NULL, NULL},
};

static const luaL_Reg metamethods[] = {
    {"__gc", tensor_free}, {"__close", tensor_free}, {"__tostring", tensor_tostring},
    {"__len", tensor_len}, {"__eq", tensor_same},    {"__newindex", tensor_newindex},
    {NULL, NULL},
};

/* mg.is_tensor(value) */
static int is_tensor(lua_State *L) {
  lua_pushboolean(L, luaL_testudata(L, 1, MG_TENSOR) != NULL);
  return 1;
}

void mgl_open_tensor(lua_State *L) {
  luaL_newmetatable(L, MG_TENSOR);
  luaL_setfuncs(L, metamethods, 0);
  lua_newtable(L); /* methods; mgl_open_op and others add to it */
  luaL_setfuncs(L, own_methods, 0);
  luaL_setfuncs(L, mgl_inplace_methods, 0);
  luaL_setfuncs(L, mgl_random_methods, 0);
  luaL_setfuncs(L, mgl_shape_methods, 0);
  luaL_setfuncs(L, mgl_composite_methods, 0);
  lua_pushvalue(L, -1);
  lua_pushcclosure(L, tensor_index, 1);
  lua_setfield(L, -3, "__index");
  lua_setfield(L, -2, "methods");
  luaL_setfuncs(L, mgl_operators, 0);
  lua_pop(L, 1);
  lua_pushcfunction(L, is_tensor);
  lua_setfield(L, -2, "is_tensor");
}

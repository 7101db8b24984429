/* Derivatives in Lua: backward, grad, no_grad. */
#include "bind.h"

#define MAX_WANTED 4096 /* inputs of one call */

static bool flag(lua_State *L, int index, const char *function, const char *key) {
  if (!lua_istable(L, index)) return false;
  int type = lua_getfield(L, index, key);
  if (type != LUA_TNIL && type != LUA_TBOOLEAN) {
    const char *got = mgl_describe(L, -1);
    luaL_error(L, "%s: option %s: expected true or false, got %s", function, key, got);
  }
  bool on = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return on;
}

/* The tensor under `key`, or NULL; it stays on the stack. */
static mg_tensor *tensor_option(lua_State *L, int index, const char *function, const char *key) {
  if (!lua_istable(L, index) || lua_getfield(L, index, key) == LUA_TNIL) return NULL;
  return mgl_check_tensor(L, lua_gettop(L), function, key);
}

/* A buffer of n tensor pointers that Lua collects. */
static mg_tensor **list_buffer(lua_State *L, lua_Unsigned n) {
  return lua_newuserdatauv(L, MG_MAX(n, 1) * sizeof(mg_tensor *), 0);
}

/* t:backward{ create_graph =, retain_graph =, inputs = list of leaves, gradient = of t's shape } */
static int backward(lua_State *L) {
  static const char *const keys[] = {"create_graph", "retain_graph", "inputs", "gradient", NULL};
  mg_tensor *output = mgl_check_tensor(L, 1, "backward", "self");
  lua_settop(L, 2);
  if (!lua_isnil(L, 2) && !lua_istable(L, 2)) return mgl_bad_argument(L, "backward", 2, "options", "a table");
  mgl_check_keys(L, 2, "backward", keys);
  mg_backward_options options = {flag(L, 2, "backward", "create_graph"), flag(L, 2, "backward", "retain_graph")};
  mg_tensor *seed = tensor_option(L, 2, "backward", "gradient"), **inputs = NULL;
  int n = 0;
  if (lua_istable(L, 2) && lua_getfield(L, 2, "inputs") != LUA_TNIL) {
    int list = lua_gettop(L);
    inputs = list_buffer(L, lua_rawlen(L, list));
    n = mgl_check_tensors(L, list, "backward", "inputs", inputs, MAX_WANTED);
  }
  size_t mark = mg_pool_mark();
  mg_backward(output, seed, inputs, n, options);
  mgl_check(L, mark);
  return 0;
}

/* mg.grad(output, inputs [, { create_graph =, retain_graph =, grad_output = }]): a list of
 * gradients, one for each input, zeros for one that the output does not depend on */
static int grad(lua_State *L) {
  static const char *const keys[] = {"create_graph", "retain_graph", "grad_output", NULL};
  mg_tensor *output = mgl_check_tensor(L, 1, "grad", "output");
  lua_settop(L, 3);
  if (!lua_isnil(L, 3) && !lua_istable(L, 3)) return mgl_bad_argument(L, "grad", 3, "options", "a table");
  mgl_check_keys(L, 3, "grad", keys);
  mg_backward_options options = {flag(L, 3, "grad", "create_graph"), flag(L, 3, "grad", "retain_graph")};
  mg_tensor *seed = tensor_option(L, 3, "grad", "grad_output");
  lua_Unsigned count = lua_istable(L, 2) ? lua_rawlen(L, 2) : 0;
  mg_tensor **inputs = list_buffer(L, count), **gradients = list_buffer(L, count);
  int n = mgl_check_tensors(L, 2, "grad", "inputs", inputs, MAX_WANTED);
  size_t mark = mg_pool_mark();
  if (!output->requires_grad) mg_fail("grad: the output %s does not require a gradient", mg_tensor_text(output));
  if (!mg_gradients(output, seed, inputs, n, gradients, options)) mgl_check(L, mark);
  lua_createtable(L, n, 0);
  for (int i = 0; i < n; i++) {
    mgl_push_tensor(L, gradients[i]);
    lua_rawseti(L, -2, i + 1);
  }
  mg_pool_drain(mark);
  return 1;
}

static int with_recording(lua_State *L, const char *function, bool on) {
  if (!lua_isfunction(L, 1)) {
    /* Anything callable will do: layers are. */
    if (luaL_getmetafield(L, 1, "__call") == LUA_TNIL)
      return mgl_bad_argument(L, function, 1, "function", "a function");
    lua_pop(L, 1);
  }
  bool before = mg_set_recording(on);
  int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
  mg_set_recording(before);
  if (status != LUA_OK) return lua_error(L);
  return lua_gettop(L);
}

/* mg.no_grad(f, ...): f(...) with recording off; mg.enable_grad(f, ...): with recording on */
static int no_grad(lua_State *L) { return with_recording(L, "no_grad", false); }
static int enable_grad(lua_State *L) { return with_recording(L, "enable_grad", true); }

static int is_recording(lua_State *L) { return lua_pushboolean(L, mg_recording()), 1; }

void mgl_open_autograd(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"grad", grad}, {"no_grad", no_grad}, {"enable_grad", enable_grad}, {"is_recording", is_recording}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
  luaL_getmetatable(L, MG_TENSOR);
  lua_getfield(L, -1, "methods");
  lua_pushcfunction(L, backward);
  lua_setfield(L, -2, "backward");
  lua_pop(L, 2);
}

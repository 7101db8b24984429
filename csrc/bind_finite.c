/* bind_finite.c: where numbers stop being finite. */
#include "bind_layer.h"
#include "kernel.h"

static bool all_finite(const mg_tensor *t) { return mg_kernel->all_finite(t->numel, t->data); }

/* all_finite(t): whether no element is NaN or infinite. */
static int tensor_all_finite(lua_State *L) {
  lua_pushboolean(L, all_finite(mgl_check_tensor(L, 1, "all_finite", "t")));
  return 1;
}

/* ---- the layer where it began --------------------------------------------------------------- */

static bool watching;
static const char found; /* its address is the registry's key of the layer found */

bool mgl_is_watching(void) { return watching; }

void mgl_watch(lua_State *L, int index, mg_tensor *const *values, int count) {
  if (!watching) return;
  for (int i = 0; i < count && watching; i++) {
    if (all_finite(values[i])) continue;
    watching = false;
    if (!lua_checkstack(L, 1)) return;
    lua_pushvalue(L, index);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &found); /* there is a place for it already, so this raises nothing */
  }
}

/* first_nonfinite(f, ...): the first layer whose result has NaN or infinity while f(...) runs, the
 * innermost where a container gives the result of one within; nil where there is none.  Errors of f
 * end it, and that is all. */
static int first_nonfinite(lua_State *L) {
  luaL_checkany(L, 1);
  lua_pushboolean(L, false);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &found);
  watching = true;
  lua_pcall(L, lua_gettop(L) - 1, 0, 0);
  watching = false;
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &found) != LUA_TUSERDATA) lua_pushnil(L);
  lua_pushboolean(L, false); /* the registry keeps no layer alive */
  lua_rawsetp(L, LUA_REGISTRYINDEX, &found);
  return 1;
}

void mgl_open_finite(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"all_finite", tensor_all_finite}, {"first_nonfinite", first_nonfinite}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}

/* core.signal: signals that are noted instead of ending the process. */
#include "bind.h"
#include "signals.h"

/* signal.catch() -> a guard: see mg_signals_catch; closing or collecting it is the release. */
static int catch (lua_State *L) {
  bool *holds = lua_newuserdatauv(L, sizeof *holds, 0);
  *holds = false;
  luaL_setmetatable(L, MG_TYPE("Signals"));
  mg_signals_catch();
  *holds = true;
  return 1;
}

static int release(lua_State *L) {
  bool *holds = luaL_checkudata(L, 1, MG_TYPE("Signals"));
  if (*holds) mg_signals_release();
  *holds = false;
  return 0;
}

/* guard:caught() -> "SIGINT" and the status 130 that a shell gives a process which ended by it (or what
 * is right for the others), or nil. */
static int caught(lua_State *L) {
  luaL_checkudata(L, 1, MG_TYPE("Signals"));
  const int number = mg_signals_caught();
  if (number == 0) return 0;
  lua_pushstring(L, mg_signal_name(number));
  lua_pushinteger(L, 128 + number);
  return 2;
}

void mgl_open_signals(lua_State *L) {
  static const luaL_Reg metamethods[] = {{"__close", release}, {"__gc", release}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{"caught", caught}, {NULL, NULL}};
  luaL_newmetatable(L, MG_TYPE("Signals"));
  luaL_setfuncs(L, metamethods, 0);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, catch);
  lua_setfield(L, -2, "catch");
  lua_setfield(L, -2, "signal");
}

/* The profiler's start and stop, on which lua/moongan/profile.lua is built. */
#include "profile.h"

#include "bind.h"

/* start(): measure from here on */
static int start(lua_State *L) {
  (void)L;
  mg_profile_start();
  return 0;
}

static void push_rows(lua_State *L, const mg_profile_row *rows, int count) {
  lua_createtable(L, count, 0);
  for (int i = 0; i < count; i++) {
    const mg_profile_row *row = &rows[i];
    const struct {
      const char *key;
      double value;
    } fields[] = {{"forward_seconds", row->seconds[0]},
                  {"backward_seconds", row->seconds[1]},
                  {"flops", row->flops},
                  {"bytes", row->bytes}};
    lua_createtable(L, 0, 6);
    lua_pushstring(L, row->name);
    lua_setfield(L, -2, "name");
    lua_pushinteger(L, (lua_Integer)row->calls);
    lua_setfield(L, -2, "calls");
    for (size_t k = 0; k < sizeof fields / sizeof *fields; k++) {
      lua_pushnumber(L, fields[k].value);
      lua_setfield(L, -2, fields[k].key);
    }
    lua_rawseti(L, -2, i + 1);
  }
}

/* stop(): { seconds =, operations = rows, layers = rows } since the start */
static int stop(lua_State *L) {
  const mg_profile *report = mg_profile_stop();
  lua_createtable(L, 0, 3);
  lua_pushnumber(L, report->seconds);
  lua_setfield(L, -2, "seconds");
  push_rows(L, report->operations, report->operation_count);
  lua_setfield(L, -2, "operations");
  push_rows(L, report->layers, report->layer_count);
  lua_setfield(L, -2, "layers");
  return 1;
}

void mgl_open_profile(lua_State *L) {
  static const luaL_Reg functions[] = {{"start", start}, {"stop", stop}, {NULL, NULL}};
  luaL_newlib(L, functions);
  lua_setfield(L, -2, "profile");
}

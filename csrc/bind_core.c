/* The modules moongan.core (float) and moongan.core64 (double). */

#include "bind.h"
#include "bind_tensor.h"
#include "jpeg_file.h"
#include "kernel.h"
#include "parallel.h"

extern char *openblas_get_config(void);
extern char *openblas_get_corename(void);

/* mg.memory(): bytes and counts of the core's memory; peak_bytes restarts from here with
 * mg.memory(true) */
static int memory(lua_State *L) {
  mg_memory_stats *stats = mg_memory();
  lua_createtable(L, 0, 5);
  lua_pushinteger(L, (lua_Integer)stats->live_bytes);
  lua_setfield(L, -2, "live_bytes");
  lua_pushinteger(L, (lua_Integer)stats->cached_bytes);
  lua_setfield(L, -2, "cached_bytes");
  lua_pushinteger(L, (lua_Integer)stats->peak_bytes);
  lua_setfield(L, -2, "peak_bytes");
  lua_pushinteger(L, (lua_Integer)stats->live_tensors);
  lua_setfield(L, -2, "live_tensors");
  lua_pushinteger(L, (lua_Integer)stats->system_requests);
  lua_setfield(L, -2, "system_requests");
  if (lua_toboolean(L, 1)) stats->peak_bytes = stats->live_bytes;
  return 1;
}

static int threads(lua_State *L) { return lua_pushinteger(L, mg_threads()), 1; }

static int set_threads(lua_State *L) {
  mg_set_threads((int)mgl_check_integer(L, 1, "set_threads", "count", 1, 256));
  return 0;
}

/* mg.clock(): seconds that only go forward, from some moment on */
static int monotonic(lua_State *L) { return lua_pushnumber(L, mg_seconds()), 1; }

/* mg.build(): what this core was built with and runs on */
static int build(lua_State *L) {
  lua_createtable(L, 0, 5);
  lua_pushstring(L, MG_REAL_NAME);
  lua_setfield(L, -2, "real");
  lua_pushstring(L, mg_kernel_name());
  lua_setfield(L, -2, "simd");
  lua_pushstring(L, openblas_get_config());
  lua_setfield(L, -2, "blas");
  lua_pushstring(L, openblas_get_corename());
  lua_setfield(L, -2, "blas_core");
  lua_pushboolean(L, mg_jpeg_available());
  lua_setfield(L, -2, "jpeg");
  return 1;
}

/* When the state closes, and before the library unloads: no thread, no cached block remains. */
static int close_core(lua_State *L) {
  (void)L;
  mg_parallel_stop();
  mg_pool_drain(0);
  mg_tensor_trim();
  mg_node_trim();
  mg_storage_trim();
  return 0;
}

/* Made before anything else of ours, so collected after it; once only, however often a script
 * loads the module anew, for what it closes is shared. */
static void anchor_close(lua_State *L) {
  if (lua_getfield(L, LUA_REGISTRYINDEX, "moongan.close." MG_REAL_NAME) != LUA_TNIL) {
    lua_pop(L, 1);
    return;
  }
  lua_pop(L, 1);
  lua_newuserdatauv(L, 0, 0);
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, close_core);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_setfield(L, LUA_REGISTRYINDEX, "moongan.close." MG_REAL_NAME);
}

/* Types are named alike in both precisions. */
static void name_types(lua_State *L) {
  static const char *const types[][2] = {{MG_TENSOR, "moongan.Tensor"},
                                         {MG_LAYER, "moongan.Layer"},
                                         {MG_LOSS, "moongan.Loss"},
                                         {MG_OPTIMIZER, "moongan.Optimizer"},
                                         {MG_DATASET, "moongan.Dataset"}};
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
    luaL_getmetatable(L, types[i][0]);
    lua_pushstring(L, types[i][1]);
    lua_setfield(L, -2, "__name");
    lua_pop(L, 1);
  }
}

static int open_core(lua_State *L) {
  static const luaL_Reg functions[] = {{"memory", memory},   {"threads", threads}, {"set_threads", set_threads},
                                       {"clock", monotonic}, {"build", build},     {NULL, NULL}};
  anchor_close(L);
  luaL_newlib(L, functions);
  lua_pushinteger(L, (lua_Integer)sizeof(real) * 8);
  lua_setfield(L, -2, "precision");
  mgl_open_tensor(L);
  mgl_open_op(L);
  mgl_open_create(L);
  mgl_open_autograd(L);
  mgl_open_random(L);
  mgl_open_shape(L);
  mgl_open_layer(L);
  mgl_open_loss(L);
  mgl_open_optim(L);
  mgl_open_dataset(L);
  mgl_open_image(L);
  mgl_open_file(L);
  mgl_open_bytes(L);
  mgl_open_profile(L);
  mgl_open_signals(L);
  mgl_open_finite(L);
  luaL_setfuncs(L, mgl_composite_methods, 0);
  name_types(L);
  return 1;
}

#pragma GCC visibility push(default)
int luaopen_moongan_core(lua_State *L);
int luaopen_moongan_core64(lua_State *L);
#ifdef MG_DOUBLE
int luaopen_moongan_core64(lua_State *L) { return open_core(L); }
#else
int luaopen_moongan_core(lua_State *L) { return open_core(L); }
#endif
#pragma GCC visibility pop

/* bind_container.c: the table of containers, and those that are lists of layers: Sequential,
 * Residual, Concat, Parallel. */
#include "bind_layer.h"
#include "layer_pair.h"
#include "layer_spectral.h"

static const mg_layer_type sequential_type = {
    .name = "Sequential",
    .container = true,
    .doc = "Sequential{ layers.. }: one after the other, each given what the one before returned"};
static const mg_layer_type residual_type = {
    .name = "Residual",
    .container = true,
    .doc =
        "Residual{ layers.., shortcut = layer }: its layers one after the other, plus what the shortcut makes of the "
        "same input, which without one is the input itself (He et al. 2016)"};
static const mg_layer_type concat_type = {
    .name = "Concat",
    .container = true,
    .doc = "Concat{ layers.. }: each is given the same input; the results are joined along the last dimension"};
static const mg_layer_type parallel_type = {
    .name = "Parallel",
    .container = true,
    .doc = "Parallel{ layers.. }: called with one tensor for each layer; the results are joined along the last "
           "dimension"};

static int run_sequential(lua_State *L, int index, mg_tensor **values, int n, int depth);
static int run_residual(lua_State *L, int index, mg_tensor **values, int n, int depth);
static int run_concat(lua_State *L, int index, mg_tensor **values, int n, int depth);
static int run_parallel(lua_State *L, int index, mg_tensor **values, int n, int depth);
static int new_list(lua_State *L);
static void assign_child(lua_State *L);

const mgl_container mgl_containers[] = {{&sequential_type, new_list, run_sequential, assign_child},
                                        {&residual_type, new_list, run_residual, assign_child},
                                        {&concat_type, new_list, run_concat, assign_child},
                                        {&parallel_type, new_list, run_parallel, assign_child},
                                        {&mg_spectral_norm_type, mgl_new_spectral_norm, mgl_run_spectral_norm, NULL},
                                        {&mgl_module_type, mgl_new_module, mgl_run_module, mgl_assign_module},
                                        {.type = NULL}};

const mgl_container *mgl_container_of(const mg_layer *layer) {
  const mgl_container *container = mgl_containers;
  if (!layer->type->container) return NULL;
  while (container->type != layer->type) container++;
  return container;
}

/* ---- one layer of several -------------------------------------------------------------------- */

/* Drain the pool to mark, but keep n tensors as temporaries. */
static bool keep(size_t mark, mg_tensor **values, int n) {
  for (int i = 0; i < n; i++) mg_retain(values[i]);
  mg_pool_drain(mark);
  bool kept = true;
  for (int i = 0; i < n; i++) kept = mg_temporary(values[i]) && kept;
  return kept;
}

/* Containers that a message names, so that what happened is not lost behind where. */
#define MAX_PLACES 8

/* A run of the container at `index`, whose layers lie in the table at `fields`. */
typedef struct run {
  lua_State *L;
  const char *container;
  int fields, depth;
} run;

static run start(lua_State *L, int index, int depth) {
  luaL_checkstack(L, MGL_MAX_VALUES + 10, "layer");
  lua_getiuservalue(L, index, MGL_FIELDS);
  return (run){L, mgl_layer_name(L, index), lua_gettop(L), depth};
}

/* What a run returns: pops its table. */
static int finish(const run *r, int result) {
  if (result == MGL_LUA_ERROR)
    lua_remove(r->L, r->fields);
  else
    lua_settop(r->L, r->fields - 1);
  return result;
}

/* Put "in layer 3 (BatchNorm) of Sequential: " in front of what failed in the layer at `index` of
 * the stack; position 0 is the shortcut.  Leaves the error where Lua holds it. */
static int add_place(const run *r, int index, int position, int failure) {
  lua_State *L = r->L;
  char which[32] = "shortcut";
  const char *name = mgl_layer_name(L, index);
  bool told = r->depth < MAX_PLACES;
  if (position > 0) snprintf(which, sizeof which, "layer %d", position);
  if (failure == MGL_CORE_ERROR) {
    if (told) mg_fail_prefix("in %s (%s) of %s: ", which, name, r->container);
    return failure;
  }
  if (told && lua_type(L, -1) == LUA_TSTRING) {
    lua_pushfstring(L, "in %s (%s) of %s: ", which, name, r->container);
    lua_insert(L, -2);
    lua_concat(L, 2);
  }
  lua_remove(L, index);
  return failure;
}

/* Run the layer at this position (0: the shortcut), as mgl_run does, for at most `most` results.  Of
 * the temporaries made on the way, the results alone are left. */
static int run_layer(const run *r, int position, mg_tensor **values, int n, int most) {
  lua_State *L = r->L;
  size_t mark = mg_pool_mark();
  if (position > 0)
    lua_rawgeti(L, r->fields, position);
  else
    lua_getfield(L, r->fields, "shortcut");
  int index = lua_gettop(L);
  n = mgl_run(L, index, values, n, r->depth + 1);
  if (n > most) n = (mg_fail("expected one result, got %d", n), MGL_CORE_ERROR);
  if (n >= 0 && !keep(mark, values, n)) n = MGL_CORE_ERROR;
  if (n < 0) {
    mg_pool_drain(mark);
    return add_place(r, index, position, n);
  }
  lua_pop(L, 1);
  return n;
}

/* Run the layers at this position and the next as one, where they can be (layer_pair.h) and nobody asks
 * what comes between them: 1; 0 where they can't, and nothing has happened; or a failure. */
static int run_pair(const run *r, int position, mg_tensor **values) {
  if (mgl_is_watching()) return 0;
  lua_State *L = r->L;
  size_t mark = mg_pool_mark();
  lua_rawgeti(L, r->fields, position);
  lua_rawgeti(L, r->fields, position + 1);
  mg_layer *first = mgl_test_layer(L, -2), *second = mgl_test_layer(L, -1);
  mg_pair_forward *forward = first && second ? mg_layer_pair(first, second) : NULL;
  lua_pop(L, 1);
  int n = 0;
  if (forward) {
    mg_tensor *y = forward(first, second, values[0]);
    n = y && keep(mark, &y, 1) ? 1 : MGL_CORE_ERROR;
    if (n > 0) values[0] = y;
  }
  if (n < 0) mg_pool_drain(mark);
  if (n < 0 && !mg_error_is_memory()) return add_place(r, lua_gettop(L), position, n);
  if (n < 0) mg_clear_error(), n = 0; /* one by one they may do with less, and with garbage collected */
  lua_pop(L, 1);
  return n;
}

static int layer_count(const run *r) { return (int)lua_rawlen(r->L, r->fields); }

/* All layers one after the other. */
static int run_all(const run *r, mg_tensor **values, int n) {
  size_t mark = mg_pool_mark();
  for (int i = 1; n > 0 && i <= layer_count(r); i++) {
    int paired = n == 1 && i < layer_count(r) ? run_pair(r, i, values) : 0;
    if (paired)
      n = paired, i++;
    else
      n = run_layer(r, i, values, n, MGL_MAX_VALUES);
    if (n > 0 && !keep(mark, values, n)) n = MGL_CORE_ERROR;
  }
  return n;
}

/* ---- the containers ------------------------------------------------------------------------- */

static int run_sequential(lua_State *L, int index, mg_tensor **values, int n, int depth) {
  run r = start(L, index, depth);
  return finish(&r, run_all(&r, values, n));
}

/* values[0] = the layers' result + the shortcut's, which must have one shape: broadcasting one of
 * them would be a mistake that nobody sees. */
static int add_shortcut(mg_tensor **values, int n, mg_tensor *shortcut) {
  if (n != 1) return mg_fail("at the sum of Residual: expected one result of its layers, got %d", n), MGL_CORE_ERROR;
  if (!mg_same_shape(values[0], shortcut)) {
    mg_fail("at the sum of Residual: expected the same shape from its layers and the shortcut, got %s and %s",
            mg_tensor_text(values[0]), mg_tensor_text(shortcut));
    return MGL_CORE_ERROR;
  }
  values[0] = mg_add(values[0], shortcut);
  return values[0] ? 1 : MGL_CORE_ERROR;
}

static int run_residual(lua_State *L, int index, mg_tensor **values, int n, int depth) {
  run r = start(L, index, depth);
  mg_tensor *side[MGL_MAX_VALUES];
  int status = n;
  memcpy(side, values, (size_t)n * sizeof *side);
  if (lua_getfield(L, r.fields, "shortcut") != LUA_TNIL) {
    status = run_layer(&r, 0, side, n, 1);
  } else if (n != 1) {
    mg_fail("at the inputs of Residual: expected one tensor where there is no shortcut, got %d", n);
    status = MGL_CORE_ERROR;
  }
  if (status > 0) n = status = run_all(&r, values, n);
  return finish(&r, status > 0 ? add_shortcut(values, n, side[0]) : status);
}

/* values[0] = the results joined. */
static int join(const run *r, mg_tensor *const *results, int n, mg_tensor **values) {
  for (int i = 0; i < n; i++)
    if (results[i]->ndim == 0)
      return mg_fail("at the joint of %s: expected at least 1 dimension, got %s from layer %d", r->container,
                     mg_tensor_text(results[i]), i + 1),
             MGL_CORE_ERROR;
  values[0] = mg_cat(results, n, results[0]->ndim - 1);
  if (!values[0]) mg_fail_prefix("at the joint of %s: ", r->container);
  return values[0] ? 1 : MGL_CORE_ERROR;
}

/* Each layer with all the inputs, or with the one of its position, and the results joined. */
static int run_side_by_side(run *r, mg_tensor **values, int n, bool one_each) {
  mg_tensor *results[MG_MAX_INPUTS], *given[MGL_MAX_VALUES];
  int count = layer_count(r), status = 1;
  if (one_each && n != count) {
    mg_fail("at the inputs of %s: expected one tensor for each of its %d layers, got %d", r->container, count, n);
    return finish(r, MGL_CORE_ERROR);
  }
  for (int i = 0; i < count && status > 0; i++) {
    if (one_each)
      given[0] = values[i];
    else
      memcpy(given, values, (size_t)n * sizeof *given);
    status = run_layer(r, i + 1, given, one_each ? 1 : n, 1);
    results[i] = given[0];
  }
  return finish(r, status > 0 ? join(r, results, count, values) : status);
}

static int run_concat(lua_State *L, int index, mg_tensor **values, int n, int depth) {
  run r = start(L, index, depth);
  return run_side_by_side(&r, values, n, false);
}

static int run_parallel(lua_State *L, int index, mg_tensor **values, int n, int depth) {
  run r = start(L, index, depth);
  return run_side_by_side(&r, values, n, true);
}

/* ---- what they hold ------------------------------------------------------------------------- */

/* How many layers a container of this type may have. */
static int least_layers(const mg_layer_type *type) { return type == &sequential_type ? 0 : 1; }
static int most_layers(const mg_layer_type *type) {
  return type == &concat_type ? MG_MAX_INPUTS : type == &parallel_type ? MGL_MAX_VALUES : INT32_MAX;
}

static bool is_shortcut(lua_State *L, int key, const mg_layer_type *type) {
  return type == &residual_type && lua_type(L, key) == LUA_TSTRING && strcmp(lua_tostring(L, key), "shortcut") == 0;
}

/* container[i] = layer, residual.shortcut = layer or nil. */
static void assign_child(lua_State *L) {
  int isnum;
  const mg_layer_type *type = mgl_test_layer(L, 1)->type;
  lua_getiuservalue(L, 1, MGL_FIELDS);
  lua_Integer length = (lua_Integer)lua_rawlen(L, -1), position = lua_tointegerx(L, 2, &isnum);
  bool layer = luaL_testudata(L, 3, MG_LAYER), removes = lua_isnil(L, 3);
  if (is_shortcut(L, 2, type)) {
    if (!layer && !removes)
      luaL_error(L, "%s: shortcut: expected a layer or nil, got %s", type->name, mgl_describe(L, 3));
    lua_pushvalue(L, 3);
    lua_setfield(L, -2, "shortcut");
    return;
  }
  lua_Integer end = MG_MIN(length + 1, most_layers(type));
  if (!isnum || position < 1 || position > end)
    luaL_error(L, "%s: expected a position in 1 .. %I to assign a layer to, got %s", type->name, end,
               mgl_describe(L, 2));
  bool removable = position == length && length > least_layers(type);
  if (!layer && !(removes && removable))
    luaL_error(L, "%s: layer %I: expected a layer%s, got %s", type->name, position,
               removable ? ", or nil to remove the last one" : "", mgl_describe(L, 3));
  lua_pushvalue(L, 3);
  lua_rawseti(L, -2, position);
}

static int layer_error(lua_State *L, const char *name, lua_Integer position) {
  return luaL_error(L, "%s: layer %I: expected a layer, got %s%s", name, position, mgl_describe(L, -1),
                    lua_isfunction(L, -1) ? " (nn.Module{ forward = .. } makes a layer of a function)" : "");
}

/* nn.Sequential{ a, b, .. } or nn.Sequential(a, b, ..): the type is the function's upvalue. */
static int new_list(lua_State *L) {
  const mg_layer_type *type = lua_touserdata(L, lua_upvalueindex(1));
  if (!(lua_gettop(L) == 1 && lua_istable(L, 1))) {
    lua_Integer n = lua_gettop(L);
    lua_createtable(L, (int)n, 0);
    lua_insert(L, 1);
    for (; n > 0; n--) lua_rawseti(L, 1, n);
  }
  lua_Integer n = (lua_Integer)lua_rawlen(L, 1), keys = 0;
  if (n < least_layers(type)) return luaL_error(L, "%s: expected at least one layer, got none", type->name);
  if (n > most_layers(type))
    return luaL_error(L, "%s: expected at most %d layers, got %I", type->name, most_layers(type), n);
  mgl_push_container(L, type);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(L, 1, i);
    if (!luaL_testudata(L, -1, MG_LAYER)) return layer_error(L, type->name, i);
    lua_rawseti(L, -2, i);
  }
  for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
    keys++;
    if (!is_shortcut(L, -2, type)) continue;
    if (!luaL_testudata(L, -1, MG_LAYER))
      return luaL_error(L, "%s: shortcut: expected a layer, got %s", type->name, mgl_describe(L, -1));
    lua_pushvalue(L, -1);
    lua_setfield(L, -4, "shortcut");
    keys--;
  }
  if (keys != n)
    return luaL_error(L, "%s: expected a list of layers, without %s or holes", type->name,
                      type == &residual_type ? "names but shortcut" : "names");
  lua_pop(L, 1);
  return 1;
}

void mgl_open_containers(lua_State *L) {
  for (const mgl_container *container = mgl_containers; container->type; container++) {
    lua_pushlightuserdata(L, (void *)container->type);
    lua_pushcclosure(L, container->construct, 1);
    lua_setfield(L, -2, container->type->name);
  }
}

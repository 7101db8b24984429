/* bind_layer.c: the userdata "moongan.Layer": constructors, calls, fields, life and death. */
#include "bind_layer.h"

#include "bind_option.h"

/* ---- boxes ---------------------------------------------------------------------------------- */

mg_layer **mgl_push_layer_box(lua_State *L) {
  mg_layer **box = lua_newuserdatauv(L, sizeof *box, 2);
  *box = NULL;
  luaL_setmetatable(L, MG_LAYER);
  return box;
}

mg_layer *mgl_test_layer(lua_State *L, int index) {
  mg_layer **box = luaL_testudata(L, index, MG_LAYER);
  return box ? *box : NULL;
}

mg_layer *mgl_check_layer(lua_State *L, int index, const char *function) {
  mg_layer **box = luaL_testudata(L, index, MG_LAYER);
  if (!box) return mgl_bad_argument(L, function, index, "layer", "a layer"), NULL;
  if (!*box) luaL_error(L, "%s: the layer has been freed", function);
  return *box;
}

const char *mgl_layer_name(lua_State *L, int index) {
  mg_layer *layer = mgl_test_layer(L, index);
  if (!layer) return "freed layer";
  if (layer->type != &mgl_module_type) return layer->type->name;
  lua_getiuservalue(L, index, MGL_FIELDS);
  const char *name = lua_getfield(L, -1, "name") == LUA_TSTRING ? lua_tostring(L, -1) : layer->type->name;
  lua_pop(L, 2);
  return name;
}

/* Idempotent, and touches nothing but the layer's own tensors: what a container holds is the
 * collector's to free. */
static int layer_gc(lua_State *L) {
  mg_layer **box = luaL_testudata(L, 1, MG_LAYER);
  if (!box) return 0;
  mg_layer_free(*box);
  *box = NULL;
  return 0;
}

static int layer_free(lua_State *L) {
  if (!luaL_testudata(L, 1, MG_LAYER)) mgl_bad_argument(L, "free", 1, "layer", "a layer");
  layer_gc(L);
  for (int value = MGL_FIELDS; value <= MGL_TRAINED; value++) {
    lua_pushnil(L);
    lua_setiuservalue(L, 1, value);
  }
  return 0;
}

/* ---- constructors --------------------------------------------------------------------------- */

bool mgl_collect_for_another(lua_State *L, int *attempts) {
  if (!mg_error_is_memory() || (*attempts)++ > 0) return false;
  mg_clear_error();
  lua_gc(L, LUA_GCCOLLECT);
  return true;
}

/* Tell the collector of the tensors in the new layer on top of the stack. */
static void charge_tensors(lua_State *L, const mg_layer *layer) {
  size_t elements = 0;
  for (int i = 0; i < MG_LAYER_TENSORS; i++)
    if (layer->tensor[i]) elements += (size_t)layer->tensor[i]->numel;
  mgl_charge(L, elements * sizeof(real));
}

/* nn.Linear(64, 256, { bias = false }): the type is the function's upvalue. */
static int construct(lua_State *L) {
  static const mg_option no_options[] = {{.name = NULL}};
  const mg_layer_type *type = lua_touserdata(L, lua_upvalueindex(1));
  mg_values values;
  mgl_check_options(L, 1, type->name, type->options ? type->options : no_options, &values);
  mg_layer **box = mgl_push_layer_box(L);
  size_t mark = mg_pool_mark();
  int attempts = 0;
  while (!(*box = mg_layer_new(type, &values)) && mgl_collect_for_another(L, &attempts)) continue;
  if (*box) return charge_tensors(L, *box), 1;
  mg_fail_prefix("%s: ", type->name);
  mgl_check(L, mark);
  return 0;
}

/* ---- forward -------------------------------------------------------------------------------- */

static int run(lua_State *L, int index, mg_tensor **values, int n, int depth) {
  int attempts = 0;
  do {
    mg_layer *layer = mgl_test_layer(L, index);
    if (!layer) return mg_fail("the layer has been freed"), MGL_CORE_ERROR;
    const mgl_container *container = mgl_container_of(layer);
    if (container && depth >= MGL_MAX_NESTING)
      return mg_fail("layers are nested more than %d deep", MGL_MAX_NESTING), MGL_CORE_ERROR;
    if (container) return container->run(L, index, values, n, depth);
    mg_tensor *result = mg_layer_forward(layer, values, n);
    if (result) return values[0] = result, 1;
  } while (mgl_collect_for_another(L, &attempts));
  return MGL_CORE_ERROR;
}

int mgl_run(lua_State *L, int index, mg_tensor **values, int n, int depth) {
  int count = run(L, index, values, n, depth);
  mgl_watch(L, index, values, count);
  return count;
}

/* Raise what mgl_run left, with the place of the call in front. */
static int raise_failure(lua_State *L, size_t mark, int self, int failure) {
  if (failure == MGL_LUA_ERROR) {
    mg_pool_drain(mark);
    if (lua_type(L, -1) == LUA_TSTRING) {
      luaL_where(L, 1);
      lua_insert(L, -2);
      lua_concat(L, 2);
    }
    return lua_error(L);
  }
  mg_layer *layer = mgl_test_layer(L, self);
  if (layer && !layer->type->container) mg_fail_prefix("%s: ", layer->type->name);
  mgl_check(L, mark);
  return 0;
}

static int layer_call(lua_State *L) {
  mg_layer *layer = mgl_check_layer(L, 1, "layer");
  if (layer->type == &mgl_module_type) return mgl_module_call(L);
  const char *name = layer->type->name; /* outlives the layer, which a custom one within it may free */
  lua_rotate(L, 1, -1);                 /* the layer last, so that arguments count from 1 */
  int self = lua_gettop(L), n = self - 1;
  if (n < 1 || n > MGL_MAX_VALUES)
    return luaL_error(L, "%s: expected 1 to %d tensors, got %d arguments", name, MGL_MAX_VALUES, n);
  mg_tensor *values[MGL_MAX_VALUES];
  for (int i = 0; i < n; i++) values[i] = mgl_check_tensor(L, i + 1, name, "input");
  luaL_checkstack(L, MGL_MAX_VALUES + 4, name);
  size_t mark = mg_pool_mark();
  /* A layer written in Lua may free what it was given, which others are given too. */
  for (int i = 0; i < n; i++)
    if (!(values[i] = mg_temporary(mg_retain(values[i])))) mgl_check(L, mark);
  int count = mgl_run(L, self, values, n, 0);
  if (count < 1) return raise_failure(L, mark, self, count);
  for (int i = 0; i < count - 1; i++) mgl_push_tensor(L, values[i]);
  mgl_return_tensor(L, mark, values[count - 1]);
  return count;
}

/* ---- fields --------------------------------------------------------------------------------- */

static int push_option_value(lua_State *L, const mg_layer *layer, int i) {
  const mg_option *option = &layer->type->options[i];
  const mg_values *values = &layer->values;
  if (option->kind == MG_SIZE) {
    lua_pushinteger(L, mg_layer_integer(layer, i));
  } else if (option->kind == MG_SHAPE) {
    lua_createtable(L, values->ndim, 0);
    for (int d = 0; d < values->ndim; d++) {
      lua_pushinteger(L, values->shape[d]);
      lua_rawseti(L, -2, d + 1);
    }
  } else {
    mgl_push_option(L, option, values->value[i]);
  }
  return 1;
}

/* A parameter or buffer, or the value of an option; nil for what the layer does not have. */
static int leaf_index(lua_State *L, const mg_layer *layer, const char *key) {
  int slot = mg_layer_slot(layer->type, key);
  if (slot >= 0 && layer->tensor[slot]) return mgl_push_held_tensor(L, layer->tensor[slot]), 1;
  if (strcmp(key, "name") == 0) return lua_pushstring(L, layer->type->name), 1;
  for (int i = 0; slot < 0 && layer->type->options && layer->type->options[i].name; i++)
    if (strcmp(layer->type->options[i].name, key) == 0) return push_option_value(L, layer, i);
  return lua_pushnil(L), 1;
}

/* What the container at index 1 holds under the key at index 2, and pushed. */
static bool push_field(lua_State *L) {
  lua_getiuservalue(L, 1, MGL_FIELDS);
  lua_pushvalue(L, 2);
  return lua_rawget(L, -2) != LUA_TNIL;
}

/* layer.key or layer[key]; the methods are the function's upvalue. */
static int layer_index(lua_State *L) {
  lua_settop(L, 2);
  if (!luaL_testudata(L, 1, MG_LAYER)) mgl_bad_argument(L, "index", 1, "layer", "a layer");
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1;
  const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : NULL;
  mg_layer *layer = mgl_check_layer(L, 1, key ? key : "index");
  if (key && strcmp(key, "training") == 0) return lua_pushboolean(L, layer->training), 1;
  if (layer->type->container && push_field(L)) return 1;
  if (key) return leaf_index(L, layer, key);
  if (layer->type->container) return lua_pushnil(L), 1;
  return luaL_error(L, "%s: a field has a name, got %s", layer->type->name, mgl_describe(L, 2));
}

/* layer.weight = tensor. */
static int layer_assign(lua_State *L) {
  mg_layer *layer = mgl_check_layer(L, 1, "assign");
  const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : NULL;
  if (key && strcmp(key, "training") == 0)
    return luaL_error(L, "%s: 'training' is set by the methods train and eval", mgl_layer_name(L, 1));
  const mgl_container *container = mgl_container_of(layer);
  if (container && container->assign) return container->assign(L), 0;
  int slot = key ? mg_layer_slot(layer->type, key) : -1;
  if (slot < 0)
    return luaL_error(L, "%s: no parameter or buffer to assign has this name: %s", layer->type->name,
                      mgl_describe(L, 2));
  mg_tensor *t = mgl_check_tensor(L, 3, layer->type->name, key);
  size_t mark = mg_pool_mark();
  if (!mg_layer_assign(layer, slot, t)) mg_fail_prefix("%s: %s: ", layer->type->name, key);
  mgl_check(L, mark);
  return 0;
}

/* #sequential, #module, ..: how many positional layers it has. */
static int layer_length(lua_State *L) {
  mg_layer *layer = mgl_check_layer(L, 1, "#");
  if (!layer->type->container) return luaL_error(L, "%s: only containers have a length", layer->type->name);
  lua_getiuservalue(L, 1, MGL_FIELDS);
  lua_pushinteger(L, (lua_Integer)lua_rawlen(L, -1));
  return 1;
}

/* ---- the metatable -------------------------------------------------------------------------- */

static void push_methods(lua_State *L) {
  lua_newtable(L);
  luaL_setfuncs(L, mgl_state_methods, 0);
  lua_pushcfunction(L, layer_free);
  lua_setfield(L, -2, "free");
}

static void open_metatable(lua_State *L) {
  static const luaL_Reg metamethods[] = {{"__call", layer_call},
                                         {"__newindex", layer_assign},
                                         {"__len", layer_length},
                                         {"__gc", layer_gc},
                                         {"__close", layer_gc},
                                         {"__tostring", mgl_layer_tostring},
                                         {NULL, NULL}};
  luaL_newmetatable(L, MG_LAYER);
  luaL_setfuncs(L, metamethods, 0);
  push_methods(L);
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "methods");
  lua_pushcclosure(L, layer_index, 1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

/* mg.layers(): a list of { name =, doc = }, one for every constructor. */
static int list_layers(lua_State *L) {
  const mg_layer_type *type;
  lua_newtable(L);
  for (int i = 0, container = 0; (type = mg_layer_type_at(i)) || (type = mgl_containers[container++].type); i++) {
    lua_createtable(L, 0, 2);
    lua_pushstring(L, type->name);
    lua_setfield(L, -2, "name");
    lua_pushstring(L, type->doc);
    lua_setfield(L, -2, "doc");
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

void mgl_open_layer(lua_State *L) {
  open_metatable(L);
  lua_newtable(L);
  const mg_layer_type *type;
  for (int i = 0; (type = mg_layer_type_at(i)); i++) {
    lua_pushlightuserdata(L, (void *)type);
    lua_pushcclosure(L, construct, 1);
    lua_setfield(L, -2, type->name);
  }
  mgl_open_containers(L);
  mgl_open_init(L);
  lua_setfield(L, -2, "nn");
  mgl_open_functions(L);
  lua_pushcfunction(L, list_layers);
  lua_setfield(L, -2, "layers");
}

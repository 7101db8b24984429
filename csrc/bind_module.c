/* bind_module.c: Module, a layer written in Lua, and what all containers hold. */
#include "bind_layer.h"

const mg_layer_type mgl_module_type = {
    .name = "Module",
    .container = true,
    .doc = "Module{ name =, fields.., forward = function(self, ..) }: a layer written in Lua; fields that are layers "
           "are its children, tensors that require a gradient its parameters, other tensors its buffers"};

/* ---- forward -------------------------------------------------------------------------------- */

/* Push the function `forward` of the Module at index, or raise. */
static void push_forward(lua_State *L, int index) {
  lua_getiuservalue(L, index, MGL_FIELDS);
  if (lua_getfield(L, -1, "forward") != LUA_TFUNCTION)
    luaL_error(L, "%s: the module has no function 'forward'", mgl_layer_name(L, index));
  lua_remove(L, -2);
}

int mgl_module_call(lua_State *L) {
  push_forward(L, 1);
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
  return lua_gettop(L);
}

/* Called with a Module and tensors: its results, all of them tensors. */
static int call_for_tensors(lua_State *L) {
  lua_pushvalue(L, 1); /* stays alive and in reach */
  lua_insert(L, 2);
  push_forward(L, 1);
  lua_insert(L, 2);
  lua_call(L, lua_gettop(L) - 2, LUA_MULTRET);
  int count = lua_gettop(L) - 1;
  if (count < 1 || count > MGL_MAX_VALUES)
    return luaL_error(L, "forward: expected 1 to %d tensors as results, got %d values", MGL_MAX_VALUES, count);
  for (int i = 0; i < count; i++)
    if (!mgl_test_tensor(L, i + 2))
      return luaL_error(L, "forward: expected a tensor as result, got %s", mgl_describe(L, i + 2));
  return count;
}

int mgl_run_module(lua_State *L, int index, mg_tensor **values, int n, int depth) {
  (void)depth; /* Lua's own limit on calls within calls holds here */
  int base = lua_gettop(L);
  luaL_checkstack(L, 2 * MGL_MAX_VALUES, "Module");
  lua_pushcfunction(L, call_for_tensors);
  lua_pushvalue(L, index);
  for (int i = 0; i < n; i++) mgl_push_tensor(L, values[i]);
  int status = lua_pcall(L, n + 1, LUA_MULTRET, 0);
  if (status != LUA_OK) return MGL_LUA_ERROR;
  int count = lua_gettop(L) - base;
  for (int i = 0; i < count; i++)
    if (!(values[i] = mg_temporary(mg_retain(mgl_test_tensor(L, base + 1 + i))))) count = MGL_CORE_ERROR;
  lua_settop(L, base);
  return count;
}

/* ---- what a container may hold --------------------------------------------------------------- */

static bool is_layer(lua_State *L, int index) { return luaL_testudata(L, index, MG_LAYER); }
static bool is_tensor(lua_State *L, int index) { return luaL_testudata(L, index, MG_TENSOR); }

static bool is_method(lua_State *L, const char *name) {
  luaL_getmetatable(L, MG_LAYER);
  lua_getfield(L, -1, "methods");
  bool found = lua_getfield(L, -1, name) != LUA_TNIL;
  lua_pop(L, 3);
  return found || strcmp(name, "training") == 0;
}

/* Layers in a plain table would be nobody's children: never trained, never saved. */
static void check_no_layers_inside(lua_State *L, int table, const char *module) {
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1))
    if (is_layer(L, -1))
      luaL_error(L,
                 "%s: a plain table of layers hides them from parameters(): make it nn.Sequential{ .. }, which is "
                 "indexed in the same way",
                 module);
}

static void check_named_field(lua_State *L, const char *key, int value, const char *module) {
  if (is_method(L, key)) luaL_error(L, "%s: field '%s': every layer has a method or flag of this name", module, key);
  if (strcmp(key, "forward") == 0 && !lua_isfunction(L, value) && !lua_isnil(L, value))
    luaL_error(L, "%s: field 'forward': expected a function, got %s", module, mgl_describe(L, value));
  if (strcmp(key, "name") == 0 && lua_type(L, value) != LUA_TSTRING)
    luaL_error(L, "%s: field 'name': expected a string, got %s", module, mgl_describe(L, value));
  /* Names like "1.weight" in a state_dict must have one meaning. */
  if ((is_layer(L, value) || is_tensor(L, value)) && (strchr(key, '.') || isdigit((unsigned char)key[0]) || !key[0]))
    luaL_error(L, "%s: field '%s': the name of a layer or tensor has no dot and starts with no digit", module, key);
}

/* Raise unless a Module may have this value (nil to remove it) in the field `key`. */
static void check_field(lua_State *L, int key, int value, const char *module) {
  luaL_checkstack(L, 8, module);
  if (lua_type(L, key) == LUA_TSTRING)
    check_named_field(L, lua_tostring(L, key), value, module);
  else if (!lua_isinteger(L, key) || lua_tointeger(L, key) < 1)
    luaL_error(L, "%s: a field is a name or a position from 1 on, got %s", module, mgl_describe(L, key));
  if (lua_istable(L, value)) check_no_layers_inside(L, value, module);
}

void mgl_assign_module(lua_State *L) {
  check_field(L, 2, 3, mgl_layer_name(L, 1));
  lua_getiuservalue(L, 1, MGL_FIELDS);
  lua_pushvalue(L, 2);
  lua_pushvalue(L, 3);
  lua_rawset(L, -3);
  lua_getiuservalue(L, 1, MGL_TRAINED); /* whether the new value is a parameter is for it to say */
  lua_pushvalue(L, 2);
  lua_pushnil(L);
  lua_rawset(L, -3);
}

/* ---- entries in order ------------------------------------------------------------------------ */

static int compare_entries(const void *left, const void *right) {
  const mgl_entry *a = left, *b = right;
  if (a->name && b->name) return strcmp(a->name, b->name);
  if (a->name || b->name) return a->name ? 1 : -1;
  return a->position < b->position ? -1 : a->position > b->position;
}

/* Read the key and value on top of the stack; false where the value is neither layer nor tensor. */
static bool read_entry(lua_State *L, mgl_entry *entry) {
  entry->layer = is_layer(L, -1);
  if (!entry->layer && !is_tensor(L, -1)) return false;
  bool named = lua_type(L, -2) == LUA_TSTRING;
  entry->name = named ? lua_tostring(L, -2) : NULL;
  entry->position = named ? 0 : lua_tointeger(L, -2);
  return true;
}

const mgl_entry *mgl_push_entries(lua_State *L, int index, int *count) {
  luaL_checkstack(L, 10, "layer");
  size_t n = 0, i = 0;
  mgl_entry entry;
  if (lua_getiuservalue(L, index, MGL_FIELDS) != LUA_TTABLE) {
    lua_pop(L, 1);
    lua_newtable(L);
  }
  int fields = lua_gettop(L);
  for (lua_pushnil(L); lua_next(L, fields); lua_pop(L, 1)) n += read_entry(L, &entry);
  mgl_entry *entries = lua_newuserdatauv(L, (n + 1) * sizeof *entries, 0);
  for (lua_pushnil(L); lua_next(L, fields); lua_pop(L, 1))
    if (i < n && read_entry(L, &entry)) entries[i++] = entry;
  qsort(entries, i, sizeof *entries, compare_entries);
  *count = (int)i;
  return entries;
}

static void push_key(lua_State *L, const mgl_entry *entry) {
  if (entry->name)
    lua_pushstring(L, entry->name);
  else
    lua_pushinteger(L, entry->position);
}

void mgl_push_entry(lua_State *L, int fields, const mgl_entry *entry) {
  fields = lua_absindex(L, fields);
  push_key(L, entry);
  lua_rawget(L, fields);
}

const char *mgl_push_entry_name(lua_State *L, const mgl_entry *entry) {
  push_key(L, entry);
  return lua_tostring(L, -1);
}

bool mgl_is_parameter(lua_State *L, int index, const mgl_entry *entry, const mg_tensor *t) {
  lua_getiuservalue(L, index, MGL_TRAINED);
  mgl_push_entry(L, -1, entry);
  bool known = lua_toboolean(L, -1);
  lua_pop(L, 1);
  if (!known && t->requires_grad) {
    push_key(L, entry);
    lua_pushboolean(L, true);
    lua_rawset(L, -3);
  }
  lua_pop(L, 1);
  return known || t->requires_grad;
}

/* ---- constructors ---------------------------------------------------------------------------- */

void mgl_push_fields(lua_State *L) {
  lua_newtable(L);
  lua_setiuservalue(L, -2, MGL_TRAINED);
  lua_newtable(L);
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, -3, MGL_FIELDS);
}

void mgl_push_container(lua_State *L, const mg_layer_type *type) {
  static const mg_values no_values;
  mg_layer **box = mgl_push_layer_box(L);
  size_t mark = mg_pool_mark();
  *box = mg_layer_new(type, &no_values);
  mgl_check(L, mark);
  mgl_push_fields(L);
}

int mgl_new_module(lua_State *L) {
  if (!lua_istable(L, 1)) mgl_bad_argument(L, "Module", 1, "fields", "a table of fields");
  if (lua_gettop(L) > 1) return luaL_error(L, "Module: expected one table of fields, got %d arguments", lua_gettop(L));
  const char *name = lua_getfield(L, 1, "name") == LUA_TSTRING ? lua_tostring(L, 2) : "Module";
  mgl_push_container(L, &mgl_module_type);
  for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
    check_field(L, lua_gettop(L) - 1, lua_gettop(L), name);
    lua_pushvalue(L, -2);
    lua_pushvalue(L, -2);
    lua_rawset(L, -5);
  }
  lua_pop(L, 1);
  return 1;
}

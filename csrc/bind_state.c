/* bind_state.c: methods of layers that go through all layers and tensors within: parameters,
 * state_dict, train and eval, clone. */
#include "bind_layer.h"

/* ---- walking -------------------------------------------------------------------------------- */

/* Stack positions of a walk: `list` receives layer, prefix, layer, prefix, ...; `seen` is the set
 * of layers met, so that a shared layer comes once and a cycle ends. */
typedef struct walk {
  int list, seen;
  const char *function; /* for messages */
} walk;

/* Visit the layer on top of the stack, whose prefix ("1.") lies under it, and pop both. */
static void visit(lua_State *L, const walk *w, int depth) {
  int prefix = lua_gettop(L) - 1, index = prefix + 1;
  luaL_checkstack(L, 10, w->function);
  if (depth > MGL_MAX_NESTING) luaL_error(L, "%s: layers are nested more than %d deep", w->function, MGL_MAX_NESTING);
  if (!mgl_test_layer(L, index)) {
    lua_pushlstring(L, lua_tostring(L, prefix), lua_rawlen(L, prefix) - 1); /* without its last dot */
    luaL_error(L, "%s: layer '%s' has been freed", w->function, lua_tostring(L, -1));
  }
  lua_pushvalue(L, index);
  bool seen = lua_rawget(L, w->seen) != LUA_TNIL;
  lua_pop(L, 1);
  if (!seen) {
    lua_pushvalue(L, index);
    lua_pushboolean(L, true);
    lua_rawset(L, w->seen);
    lua_Integer length = (lua_Integer)lua_rawlen(L, w->list);
    lua_pushvalue(L, index);
    lua_rawseti(L, w->list, length + 1);
    lua_pushvalue(L, prefix);
    lua_rawseti(L, w->list, length + 2);
    int count;
    const mgl_entry *entries = mgl_push_entries(L, index, &count);
    for (int i = 0; i < count; i++) {
      if (!entries[i].layer) continue;
      const char *name = mgl_push_entry_name(L, &entries[i]);
      lua_pushfstring(L, "%s%s.", lua_tostring(L, prefix), name);
      lua_remove(L, -2);
      mgl_push_entry(L, index + 1, &entries[i]);
      visit(L, w, depth + 1);
    }
  }
  lua_settop(L, prefix - 1);
}

void mgl_push_layers(lua_State *L, const char *function) {
  mgl_check_layer(L, 1, function);
  lua_newtable(L);
  lua_newtable(L);
  walk w = {lua_gettop(L) - 1, lua_gettop(L), function};
  lua_pushliteral(L, "");
  lua_pushvalue(L, 1);
  visit(L, &w, 0);
  lua_pop(L, 1);
}

/* Append name, box of t and whether it is a parameter to the list at index; the name is on top of
 * the stack and popped. */
static void add_tensor(lua_State *L, int list, mg_tensor *t, bool parameter) {
  lua_Integer length = (lua_Integer)lua_rawlen(L, list);
  lua_rawseti(L, list, length + 1);
  mgl_push_held_tensor(L, t);
  lua_rawseti(L, list, length + 2);
  lua_pushboolean(L, parameter);
  lua_rawseti(L, list, length + 3);
}

static void add_own_tensors(lua_State *L, int list, const mg_layer *layer, const char *prefix) {
  for (int i = 0; layer->type->slots[i].name; i++) {
    if (!layer->tensor[i]) continue;
    lua_pushfstring(L, "%s%s", prefix, layer->type->slots[i].name);
    add_tensor(L, list, layer->tensor[i], !layer->type->slots[i].buffer);
  }
}

/* The tensors among the fields of the container on top of the stack.  One that an operation made is neither
 * parameter nor buffer, but something that forward left there. */
static void add_field_tensors(lua_State *L, int list, const char *prefix, const char *function) {
  int index = lua_gettop(L), count;
  const mgl_entry *entries = mgl_push_entries(L, index, &count);
  for (int i = 0; i < count; i++) {
    if (entries[i].layer) continue;
    mgl_push_entry(L, index + 1, &entries[i]);
    mg_tensor *t = mgl_test_tensor(L, -1);
    if (!t)
      luaL_error(L, "%s: tensor '%s%s' has been freed", function, prefix, mgl_push_entry_name(L, &entries[i]));
    else if (!t->node) {
      bool parameter = mgl_is_parameter(L, index, &entries[i], t);
      lua_pushfstring(L, "%s%s", prefix, mgl_push_entry_name(L, &entries[i]));
      lua_remove(L, -2);
      add_tensor(L, list, t, parameter);
    }
    lua_pop(L, 1);
  }
  lua_settop(L, index);
}

/* Push the list of all tensors of the layer at index 1 and those within it, in order: name, box,
 * whether it is a parameter, name, box, ... */
static void push_tensors(lua_State *L, const char *function) {
  mgl_push_layers(L, function);
  int layers = lua_gettop(L);
  lua_newtable(L);
  for (lua_Integer i = 1; lua_rawgeti(L, layers, i + 1) != LUA_TNIL; i += 2) {
    const char *prefix = lua_tostring(L, -1);
    lua_rawgeti(L, layers, i);
    mg_layer *layer = mgl_check_layer(L, -1, function);
    add_own_tensors(L, layers + 1, layer, prefix);
    if (layer->type->container) add_field_tensors(L, layers + 1, prefix, function);
    lua_pop(L, 2);
  }
  lua_pop(L, 1);
  lua_remove(L, layers);
}

/* One step through a list of push_tensors at index: pushes name and box and returns the tensor, or
 * pushes nothing and returns NULL at the end.  *i starts at 0. */
static mg_tensor *next_tensor(lua_State *L, int list, lua_Integer *i, bool *parameter) {
  if (lua_rawgeti(L, list, *i + 1) == LUA_TNIL) return lua_pop(L, 1), NULL;
  lua_rawgeti(L, list, *i + 3);
  *parameter = lua_toboolean(L, -1);
  lua_pop(L, 1);
  lua_rawgeti(L, list, *i + 2);
  *i += 3;
  return mgl_test_tensor(L, -1);
}

/* Whether the tensor is met for the first time; remembers it in the table at `seen`. */
static bool first_time(lua_State *L, int seen, const mg_tensor *t) {
  bool first = lua_rawgetp(L, seen, t) == LUA_TNIL;
  lua_pop(L, 1);
  lua_pushboolean(L, true);
  lua_rawsetp(L, seen, t);
  return first;
}

/* ---- lists of tensors ----------------------------------------------------------------------- */

/* Push the list of parameters, or of buffers, each once; of pairs { name, tensor } where named. */
static int list_tensors(lua_State *L, const char *function, bool parameters, bool named) {
  lua_settop(L, 1);
  push_tensors(L, function);
  lua_newtable(L); /* seen, at 3 */
  lua_newtable(L); /* the result, at 4 */
  bool parameter;
  lua_Integer i = 0, n = 0;
  for (mg_tensor *t; (t = next_tensor(L, 2, &i, &parameter)); lua_settop(L, 4)) {
    if (parameter != parameters || !first_time(L, 3, t)) continue;
    if (named) {
      lua_createtable(L, 2, 0);
      lua_insert(L, 5);
      lua_rawseti(L, 5, 2);
      lua_rawseti(L, 5, 1);
    }
    lua_rawseti(L, 4, ++n);
  }
  return 1;
}

static int layer_parameters(lua_State *L) { return list_tensors(L, "parameters", true, false); }
static int layer_named_parameters(lua_State *L) { return list_tensors(L, "named_parameters", true, true); }
static int layer_buffers(lua_State *L) { return list_tensors(L, "buffers", false, false); }

int mgl_num_parameters(lua_State *L) {
  int64_t count = 0;
  lua_settop(L, 1);
  layer_parameters(L);
  for (lua_Integer i = 1; lua_rawgeti(L, 4, i) != LUA_TNIL; i++, lua_pop(L, 1)) count += mgl_test_tensor(L, -1)->numel;
  lua_pushinteger(L, count);
  return 1;
}

static int layer_zero_grad(lua_State *L) {
  push_tensors(L, "zero_grad");
  int list = lua_gettop(L);
  bool parameter;
  lua_Integer i = 0;
  for (mg_tensor *t; (t = next_tensor(L, list, &i, &parameter)); lua_settop(L, list)) {
    mg_release(t->grad);
    t->grad = NULL;
  }
  return 0;
}

/* Whether an optional boolean argument 2 is on, which it is by default. */
static bool check_switch(lua_State *L, const char *function) {
  lua_settop(L, 2);
  return lua_isnil(L, 2) || mgl_check_boolean(L, 2, function, "on");
}

static int layer_requires_grad(lua_State *L) {
  bool on = check_switch(L, "requires_grad_"), parameter;
  push_tensors(L, "requires_grad_");
  lua_Integer i = 0;
  for (mg_tensor *t; (t = next_tensor(L, 3, &i, &parameter)); lua_settop(L, 3))
    if (parameter) t->requires_grad = on;
  lua_settop(L, 1);
  return 1;
}

/* ---- state ---------------------------------------------------------------------------------- */

/* Names to tensors that share the layer's storage: they follow its training. */
static int layer_state_dict(lua_State *L) {
  lua_settop(L, 1);
  push_tensors(L, "state_dict");
  lua_newtable(L);
  bool parameter;
  lua_Integer i = 0;
  for (mg_tensor *t; (t = next_tensor(L, 2, &i, &parameter)); lua_settop(L, 3)) {
    size_t mark = mg_pool_mark();
    lua_pop(L, 1);
    mgl_return_tensor(L, mark, mg_detach(t));
    lua_rawset(L, 3);
  }
  return 1;
}

/* Problems of a state, gathered for one message; the text so far is on the stack at `text`. */
typedef struct problems {
  int text, count;
} problems;

#define MAX_PROBLEMS 6

/* Add the string on top of the stack, and pop it. */
static void add_problem(lua_State *L, problems *p) {
  if (p->count++ < MAX_PROBLEMS) {
    lua_pushvalue(L, p->text);
    lua_pushstring(L, p->count > 1 ? "; " : "");
    lua_pushvalue(L, -3);
    lua_concat(L, 3);
    lua_replace(L, p->text);
  }
  lua_pop(L, 1);
}

/* Compare each tensor of the list at 3 with what the state at 2 has under its name, and collect
 * the names at `names`. */
static void check_expected(lua_State *L, int names, problems *p) {
  bool parameter;
  lua_Integer i = 0;
  int top = lua_gettop(L);
  for (mg_tensor *t; (t = next_tensor(L, 3, &i, &parameter)); lua_settop(L, top)) {
    const char *name = lua_tostring(L, top + 1);
    lua_pushvalue(L, top + 1);
    lua_pushboolean(L, true);
    lua_rawset(L, names);
    lua_pushvalue(L, top + 1);
    lua_rawget(L, 2);
    mg_tensor *from = mgl_test_tensor(L, -1);
    if (from && mg_same_shape(from, t)) continue;
    if (lua_isnil(L, -1))
      lua_pushfstring(L, "missing '%s'", name);
    else
      lua_pushfstring(L, "'%s': expected a tensor of shape %s, got %s", name, mg_tensor_text(t), mgl_describe(L, -1));
    add_problem(L, p);
  }
}

static void check_unexpected(lua_State *L, int names, problems *p) {
  int key = lua_gettop(L) + 1;
  for (lua_pushnil(L); lua_next(L, 2); lua_settop(L, key)) {
    lua_pushvalue(L, key);
    if (lua_rawget(L, names) != LUA_TNIL) continue;
    if (lua_type(L, key) == LUA_TSTRING)
      lua_pushfstring(L, "unexpected '%s'", lua_tostring(L, key));
    else
      lua_pushfstring(L, "unexpected key: %s", mgl_describe(L, key));
    add_problem(L, p);
  }
}

/* Everything is checked before anything is changed. */
static int layer_load_state_dict(lua_State *L) {
  lua_settop(L, 2);
  if (!lua_istable(L, 2)) mgl_bad_argument(L, "load_state_dict", 2, "state", "a table of tensors");
  push_tensors(L, "load_state_dict");
  luaL_checkstack(L, 10, "load_state_dict");
  lua_newtable(L);
  lua_pushliteral(L, "");
  problems p = {5, 0};
  check_expected(L, 4, &p);
  check_unexpected(L, 4, &p);
  if (p.count > MAX_PROBLEMS)
    return luaL_error(L, "load_state_dict: %s; and %d more", lua_tostring(L, p.text), p.count - MAX_PROBLEMS);
  if (p.count > 0) return luaL_error(L, "load_state_dict: %s", lua_tostring(L, p.text));
  bool parameter;
  lua_Integer i = 0;
  for (mg_tensor *t; (t = next_tensor(L, 3, &i, &parameter)); lua_settop(L, 5)) {
    lua_pushvalue(L, 6);
    lua_rawget(L, 2);
    mg_layer_copy(t, mgl_test_tensor(L, -1));
  }
  lua_settop(L, 1);
  return 1;
}

/* ---- modes, children, functions ------------------------------------------------------------- */

static int set_training(lua_State *L, const char *function, bool on) {
  lua_settop(L, 1);
  mgl_push_layers(L, function);
  for (lua_Integer i = 1; lua_rawgeti(L, 2, i) != LUA_TNIL; i += 2, lua_pop(L, 1))
    mgl_check_layer(L, -1, function)->training = on;
  lua_settop(L, 1);
  return 1;
}

static int layer_train(lua_State *L) { return set_training(L, "train", check_switch(L, "train")); }
static int layer_eval(lua_State *L) { return set_training(L, "eval", false); }

/* layer:apply(f): f(layer) for the layer itself, then for each within it. */
static int layer_apply(lua_State *L) {
  lua_settop(L, 2);
  if (!lua_isfunction(L, 2)) mgl_bad_argument(L, "apply", 2, "f", "a function");
  mgl_push_layers(L, "apply");
  for (lua_Integer i = 1; lua_rawgeti(L, 3, i) != LUA_TNIL; i += 2) {
    lua_pushvalue(L, 2);
    lua_insert(L, -2);
    lua_call(L, 1, 0);
  }
  lua_settop(L, 1);
  return 1;
}

/* layer:named_layers(): a list of pairs { name, layer }, the layer itself ("") and all within. */
static int layer_named_layers(lua_State *L) {
  lua_settop(L, 1);
  mgl_push_layers(L, "named_layers");
  lua_newtable(L);
  for (lua_Integer i = 1; lua_rawgeti(L, 2, i + 1) != LUA_TNIL; i += 2) {
    const size_t length = lua_rawlen(L, -1);
    lua_createtable(L, 2, 0);
    lua_pushlstring(L, lua_tostring(L, -2), length > 0 ? length - 1 : 0); /* without its last dot */
    lua_rawseti(L, -2, 1);
    lua_rawgeti(L, 2, i);
    lua_rawseti(L, -2, 2);
    lua_rawseti(L, 3, i / 2 + 1);
    lua_pop(L, 1);
  }
  lua_settop(L, 3);
  return 1;
}

static int layer_children(lua_State *L) {
  lua_settop(L, 1);
  mgl_check_layer(L, 1, "children");
  int count;
  lua_Integer n = 0;
  const mgl_entry *entries = mgl_push_entries(L, 1, &count);
  lua_newtable(L);
  for (int i = 0; i < count; i++) {
    if (!entries[i].layer) continue;
    mgl_push_entry(L, 2, &entries[i]);
    lua_rawseti(L, -2, ++n);
  }
  return 1;
}

/* ---- clone ---------------------------------------------------------------------------------- */

/* Copies made so far, by what they are copies of, are in the table at 2: layers by their box,
 * tensors by pointer.  So what is shared stays shared, and cycles end. */
enum { COPIES = 2 };

static mg_tensor *copy_of(const mg_tensor *t) {
  mg_tensor *copy = mg_tensor_like(t);
  if (!copy) return NULL;
  mg_layer_copy(copy, t);
  copy->requires_grad = t->requires_grad;
  return copy;
}

/* Push a box of the copy of t and return the copy. */
static mg_tensor *push_tensor_copy(lua_State *L, mg_tensor *t) {
  if (lua_rawgetp(L, COPIES, t) == LUA_TNIL) {
    lua_pop(L, 1);
    size_t mark = mg_pool_mark();
    mgl_return_tensor(L, mark, copy_of(t));
    lua_pushvalue(L, -1);
    lua_rawsetp(L, COPIES, t);
  }
  return mgl_test_tensor(L, -1);
}

static void push_copy(lua_State *L, int index, int depth);

/* Push the value on top of the stack as a clone has it, in its place. */
static void copy_field(lua_State *L, int depth) {
  int value = lua_gettop(L);
  if (mgl_test_layer(L, value)) {
    push_copy(L, value, depth + 1);
  } else {
    mg_tensor *t = mgl_test_tensor(L, value);
    if (!t || t->node) return;
    push_tensor_copy(L, t);
  }
  lua_replace(L, value);
}

/* Fill the clone on top of the stack with copies of what the container at index holds. */
static void copy_container(lua_State *L, int index, int depth) {
  int clone = lua_gettop(L);
  for (int user_value = MGL_FIELDS; user_value <= MGL_TRAINED; user_value++) {
    lua_newtable(L);
    lua_getiuservalue(L, index, user_value);
    for (lua_pushnil(L); lua_next(L, clone + 2);) {
      lua_pushvalue(L, -2);
      lua_insert(L, -2);
      copy_field(L, depth);
      lua_rawset(L, clone + 1);
    }
    lua_pop(L, 1);
    lua_setiuservalue(L, clone, user_value);
  }
}

/* Push the clone of the layer at index (absolute). */
static void push_copy(lua_State *L, int index, int depth) {
  luaL_checkstack(L, 16, "clone");
  if (depth > MGL_MAX_NESTING) luaL_error(L, "clone: layers are nested more than %d deep", MGL_MAX_NESTING);
  lua_pushvalue(L, index);
  if (lua_rawget(L, COPIES) != LUA_TNIL) return;
  lua_pop(L, 1);
  mg_layer *layer = mgl_check_layer(L, index, "clone"), **box = mgl_push_layer_box(L);
  lua_pushvalue(L, index);
  lua_pushvalue(L, -2);
  lua_rawset(L, COPIES);
  size_t mark = mg_pool_mark();
  mg_layer *clone = *box = mg_layer_alias(layer);
  mgl_check(L, mark);
  for (int i = 0; i < MG_LAYER_TENSORS; i++) {
    if (!clone->tensor[i]) continue;
    mg_tensor *shared = clone->tensor[i];
    clone->tensor[i] = mg_retain(push_tensor_copy(L, shared));
    mg_release(shared);
    lua_pop(L, 1);
  }
  if (layer->type->container) copy_container(L, index, depth);
}

/* A layer of its own with the same values; functions and plain tables in fields are shared. */
static int layer_clone(lua_State *L) {
  mgl_check_layer(L, 1, "clone");
  lua_settop(L, 1);
  lua_newtable(L);
  push_copy(L, 1, 0);
  return 1;
}

const luaL_Reg mgl_state_methods[] = {{"parameters", layer_parameters},
                                      {"named_parameters", layer_named_parameters},
                                      {"buffers", layer_buffers},
                                      {"num_parameters", mgl_num_parameters},
                                      {"zero_grad", layer_zero_grad},
                                      {"requires_grad_", layer_requires_grad},
                                      {"state_dict", layer_state_dict},
                                      {"load_state_dict", layer_load_state_dict},
                                      {"train", layer_train},
                                      {"eval", layer_eval},
                                      {"apply", layer_apply},
                                      {"named_layers", layer_named_layers},
                                      {"children", layer_children},
                                      {"clone", layer_clone},
                                      {NULL, NULL}};

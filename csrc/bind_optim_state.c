/* bind_optim_state.c: an optimizer's state as plain Lua tables, and back.
 *
 *     { name = "Adam",
 *       groups = { { lr = 0.001, betas = { 0.9, 0.999 }, ..., params = { 1, 2 } }, ... },
 *       state = { { step = 10, exp_avg = tensor, exp_avg_sq = tensor }, {}, ... } }
 *
 * state[p] belongs to parameter p, counted over all groups; it is empty before its first step. */
#include "bind_optim.h"
#include "bind_option.h"

#define SAVE "optimizer:state_dict"
#define LOAD "optimizer:load_state_dict"

static const char *short_name(const mg_optimizer *optimizer) { return strchr(optimizer->type->name, '.') + 1; }

static void push_groups(lua_State *L, const mg_optimizer *optimizer) {
  lua_createtable(L, optimizer->group_count, 0);
  int p = 0;
  for (int g = 0; g < optimizer->group_count; g++) {
    lua_newtable(L);
    mgl_add_group_options(L, optimizer, g);
    lua_newtable(L);
    for (int i = 1; p < optimizer->n && optimizer->parameters[p].group == g; i++) {
      lua_pushinteger(L, ++p);
      lua_rawseti(L, -2, i);
    }
    lua_setfield(L, -2, "params");
    lua_rawseti(L, -2, g + 1);
  }
}

static void push_state(lua_State *L, const mg_optimizer *optimizer) {
  lua_createtable(L, optimizer->n, 0);
  for (int p = 0; p < optimizer->n; p++) {
    const mg_optim_parameter *parameter = &optimizer->parameters[p];
    lua_newtable(L);
    if (parameter->steps > 0) {
      lua_pushinteger(L, parameter->steps);
      lua_setfield(L, -2, "step");
      for (int i = 0; i < MG_MAX_STATE; i++) {
        if (!parameter->state[i]) continue;
        mgl_push_held_tensor(L, parameter->state[i]);
        lua_setfield(L, -2, optimizer->type->state[i].name);
      }
    }
    lua_rawseti(L, -2, p + 1);
  }
}

/* The tensors are the optimizer's own, not copies: save or clone them before the next step. */
int mgl_optimizer_state_dict(lua_State *L) {
  const mg_optimizer *optimizer = mgl_check_optimizer(L, SAVE);
  lua_createtable(L, 0, 3);
  lua_pushstring(L, short_name(optimizer));
  lua_setfield(L, -2, "name");
  push_groups(L, optimizer);
  lua_setfield(L, -2, "groups");
  push_state(L, optimizer);
  lua_setfield(L, -2, "state");
  return 1;
}

/* ---- loading: everything is read and checked before anything is changed ------------------------ */

/* Push field `key` of the table on top (raw: no metamethod runs while we hold bare pointers). */
static int push_field(lua_State *L, const char *key) {
  lua_pushstring(L, key);
  return lua_rawget(L, -2);
}

/* Push field `key`, which must be a list of n elements. */
static void push_list(lua_State *L, const char *key, int n) {
  if (push_field(L, key) != LUA_TTABLE || lua_rawlen(L, -1) != (lua_Unsigned)n)
    luaL_error(L, LOAD ": %s: expected a list of %d, got %s", key, n,
               lua_istable(L, -1) ? lua_pushfstring(L, "a list of %I", (LUAI_UACINT)lua_rawlen(L, -1))
                                  : mgl_describe(L, -1));
}

/* Push element i (1-based) of the list on top, which must be a table. */
static void push_table(lua_State *L, int i, const char *where) {
  if (lua_rawgeti(L, -1, i) != LUA_TTABLE)
    luaL_error(L, LOAD ": %s[%d]: expected a table, got %s", where, i, mgl_describe(L, -1));
}

static int count_parameters(const mg_optimizer *optimizer, int g) {
  int n = 0;
  for (int p = 0; p < optimizer->n; p++) n += optimizer->parameters[p].group == g;
  return n;
}

/* Read the options of the group on top; all of them must be there, except for numbers that may be
 * unlimited. */
static void read_group(lua_State *L, const mg_optimizer *optimizer, int g, mg_values *values) {
  static const char *const others[] = {"params", NULL};
  const mg_option *options = optimizer->type->options;
  const char *name = lua_pushfstring(L, LOAD ": groups[%d]", g + 1);
  lua_insert(L, -2);
  for (int i = 0; options[i].name; i++) {
    memcpy(values->value[i], options[i].fallback, sizeof values->value[i]);
    if (push_field(L, options[i].name) == LUA_TNIL && !isinf(options[i].fallback[0]))
      luaL_error(L, "%s: expected the option %s, got nil", name, options[i].name);
    lua_pop(L, 1);
  }
  mgl_read_options(L, -1, name, options, others, values);
  push_list(L, "params", count_parameters(optimizer, g));
  lua_pop(L, 1);
  lua_remove(L, -2);
}

/* Read state tensor i of parameter p from the table on top, where one is due. */
static void read_tensor(lua_State *L, const mg_optimizer *optimizer, const mg_values *groups, int p, int i,
                        mg_optim_parameter *saved) {
  const mg_optim_type *type = optimizer->type;
  const mg_tensor *parameter = optimizer->parameters[p].tensor;
  const char *key = type->state[i].name;
  bool due = saved->steps > 0 && mg_optim_keeps(type, &groups[optimizer->parameters[p].group], i);
  if (!key) return;
  push_field(L, key);
  mg_tensor *tensor = mgl_test_tensor(L, -1);
  if (!due && !lua_isnil(L, -1))
    luaL_error(L, LOAD ": state[%d].%s: expected nil with these options and steps, got %s", p + 1, key,
               mgl_describe(L, -1));
  if (due && (!tensor || !mg_same_shape(tensor, parameter)))
    luaL_error(L, LOAD ": state[%d].%s: expected a tensor %s, got %s", p + 1, key, mg_tensor_text(parameter),
               mgl_describe(L, -1));
  saved->state[i] = due ? tensor : NULL;
  lua_pop(L, 1);
}

/* Read the state of parameter p from the table on top. */
static void read_state(lua_State *L, const mg_optimizer *optimizer, const mg_values *groups, int p,
                       mg_optim_parameter *saved) {
  const char *names[MG_MAX_STATE + 2] = {"step"};
  for (int i = 0; i < MG_MAX_STATE; i++) names[i + 1] = optimizer->type->state[i].name;
  const char *name = lua_pushfstring(L, LOAD ": state[%d]", p + 1);
  lua_insert(L, -2);
  mgl_check_keys(L, -1, name, names);
  int type = push_field(L, "step"), whole;
  lua_Integer steps = lua_tointegerx(L, -1, &whole);
  if (type != LUA_TNIL && (type != LUA_TNUMBER || !whole || steps < 0))
    luaL_error(L, "%s.step: expected a whole number >= 0, got %s", name, mgl_describe(L, -1));
  lua_pop(L, 1);
  saved->steps = steps;
  for (int i = 0; i < MG_MAX_STATE; i++) read_tensor(L, optimizer, groups, p, i, saved);
  lua_remove(L, -2);
}

int mgl_optimizer_load_state_dict(lua_State *L) {
  static const char *const keys[] = {"name", "groups", "state", NULL};
  mg_optimizer *optimizer = mgl_check_optimizer(L, LOAD);
  lua_settop(L, 2);
  if (!lua_istable(L, 2)) return mgl_bad_argument(L, LOAD, 2, "state", "a table that state_dict gave");
  mgl_check_keys(L, 2, LOAD, keys);
  mg_values *groups = lua_newuserdatauv(L, (size_t)optimizer->group_count * sizeof *groups, 0);
  mg_optim_parameter *saved = lua_newuserdatauv(L, (size_t)optimizer->n * sizeof *saved, 0);
  memset(groups, 0, (size_t)optimizer->group_count * sizeof *groups);
  memset(saved, 0, (size_t)optimizer->n * sizeof *saved);
  lua_pushvalue(L, 2);
  if (push_field(L, "name") != LUA_TSTRING || strcmp(lua_tostring(L, -1), short_name(optimizer)) != 0)
    return luaL_error(L, LOAD ": name: expected \"%s\", got %s", short_name(optimizer), mgl_describe(L, -1));
  lua_pop(L, 1);
  push_list(L, "groups", optimizer->group_count);
  for (int g = 0; g < optimizer->group_count; g++) {
    push_table(L, g + 1, "groups");
    read_group(L, optimizer, g, &groups[g]);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  push_list(L, "state", optimizer->n);
  for (int p = 0; p < optimizer->n; p++) {
    push_table(L, p + 1, "state");
    read_state(L, optimizer, groups, p, &saved[p]);
    lua_pop(L, 1);
  }
  mg_optimizer_load(optimizer, groups, saved);
  mgl_check(L, mg_pool_mark());
  return 0;
}

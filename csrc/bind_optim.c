/* bind_optim.c: optimizers as userdata. */
#include "bind_optim.h"
#include "bind_option.h"

typedef struct optimizer_box {
  mg_optimizer *optimizer; /* NULL once freed */
} optimizer_box;

mg_optimizer *mgl_check_optimizer(lua_State *L, const char *method) {
  optimizer_box *box = luaL_testudata(L, 1, MG_OPTIMIZER);
  if (!box) return mgl_bad_argument(L, method, 1, "self", "an optimizer"), NULL;
  if (!box->optimizer) return luaL_error(L, "%s: the optimizer was freed", method), NULL;
  return box->optimizer;
}

/* ---- construction -------------------------------------------------------------------------- */

/* The tensors of the list at index, in a buffer that is left on the stack. */
static mg_tensor **check_list(lua_State *L, int index, const char *function, int *n) {
  index = lua_absindex(L, index);
  if (!lua_istable(L, index)) mgl_bad_argument(L, function, index, "params", "a list of tensors");
  int length = (int)MG_MIN(lua_rawlen(L, index), (lua_Unsigned)1 << 24);
  mg_tensor **tensors = lua_newuserdatauv(L, (size_t)(length + 1) * sizeof *tensors, 0);
  *n = mgl_check_tensors(L, index, function, "params", tensors, length);
  return tensors;
}

/* Add the parameters of the list at index as a group. */
static void add_group(lua_State *L, mg_optimizer *optimizer, int index, const mg_values *values) {
  int n;
  mg_tensor **tensors = check_list(L, index, optimizer->type->name, &n);
  mg_optimizer_add_group(optimizer, values, tensors, n);
  mgl_check(L, mg_pool_mark());
  lua_pop(L, 1);
}

/* Add the groups { params = { ... }, lr = ... } of the list at index 1; `values` are the options
 * that they share. */
static void add_groups(lua_State *L, mg_optimizer *optimizer, const mg_values *values) {
  static const char *const others[] = {"params", NULL};
  lua_Integer count = (lua_Integer)lua_rawlen(L, 1);
  for (lua_Integer g = 1; g <= count; g++) {
    const char *name = lua_pushfstring(L, "%s: group %I", optimizer->type->name, (LUAI_UACINT)g);
    lua_rawgeti(L, 1, g);
    if (!lua_istable(L, -1))
      luaL_error(L, "%s: expected a table { params = { ... }, ... } as the others are, got %s", name,
                 mgl_describe(L, -1));
    mg_values own = *values;
    mgl_read_options(L, -1, name, optimizer->type->options, others, &own);
    lua_pushliteral(L, "params");
    lua_rawget(L, -2);
    if (!lua_istable(L, -1)) luaL_error(L, "%s: expected params, a list of tensors, got %s", name, mgl_describe(L, -1));
    add_group(L, optimizer, -1, &own);
    lua_pop(L, 3);
  }
}

/* optim.NAME(params, options): params is a list of tensors, or of groups. */
static int construct(lua_State *L) {
  const mg_optim_type *type = lua_touserdata(L, lua_upvalueindex(1));
  if (!lua_istable(L, 1))
    return mgl_bad_argument(L, type->name, 1, "params", "a list of tensors, or of groups { params = { ... }, ... }");
  mg_values values;
  mgl_check_options(L, 2, type->name, type->options, &values);
  optimizer_box *box = lua_newuserdatauv(L, sizeof *box, 0);
  box->optimizer = NULL;
  luaL_setmetatable(L, MG_OPTIMIZER);
  box->optimizer = mg_optimizer_new(type);
  mgl_check(L, mg_pool_mark());
  bool groups = lua_rawgeti(L, 1, 1) == LUA_TTABLE;
  lua_pop(L, 1);
  if (groups)
    add_groups(L, box->optimizer, &values);
  else
    add_group(L, box->optimizer, 1, &values);
  if (box->optimizer->n == 0) luaL_error(L, "%s: expected at least one parameter, got none", type->name);
  return 1;
}

static int free_optimizer(lua_State *L) {
  optimizer_box *box = luaL_checkudata(L, 1, MG_OPTIMIZER);
  mg_optimizer *optimizer = box->optimizer;
  box->optimizer = NULL;
  mg_optimizer_free(optimizer);
  return 0;
}

/* ---- methods ------------------------------------------------------------------------------- */

/* opt:step() */
static int step(lua_State *L) {
  const char *name = "optimizer:step";
  size_t mark = mg_pool_mark(), before = mg_memory()->live_bytes;
  if (!mg_optimizer_step(mgl_check_optimizer(L, name)) && mgl_retry(L, mark))
    mg_optimizer_step(mgl_check_optimizer(L, name)); /* checked anew: a finalizer may have freed it */
  mgl_check(L, mark);
  if (mg_memory()->live_bytes > before)
    mgl_charge(L, mg_memory()->live_bytes - before); /* the first step makes state */
  return 0;
}

/* opt:zero_grad{ set_to_zero = false } */
static int zero_grad(lua_State *L) {
  static const mg_option options[] = {{.name = "set_to_zero", .kind = MG_BOOLEAN}, {.name = NULL}};
  mg_optimizer *optimizer = mgl_check_optimizer(L, "optimizer:zero_grad");
  mg_values values;
  mgl_check_options(L, 2, "optimizer:zero_grad", options, &values);
  mg_optimizer_zero_grad(optimizer, values.value[0][0] != 0);
  return 0;
}

/* The learning rate at index, checked as the constructor does. */
static double check_lr(lua_State *L, int index, const char *function) {
  double lr = mgl_check_number(L, index, function, "lr");
  if (!(lr >= 0)) mgl_bad_argument(L, function, index, "lr", "a number >= 0");
  return lr;
}

static void set_lr_of_all(mg_optimizer *optimizer, double lr) {
  for (int g = 0; g < optimizer->group_count; g++) optimizer->groups[g].value[MG_OPTIM_LR][0] = lr;
}

/* opt:set_lr(lr, group): of one group, or of all. */
static int set_lr(lua_State *L) {
  const char *name = "optimizer:set_lr";
  mg_optimizer *optimizer = mgl_check_optimizer(L, name);
  double lr = check_lr(L, 2, name);
  if (lua_isnoneornil(L, 3)) {
    set_lr_of_all(optimizer, lr);
  } else {
    lua_Integer group = mgl_check_integer(L, 3, name, "group", 1, optimizer->group_count);
    optimizer->groups[group - 1].value[MG_OPTIM_LR][0] = lr;
  }
  return 0;
}

void mgl_add_group_options(lua_State *L, const mg_optimizer *optimizer, int g) {
  const mg_option *options = optimizer->type->options;
  for (int i = 0; options[i].name; i++) {
    mgl_push_option(L, &options[i], optimizer->groups[g].value[i]);
    lua_setfield(L, -2, options[i].name);
  }
}

/* opt:param_groups(): a list of { params = { tensors }, lr = ..., ... }, to look at. */
static int param_groups(lua_State *L) {
  const mg_optimizer *optimizer = mgl_check_optimizer(L, "optimizer:param_groups");
  lua_createtable(L, optimizer->group_count, 0);
  int p = 0;
  for (int g = 0; g < optimizer->group_count; g++) {
    lua_newtable(L);
    mgl_add_group_options(L, optimizer, g);
    lua_newtable(L);
    for (int i = 1; p < optimizer->n && optimizer->parameters[p].group == g; i++, p++) {
      mgl_push_held_tensor(L, optimizer->parameters[p].tensor);
      lua_rawseti(L, -2, i);
    }
    lua_setfield(L, -2, "params");
    lua_rawseti(L, -2, g + 1);
  }
  return 1;
}

/* opt.lr is the first group's learning rate; any other key is a method. */
static int index_field(lua_State *L) {
  const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
  if (strcmp(key, "lr") == 0) {
    const mg_optimizer *optimizer = mgl_check_optimizer(L, "optimizer.lr");
    lua_pushnumber(L, optimizer->groups[0].value[MG_OPTIM_LR][0]);
  } else {
    lua_pushvalue(L, 2);
    lua_rawget(L, lua_upvalueindex(1));
  }
  return 1;
}

/* opt.lr = x sets the learning rate of every group. */
static int set_field(lua_State *L) {
  mg_optimizer *optimizer = mgl_check_optimizer(L, "optimizer.lr");
  if (lua_type(L, 2) != LUA_TSTRING || strcmp(lua_tostring(L, 2), "lr") != 0)
    return luaL_error(L, "%s: only lr can be assigned, got the field %s", optimizer->type->name, mgl_describe(L, 2));
  set_lr_of_all(optimizer, check_lr(L, 3, "optimizer.lr"));
  return 0;
}

/* "optim.Adam{ lr = 0.001, ... } over 4 parameters, 535809 numbers"; a line for each group. */
static int to_string(lua_State *L) {
  const optimizer_box *box = luaL_checkudata(L, 1, MG_OPTIMIZER);
  const mg_optimizer *optimizer = box->optimizer;
  if (!optimizer) return lua_pushliteral(L, "optimizer (freed)"), 1;
  luaL_Buffer text;
  luaL_buffinit(L, &text);
  int p = 0;
  for (int g = 0; g < optimizer->group_count; g++) {
    int first = p;
    int64_t numbers = 0;
    for (; p < optimizer->n && optimizer->parameters[p].group == g; p++)
      numbers += optimizer->parameters[p].tensor->numel;
    if (g > 0) luaL_addchar(&text, '\n');
    luaL_addstring(&text, optimizer->type->name);
    luaL_addstring(&text, "{ ");
    mgl_push_options_text(L, optimizer->type->options, &optimizer->groups[g]);
    luaL_addvalue(&text);
    lua_pushfstring(L, " } over %d %s, %I %s", p - first, p - first == 1 ? "parameter" : "parameters",
                    (LUAI_UACINT)numbers, numbers == 1 ? "number" : "numbers");
    luaL_addvalue(&text);
  }
  luaL_pushresult(&text);
  return 1;
}

/* ---- clipping ------------------------------------------------------------------------------ */

/* optim.clip_grad_norm(params, max_norm, { norm_type = 2 }): the norm before clipping. */
static int clip_grad_norm(lua_State *L) {
  static const mg_option options[] = {
      {.name = "max_norm", .kind = MG_NUMBER, .positional = true, .required = true, .min = 0, .max = INFINITY},
      {.name = "norm_type", .kind = MG_NUMBER, .fallback = {2}, .min = 1, .max = INFINITY},
      {.name = NULL}};
  const char *name = "optim.clip_grad_norm";
  int n;
  mg_values values;
  mgl_check_options(L, 2, name, options, &values);
  mg_tensor **tensors = check_list(L, 1, name, &n);
  double norm = mg_clip_grad_norm(tensors, n, values.value[0][0], values.value[1][0]);
  mgl_check(L, mg_pool_mark());
  lua_pushnumber(L, norm);
  return 1;
}

/* optim.clip_grad_value(params, limit) */
static int clip_grad_value(lua_State *L) {
  static const mg_option options[] = {
      {.name = "limit", .kind = MG_NUMBER, .positional = true, .required = true, .min = 0, .max = INFINITY},
      {.name = NULL}};
  const char *name = "optim.clip_grad_value";
  int n;
  mg_values values;
  mgl_check_options(L, 2, name, options, &values);
  mg_tensor **tensors = check_list(L, 1, name, &n);
  mg_clip_grad_value(tensors, n, values.value[0][0]);
  mgl_check(L, mg_pool_mark());
  return 0;
}

/* ---- the module ---------------------------------------------------------------------------- */

void mgl_open_optim(lua_State *L) {
  static const luaL_Reg metamethods[] = {{"__gc", free_optimizer},
                                         {"__close", free_optimizer},
                                         {"__newindex", set_field},
                                         {"__tostring", to_string},
                                         {NULL, NULL}};
  static const luaL_Reg methods[] = {{"step", step},
                                     {"zero_grad", zero_grad},
                                     {"set_lr", set_lr},
                                     {"param_groups", param_groups},
                                     {"state_dict", mgl_optimizer_state_dict},
                                     {"load_state_dict", mgl_optimizer_load_state_dict},
                                     {"free", free_optimizer},
                                     {NULL, NULL}};
  static const luaL_Reg functions[] = {
      {"clip_grad_norm", clip_grad_norm}, {"clip_grad_value", clip_grad_value}, {NULL, NULL}};
  luaL_newmetatable(L, MG_OPTIMIZER);
  luaL_setfuncs(L, metamethods, 0);
  luaL_newlib(L, methods);
  lua_pushcclosure(L, index_field, 1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  luaL_newlib(L, functions);
  for (const mg_optim_type *type = mg_optim_types; type->name; type++) {
    lua_pushlightuserdata(L, (void *)type);
    lua_pushcclosure(L, construct, 1);
    lua_setfield(L, -2, strchr(type->name, '.') + 1);
  }
  lua_setfield(L, -2, "optim");
}

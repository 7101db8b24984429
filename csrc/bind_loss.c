/* bind_loss.c: losses as userdata, called like functions: l(input, target). */
#include "bind.h"
#include "bind_option.h"
#include "loss.h"

typedef struct loss_box {
  const mg_loss_type *type;
  mg_values values;
} loss_box;

/* loss.NAME(options) */
static int construct(lua_State *L) {
  const mg_loss_type *type = lua_touserdata(L, lua_upvalueindex(1));
  mg_values values;
  mgl_check_options(L, 1, type->name, type->options, &values);
  loss_box *box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = (loss_box){type, values};
  luaL_setmetatable(L, MG_LOSS);
  return 1;
}

/* The loss of the arguments 1 and 2, the box being the third. */
static mg_tensor *forward(lua_State *L, const loss_box *box) {
  const char *name = box->type->name;
  mg_target target = {0};
  mg_tensor *input = mgl_check_tensor(L, 1, name, "input");
  if (lua_type(L, 2) == LUA_TNUMBER)
    target.number = lua_tonumber(L, 2);
  else if (lua_isuserdata(L, 2))
    target.tensor = mgl_check_tensor(L, 2, name, "target");
  else
    mgl_bad_argument(L, name, 2, "target", "a tensor or a number");
  return mg_loss_forward(box->type, &box->values, input, target);
}

/* l(input, target): target is a tensor, or a number for every element. */
static int call(lua_State *L) {
  const loss_box *box = luaL_checkudata(L, 1, MG_LOSS);
  lua_settop(L, 3);
  lua_rotate(L, 1, -1); /* the box to the end, so that messages count from the input */
  size_t mark = mg_pool_mark();
  mg_tensor *result = forward(L, box);
  if (!result && mgl_retry(L, mark)) result = forward(L, box);
  return mgl_return_tensor(L, mark, result);
}

/* Options can be read as fields: l.reduction. */
static int index_field(lua_State *L) {
  const loss_box *box = luaL_checkudata(L, 1, MG_LOSS);
  int i = lua_type(L, 2) == LUA_TSTRING ? mgl_find_option(box->type->options, lua_tostring(L, 2)) : -1;
  if (i < 0) return 0;
  mgl_push_option(L, &box->type->options[i], box->values.value[i]);
  return 1;
}

static int to_string(lua_State *L) {
  const loss_box *box = luaL_checkudata(L, 1, MG_LOSS);
  mgl_push_options_text(L, box->type->options, &box->values);
  lua_pushfstring(L, "%s{ %s }", box->type->name, lua_tostring(L, -1));
  return 1;
}

void mgl_open_loss(lua_State *L) {
  static const luaL_Reg metamethods[] = {
      {"__call", call}, {"__index", index_field}, {"__tostring", to_string}, {NULL, NULL}};
  luaL_newmetatable(L, MG_LOSS);
  luaL_setfuncs(L, metamethods, 0);
  lua_pop(L, 1);
  lua_newtable(L);
  for (const mg_loss_type *type = mg_loss_types; type->name; type++) {
    lua_pushlightuserdata(L, (void *)type);
    lua_pushcclosure(L, construct, 1);
    lua_setfield(L, -2, strchr(type->name, '.') + 1);
  }
  lua_setfield(L, -2, "loss");
}

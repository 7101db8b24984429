/* bind_layer_function.c: layers without tensors of their own as functions of the module and methods
 * of tensors: mg.max_pool2d(x, 2), x:max_pool2d(2). */
#include "bind_layer.h"

/* The type is the function's upvalue. */
static int call_function(lua_State *L) {
  const mg_layer_type *type = lua_touserdata(L, lua_upvalueindex(1));
  mg_layer layer = {.type = type, .training = true};
  size_t mark = mg_pool_mark();
  mg_tensor *result;
  mgl_check_tensor(L, 1, type->function, "x");
  mgl_check_options(L, 2, type->function, type->options, &layer.values);
  do {
    mg_tensor *x = mgl_check_tensor(L, 1, type->function, "x");
    result = !type->build || type->build(&layer) ? mg_layer_forward(&layer, &x, 1) : NULL;
  } while (!result && mgl_retry(L, mark));
  if (!result) mg_fail_prefix("%s: ", type->function);
  return mgl_return_tensor(L, mark, result);
}

void mgl_open_functions(lua_State *L) {
  const mg_layer_type *type;
  luaL_getmetatable(L, MG_TENSOR);
  lua_getfield(L, -1, "methods");
  lua_remove(L, -2);
  for (int i = 0; (type = mg_layer_type_at(i)); i++) {
    if (!type->function) continue;
    lua_pushlightuserdata(L, (void *)type);
    lua_pushcclosure(L, call_function, 1);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, type->function);
    lua_setfield(L, -3, type->function);
  }
  lua_pop(L, 1);
}

/* bind_shape.c: Lua functions and methods that are compositions of registered shape operations. */
#include "bind.h"

/* The 0-based dimension at index, or a fallback where none is given. */
static int check_optional_dim(lua_State *L, int index, const char *function, const char *name, int count,
                              int fallback) {
  return lua_isnoneornil(L, index) ? fallback : mgl_check_dim(L, index, function, name, count);
}

/* transpose(x, a, b): two dimensions exchanged. */
static int transpose(lua_State *L) {
  mg_tensor *x = mgl_check_tensor(L, 1, "transpose", "x");
  int a = mgl_check_dim(L, 2, "transpose", "a", x->ndim), b = mgl_check_dim(L, 3, "transpose", "b", x->ndim);
  size_t mark = mg_pool_mark();
  return mgl_return_tensor(L, mark, mg_transpose(x, a, b));
}

/* t(x): the transposed matrix. */
static int matrix_transpose(lua_State *L) {
  mg_tensor *x = mgl_check_tensor(L, 1, "t", "x");
  if (x->ndim != 2) return mgl_bad_argument(L, "t", 1, "x", "a tensor of 2 dimensions");
  size_t mark = mg_pool_mark();
  return mgl_return_tensor(L, mark, mg_transpose(x, 0, 1));
}

/* select(x, dim, index): one position of a dimension, which is dropped. */
static int select_position(lua_State *L) {
  mg_tensor *x = mgl_check_tensor(L, 1, "select", "x");
  int dim = mgl_check_dim(L, 2, "select", "dim", x->ndim);
  int64_t size = x->shape[dim], index = mgl_check_integer(L, 3, "select", "index", -size, size);
  if (index == 0 || size == 0)
    return mgl_bad_argument(L, "select", 3, "index", "a position, counted from 1 or back from -1");
  size_t mark = mg_pool_mark();
  return mgl_return_tensor(L, mark, mg_select(x, dim, index < 0 ? index + size : index - 1));
}

/* stack(xs, dim = 1): tensors of one shape side by side along a new dimension. */
static int stack(lua_State *L) {
  mg_tensor *xs[MG_MAX_INPUTS];
  int n = mgl_check_tensors(L, 1, "stack", "xs", xs, MG_MAX_INPUTS);
  if (n == 0) return mgl_bad_argument(L, "stack", 1, "xs", "at least one tensor");
  int dim = check_optional_dim(L, 2, "stack", "dim", xs[0]->ndim + 1, 0);
  size_t mark = mg_pool_mark();
  return mgl_return_tensor(L, mark, mg_stack(xs, n, dim));
}

/* squeeze(x, dim): without dimension dim, whose size must be 1; without dim, without all such. */
static int squeeze(lua_State *L) {
  mg_tensor *x = mgl_check_tensor(L, 1, "squeeze", "x");
  int dim = check_optional_dim(L, 2, "squeeze", "dim", x->ndim, -1), n = 0;
  int64_t shape[MG_MAX_DIM];
  if (dim >= 0 && x->shape[dim] != 1)
    return luaL_error(L, "squeeze: expected dimension %d of x %s to have size 1", dim + 1, mg_tensor_text(x));
  for (int i = 0; i < x->ndim; i++)
    if (dim < 0 ? x->shape[i] != 1 : i != dim) shape[n++] = x->shape[i];
  size_t mark = mg_pool_mark();
  return mgl_return_tensor(L, mark, mg_reshape(x, n, shape));
}

/* unsqueeze(x, dim): a new dimension of size 1, which becomes dimension dim. */
static int unsqueeze(lua_State *L) {
  mg_tensor *x = mgl_check_tensor(L, 1, "unsqueeze", "x");
  int dim = mgl_check_dim(L, 2, "unsqueeze", "dim", x->ndim + 1);
  size_t mark = mg_pool_mark();
  return mgl_return_tensor(L, mark, mg_unsqueeze(x, dim));
}

/* flatten(x, first = 1, last = -1): dimensions first to last as one. */
static int flatten(lua_State *L) {
  mg_tensor *x = mgl_check_tensor(L, 1, "flatten", "x");
  int first = check_optional_dim(L, 2, "flatten", "first", x->ndim, 0), n = 0;
  int last = check_optional_dim(L, 3, "flatten", "last", x->ndim, x->ndim - 1);
  int64_t shape[MG_MAX_DIM] = {1};
  if (x->ndim > 0 && last < first)
    return luaL_error(L, "flatten: expected first not to be past last, got dimensions %d and %d", first + 1, last + 1);
  for (int i = 0; i < x->ndim; i++) {
    if (i > first && i <= last)
      shape[n - 1] *= x->shape[i];
    else
      shape[n++] = x->shape[i];
  }
  size_t mark = mg_pool_mark();
  return mgl_return_tensor(L, mark, mg_reshape(x, MG_MAX(n, 1), shape));
}

/* logsumexp(x, dim, keepdim = false): log(sum(exp(x))), without overflow; without dim, of all. */
static int logsumexp(lua_State *L) {
  mg_tensor *x = mgl_check_tensor(L, 1, "logsumexp", "x");
  int dim = check_optional_dim(L, 2, "logsumexp", "dim", x->ndim, -1);
  bool keepdim = !lua_isnoneornil(L, 3) && mgl_check_boolean(L, 3, "logsumexp", "keepdim");
  size_t mark = mg_pool_mark();
  return mgl_return_tensor(L, mark, mg_logsumexp(x, dim, keepdim));
}

const luaL_Reg mgl_shape_methods[] = {
    {"transpose", transpose}, {"t", matrix_transpose}, {"select", select_position}, {"squeeze", squeeze},
    {"unsqueeze", unsqueeze}, {"flatten", flatten},    {"logsumexp", logsumexp},    {NULL, NULL}};

void mgl_open_shape(lua_State *L) {
  luaL_setfuncs(L, mgl_shape_methods, 0);
  lua_pushcfunction(L, stack);
  lua_setfield(L, -2, "stack");
}

/* Tensor functions composed of registered operations, and Lua's operators. */
#include <string.h>

#include "bind_tensor.h"

/* ---- operators: either side may be a number -------------------------------------------------- */

typedef struct operands {
  mg_tensor *a, *b; /* NULL where that side is a number */
  double x, y;
  size_t mark;
} operands;

static operands read_operands(lua_State *L, const char *function) {
  operands o = {.mark = mg_pool_mark()};
  if (lua_type(L, 1) == LUA_TNUMBER)
    o.x = lua_tonumber(L, 1);
  else
    o.a = mgl_check_tensor(L, 1, function, "left side");
  if (lua_type(L, 2) == LUA_TNUMBER)
    o.y = lua_tonumber(L, 2);
  else
    o.b = mgl_check_tensor(L, 2, function, "right side");
  if (!o.a && !o.b) mgl_bad_argument(L, function, 1, "left side", "a tensor on one side");
  return o;
}

static mg_tensor *side(mg_tensor *t, double number) { return t ? t : mg_scalar(number); }

static int operator_add(lua_State *L) {
  operands o = read_operands(L, "+");
  mg_tensor *y = !o.b ? mg_affine(o.a, 1, o.y) : !o.a ? mg_affine(o.b, 1, o.x) : mg_add(o.a, o.b);
  return mgl_return_tensor(L, o.mark, y);
}

static int operator_sub(lua_State *L) {
  operands o = read_operands(L, "-");
  mg_tensor *y = !o.b ? mg_affine(o.a, 1, -o.y) : !o.a ? mg_affine(o.b, -1, o.x) : mg_sub(o.a, o.b);
  return mgl_return_tensor(L, o.mark, y);
}

static int operator_mul(lua_State *L) {
  operands o = read_operands(L, "*");
  mg_tensor *y = !o.b ? mg_affine(o.a, o.y, 0) : !o.a ? mg_affine(o.b, o.x, 0) : mg_mul(o.a, o.b);
  return mgl_return_tensor(L, o.mark, y);
}

static int operator_div(lua_State *L) {
  operands o = read_operands(L, "/");
  return mgl_return_tensor(L, o.mark, mg_div(side(o.a, o.x), side(o.b, o.y)));
}

static int power(lua_State *L, const char *name) {
  operands o = read_operands(L, name);
  return mgl_return_tensor(L, o.mark, o.b ? mg_pow(side(o.a, o.x), o.b) : mg_pow_scalar(o.a, o.y));
}

static int operator_pow(lua_State *L) { return power(L, "^"); }
static int tensor_pow(lua_State *L) { return power(L, "pow"); }

static int tensor_neg(lua_State *L) {
  size_t mark = mg_pool_mark();
  return mgl_return_tensor(L, mark, mg_neg(mgl_check_tensor(L, 1, "neg", "x")));
}

const luaL_Reg mgl_operators[] = {
    {"__add", operator_add},
    {"__sub", operator_sub},
    {"__mul", operator_mul},
    {"__div", operator_div},
    {"__pow", operator_pow},
    {"__unm", tensor_neg},
    {NULL, NULL},
};

/* ---- functions of one tensor ---------------------------------------------------------------- */

typedef mg_tensor *function(mg_tensor *x);

static int call_function(lua_State *L, const char *name, function *f) {
  size_t mark = mg_pool_mark();
  return mgl_return_tensor(L, mark, f(mgl_check_tensor(L, 1, name, "x")));
}

static mg_tensor *clone(mg_tensor *x) { return mg_expand(x, x->ndim, x->shape); }
static mg_tensor *detach(mg_tensor *x) { return mg_detach(x); }

static int tensor_selu(lua_State *L) { return call_function(L, "selu", mg_selu); }
static int tensor_log_sigmoid(lua_State *L) { return call_function(L, "log_sigmoid", mg_log_sigmoid); }
static int tensor_clone(lua_State *L) { return call_function(L, "clone", clone); }
static int tensor_detach(lua_State *L) { return call_function(L, "detach", detach); }

/* ---- reductions: (x [, dim [, keepdim]]) ----------------------------------------------------- */

typedef struct reduction {
  mg_tensor *x;
  int dim; /* -1: all */
  bool keepdim;
  size_t mark;
} reduction;

static reduction read_reduction(lua_State *L, const char *name) {
  reduction r = {.mark = mg_pool_mark(), .x = mgl_check_tensor(L, 1, name, "x"), .dim = -1};
  if (!lua_isnoneornil(L, 2)) r.dim = mgl_check_dim(L, 2, name, "dim", r.x->ndim);
  if (!lua_isnoneornil(L, 3)) r.keepdim = mgl_check_boolean(L, 3, name, "keepdim");
  return r;
}

/* Extremes: of all elements a scalar; along a dimension the values and their 1-based positions. */
static int extreme(lua_State *L, const char *name, mg_tensor *(*values)(mg_tensor *, int, bool),
                   mg_tensor *(*positions)(mg_tensor *, int, bool)) {
  reduction r = read_reduction(L, name);
  if (r.dim < 0) return mgl_return_tensor(L, r.mark, values(r.x, -1, r.keepdim));
  mgl_return_tensor(L, r.mark, values(r.x, r.dim, r.keepdim));
  mgl_return_tensor(L, r.mark, mg_affine(positions(r.x, r.dim, r.keepdim), 1, 1));
  return 2;
}

static int tensor_max(lua_State *L) { return extreme(L, "max", mg_max, mg_argmax); }
static int tensor_min(lua_State *L) { return extreme(L, "min", mg_min, mg_argmin); }

static const char *const spread_keys[] = {"unbiased", NULL};

/* var(x [, dim [, keepdim [, { unbiased = true }]]]) */
static mg_tensor *variance(lua_State *L, const reduction *r, const char *name) {
  bool unbiased = true;
  mgl_check_keys(L, 4, name, spread_keys);
  if (lua_istable(L, 4) && lua_getfield(L, 4, "unbiased") != LUA_TNIL) unbiased = lua_toboolean(L, -1);
  return mg_var(r->x, r->dim, unbiased, r->keepdim);
}

static int tensor_var(lua_State *L) {
  reduction r = read_reduction(L, "var");
  return mgl_return_tensor(L, r.mark, variance(L, &r, "var"));
}

static int tensor_std(lua_State *L) {
  reduction r = read_reduction(L, "std");
  return mgl_return_tensor(L, r.mark, mg_sqrt(variance(L, &r, "std")));
}

/* norm(x [, dim [, keepdim [, eps]]]): sqrt(sum x^2 + eps) */
static int tensor_norm(lua_State *L) {
  reduction r = read_reduction(L, "norm");
  double eps = lua_isnoneornil(L, 4) ? 0 : (double)mgl_check_number(L, 4, "norm", "eps");
  if (eps < 0) return mgl_bad_argument(L, "norm", 4, "eps", "a number of at least 0");
  return mgl_return_tensor(L, r.mark, mg_norm(r.x, r.dim, r.keepdim, eps));
}

const luaL_Reg mgl_composite_methods[] = {
    {"neg", tensor_neg},     {"pow", tensor_pow},       {"selu", tensor_selu}, {"log_sigmoid", tensor_log_sigmoid},
    {"clone", tensor_clone}, {"detach", tensor_detach}, {"max", tensor_max},   {"min", tensor_min},
    {"var", tensor_var},     {"std", tensor_std},       {"norm", tensor_norm}, {NULL, NULL},
};

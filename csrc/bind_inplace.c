/* Methods that change a tensor in place; their names end in _ and they return the tensor. */
#include "bind_tensor.h"
#include "elementwise.h"
#include "profile.h"

/* self = kernel(self, operand, p), the operand a number or a tensor that broadcasts to self. */
static int change(lua_State *L, const char *name, mg_binary_kernel *kernel, double p) {
  mg_tensor *self = mgl_check_tensor(L, 1, name, "self");
  size_t mark = mg_pool_mark();
  mg_tensor *operand =
      lua_type(L, 2) == LUA_TNUMBER ? mg_scalar(lua_tonumber(L, 2)) : mgl_check_tensor(L, 2, name, "operand");
  mg_shape wide;
  mg_call call = {.in = (mg_tensor *[]){self, operand}, .n = 2};
  if (operand && mg_shape_broadcast(&call, &wide)) {
    bool fits = wide.ndim == self->ndim;
    for (int i = 0; fits && i < wide.ndim; i++) fits = wide.size[i] == self->shape[i];
    if (!fits) mg_fail("shape %s does not broadcast to %s", mg_tensor_text(operand), mg_tensor_text(self));
  }
  if (operand && operand->requires_grad && mg_recording())
    mg_fail("an operand that requires a gradient is not recorded; pass its detach()");
  if (mg_error()) mg_fail_prefix("%s: ", name);
  /* An operand that overlaps self is read before it is overwritten. */
  bool same = operand && operand->data == self->data && operand->numel == self->numel;
  if (!mg_error() && operand->storage == self->storage && !same) operand = mg_copy(operand);
  mg_profile_mark begun = mg_profile_begin();
  if (!mg_error() && mg_inplace_allowed(self, name)) {
    mg_run_binary(kernel, self, operand, self, p, 0);
    mg_profile_end(begun, name, 0, (double)(2 * self->numel + operand->numel) * sizeof(real));
  }
  mgl_check(L, mark);
  lua_settop(L, 1);
  return 1;
}

static void second(int64_t n, const real *a, int64_t step_a, const real *b, int64_t step_b, real *y, real p, real q) {
  (void)a, (void)step_a, (void)p, (void)q;
  for (int64_t i = 0; i < n; i++) y[i] = b[i * step_b];
}

static int add_(lua_State *L) { return change(L, "add_", mg_kernel->add, 0); }
static int sub_(lua_State *L) { return change(L, "sub_", mg_kernel->sub, 0); }
static int mul_(lua_State *L) { return change(L, "mul_", mg_kernel->mul, 0); }
static int div_(lua_State *L) { return change(L, "div_", mg_kernel->div, 0); }
static int copy_(lua_State *L) { return change(L, "copy_", second, 0); }

static int fill_(lua_State *L) {
  mgl_check_number(L, 2, "fill_", "value");
  return change(L, "fill_", second, 0);
}

static int zero_(lua_State *L) {
  lua_settop(L, 1);
  lua_pushinteger(L, 0);
  return change(L, "zero_", second, 0);
}

/* self += weight (operand - self) */
static int lerp_(lua_State *L) {
  double weight = mgl_check_number(L, 3, "lerp_", "weight");
  return change(L, "lerp_", mg_kernel->lerp, weight);
}

static int clamp_(lua_State *L) {
  mg_tensor *self = mgl_check_tensor(L, 1, "clamp_", "self");
  double low = mgl_check_number(L, 2, "clamp_", "low"), high = mgl_check_number(L, 3, "clamp_", "high");
  size_t mark = mg_pool_mark();
  if (!(low <= high)) mg_fail("clamp_: expected low <= high, got %g and %g", low, high);
  mg_profile_mark begun = mg_profile_begin();
  if (!mg_error() && mg_inplace_allowed(self, "clamp_")) {
    mg_run_unary(mg_kernel->clamp, self, self, low, high);
    mg_profile_end(begun, "clamp_", 0, 2 * (double)self->numel * sizeof(real));
  }
  mgl_check(L, mark);
  lua_settop(L, 1);
  return 1;
}

const luaL_Reg mgl_inplace_methods[] = {
    {"add_", add_},   {"sub_", sub_},   {"mul_", mul_},     {"div_", div_},   {"copy_", copy_},
    {"fill_", fill_}, {"zero_", zero_}, {"clamp_", clamp_}, {"lerp_", lerp_}, {NULL, NULL},
};

/* bind_slice.c: t[key] and t[key] = value in Lua.
 *
 * A key is a whole number or a table with one entry for each dimension, from the first on: a
 * number picks one position and drops the dimension, { first, last } a range (both ends
 * included), {} everything; dimensions that are not mentioned stay whole.  Positions count from 1,
 * negative ones from the end. */
#include <string.h>

#include "bind.h"
#include "strided.h"

typedef struct part {
  int64_t start, length; /* start is 0-based */
  bool dropped;
} part;

typedef struct region {
  const mg_tensor *t;
  part part[MG_MAX_DIM];
} region;

/* ---- reading keys -------------------------------------------------------------------------- */

/* The 0-based position that the number at index means along dim. */
static int64_t check_position(lua_State *L, int index, const region *r, int dim) {
  int whole;
  lua_Integer position = lua_tointegerx(L, index, &whole);
  int64_t size = r->t->shape[dim];
  if (!whole) luaL_error(L, "tensor index: expected a whole number, got %s", mgl_describe(L, index));
  if (position == 0 || position > size || position < -size)
    luaL_error(L, "tensor index: expected 1..%I or -%I..-1 along dimension %d of tensor %s, got %I", (LUAI_UACINT)size,
               (LUAI_UACINT)size, dim + 1, mg_tensor_text(r->t), (LUAI_UACINT)position);
  return position < 0 ? position + size : position - 1;
}

/* The length of the sequence in the table at index, which must hold nothing else. */
static int check_sequence(lua_State *L, int index, int most, const char *expected) {
  lua_Unsigned length = lua_rawlen(L, index), keys = 0;
  lua_pushnil(L);
  while (lua_next(L, index)) {
    keys++;
    lua_pop(L, 1);
  }
  if (keys != length) luaL_error(L, "tensor index: expected %s, got a table with gaps or with named fields", expected);
  if (length > (lua_Unsigned)most)
    luaL_error(L, "tensor index: expected %s, got a table of %I entries", expected, (LUAI_UACINT)length);
  return (int)length;
}

static void check_range(lua_State *L, int index, const region *r, int dim, part *p) {
  static const char expected[] = "a range { first, last } or {}";
  int length = check_sequence(L, index, 2, expected);
  if (length == 0) return;
  if (length == 1) luaL_error(L, "tensor index: expected %s, got a table of one entry", expected);
  int64_t end[2];
  for (int i = 0; i < 2; i++) {
    if (lua_rawgeti(L, index, i + 1) != LUA_TNUMBER)
      luaL_error(L, "tensor index: expected %s, got %s in it", expected, mgl_describe(L, -1));
    end[i] = check_position(L, lua_gettop(L), r, dim);
    lua_pop(L, 1);
  }
  if (end[1] < end[0])
    luaL_error(L, "tensor index: expected a range whose first is not past its last, got {%I, %I} along dimension %d",
               (LUAI_UACINT)end[0] + 1, (LUAI_UACINT)end[1] + 1, dim + 1);
  p->start = end[0];
  p->length = end[1] - end[0] + 1;
}

static void check_entry(lua_State *L, int index, region *r, int dim) {
  part *p = &r->part[dim];
  switch (lua_type(L, index)) {
  case LUA_TNUMBER:
    *p = (part){.start = check_position(L, index, r, dim), .length = 1, .dropped = true};
    break;
  case LUA_TTABLE:
    check_range(L, index, r, dim, p);
    break;
  default:
    luaL_error(L, "tensor index: expected a number, { first, last } or {} for dimension %d, got %s", dim + 1,
               mgl_describe(L, index));
  }
}

static void check_key(lua_State *L, const mg_tensor *t, region *r) {
  *r = (region){.t = t};
  for (int i = 0; i < t->ndim; i++) r->part[i].length = t->shape[i];
  if (lua_type(L, 2) == LUA_TTABLE) {
    int count = check_sequence(L, 2, t->ndim, "at most one entry for each dimension");
    for (int i = 0; i < count; i++) {
      lua_rawgeti(L, 2, i + 1);
      check_entry(L, lua_gettop(L), r, i);
      lua_pop(L, 1);
    }
  } else if (lua_type(L, 2) != LUA_TNUMBER) {
    luaL_error(L, "tensor index: expected a number or a table, got %s", mgl_describe(L, 2));
  } else if (t->ndim == 0) {
    luaL_error(L, "tensor index: a tensor of 0 dimensions has no positions; item() reads its number");
  } else {
    check_entry(L, 2, r, 0);
  }
}

/* ---- reading and writing ------------------------------------------------------------------- */

/* Leading dimensions go first and at once, so that t[{ i, j }] shares storage as t[i][j] does. */
static mg_tensor *read_region(mg_tensor *t, const region *r) {
  int at = 0; /* dimension of the result that dimension i of t is */
  mg_tensor *y = t;
  for (int i = 0; i < t->ndim && y; i++) {
    const part *p = &r->part[i];
    if (p->dropped)
      y = mg_select(y, at, p->start);
    else if (p->length != y->shape[at])
      y = mg_narrow(y, at, p->start, p->length);
    at += !p->dropped;
  }
  return y == t ? mg_reshape(t, t->ndim, t->shape) : y;
}

int mgl_tensor_slice(lua_State *L) {
  mg_tensor *t = mgl_check_tensor(L, 1, "tensor index", "tensor");
  region r;
  check_key(L, t, &r);
  size_t mark = mg_pool_mark();
  return mgl_return_tensor(L, mark, read_region(t, &r));
}

/* The box of the region within t, from a source that repeats one element. */
static mg_strided box_of(const region *r, int64_t *offset) {
  mg_strided box = {.n = r->t->ndim};
  mg_row_major(box.n, r->t->shape, box.to);
  *offset = 0;
  for (int i = 0; i < box.n; i++) {
    box.size[i] = r->part[i].length;
    *offset += r->part[i].start * box.to[i];
  }
  return box;
}

/* Let the box read `value` by NumPy's rule; false where the shapes don't allow it. */
static bool broadcast_into(mg_strided *box, const region *r, const mg_tensor *value) {
  int64_t step[MG_MAX_DIM];
  int v = value->ndim - 1;
  mg_row_major(value->ndim, value->shape, step);
  for (int i = box->n - 1; i >= 0; i--) {
    if (r->part[i].dropped || v < 0) continue;
    if (value->shape[v] != 1 && value->shape[v] != box->size[i]) return false;
    box->from[i] = value->shape[v] == 1 ? 0 : step[v];
    v--;
  }
  for (; v >= 0; v--)
    if (value->shape[v] != 1) return false;
  return true;
}

static bool write_region(mg_tensor *t, const region *r, mg_tensor *value) {
  int64_t offset;
  mg_strided box = box_of(r, &offset);
  if (mg_recording() && value->requires_grad)
    return mg_fail("tensor assignment: a value that requires a gradient is not recorded; assign its detach()"), false;
  if (!broadcast_into(&box, r, value)) {
    mg_tensor *target = read_region(t, r);
    return mg_fail("tensor assignment: value %s does not broadcast to %s", mg_tensor_text(value),
                   target ? mg_tensor_text(target) : "the part"),
           false;
  }
  if (!mg_inplace_allowed(t, "tensor assignment")) return false;
  if (value->storage == t->storage) { /* they may overlap */
    mg_tensor *copy = mg_tensor_like(value);
    if (!copy) return false;
    memcpy(copy->data, value->data, (size_t)value->numel * sizeof(real));
    value = copy;
  }
  mg_strided_copy(&box, value->data, t->data + offset);
  return true;
}

int mgl_tensor_slice_assign(lua_State *L) {
  mg_tensor *t = mgl_check_tensor(L, 1, "tensor assignment", "tensor");
  region r;
  check_key(L, t, &r);
  mg_tensor *value = NULL;
  double number = 0;
  if (lua_type(L, 3) == LUA_TNUMBER)
    number = lua_tonumber(L, 3);
  else if (luaL_testudata(L, 3, MG_TENSOR))
    value = mgl_check_tensor(L, 3, "tensor assignment", "value");
  else
    return mgl_bad_argument(L, "tensor assignment", 3, "value", "a number or a tensor");
  size_t mark = mg_pool_mark();
  if (!value) value = mg_scalar(number);
  if (value) write_region(t, &r, value);
  mg_pool_drain(mark);
  mgl_check(L, mark);
  return 0;
}

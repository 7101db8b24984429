/* The registry in Lua: every row of ops.def as a method of tensors and a function of the module,
 * with arguments checked against its signature. */
#include <stdlib.h>
#include <string.h>

#include "bind.h"

typedef enum {
  TENSOR,
  OPTIONAL_TENSOR,
  TENSORS,
  INDICES,
  NUMBER,
  INTEGER,
  INDEX,
  DIM,
  OPTIONAL_DIM,
  BOOLEAN,
  SHAPE,
  DIMS,
  GEOMETRY
} kind;

typedef struct parameter {
  char name[24];
  kind kind;
  bool has_fallback;
  double fallback;
} parameter;

#define MAX_PARAMETERS 7

typedef struct signature {
  int n;
  parameter parameter[MAX_PARAMETERS];
} signature;

static signature signatures[MG_OP_COUNT];

/* ---- signatures ---------------------------------------------------------------------------- */

static kind kind_named(const char *text) {
  static const struct {
    const char *name;
    kind kind;
  } kinds[] = {{"tensors", TENSORS}, {"indices", INDICES},   {"number", NUMBER},    {"integer", INTEGER},
               {"index", INDEX},     {"dim?", OPTIONAL_DIM}, {"dims", DIMS},        {"dim", DIM},
               {"boolean", BOOLEAN}, {"shape", SHAPE},       {"geometry", GEOMETRY}};
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if (strncmp(text, kinds[i].name, strlen(kinds[i].name)) == 0) return kinds[i].kind;
  return TENSOR;
}

static void parse_parameter(const char *text, size_t length, parameter *p) {
  char copy[80];
  length = MG_MIN(length, sizeof copy - 1);
  memcpy(copy, text, length);
  copy[length] = 0;
  size_t name = strcspn(copy, ":? ");
  memcpy(p->name, copy, MG_MIN(name, sizeof p->name - 1));
  p->kind = copy[name] == '?' ? OPTIONAL_TENSOR : TENSOR;
  const char *colon = strchr(copy, ':'), *equals = strchr(copy, '=');
  if (colon) p->kind = kind_named(colon + 1 + strspn(colon + 1, " "));
  if (equals) {
    const char *value = equals + 1 + strspn(equals + 1, " ");
    p->has_fallback = true;
    p->fallback = strcmp(value, "true") == 0 ? 1 : strtod(value, NULL);
  }
}

static void parse_signature(const char *text, signature *s) {
  memset(s, 0, sizeof *s);
  while (*text && s->n < MAX_PARAMETERS) {
    size_t length = strcspn(text, ",");
    parse_parameter(text, length, &s->parameter[s->n++]);
    text += length;
    text += strspn(text, ", ");
  }
}

/* ---- reading arguments --------------------------------------------------------------------- */

typedef struct reading {
  lua_State *L;
  const char *function;
  mg_tensor *in[MG_MAX_INPUTS];
  int n, numbers, integers;
  mg_attrs attrs;
} reading;

/* A tensor, or a number as a constant. */
static mg_tensor *tensor_or_number(reading *r, int index, const char *name) {
  if (lua_type(r->L, index) == LUA_TNUMBER) return mg_scalar(lua_tonumber(r->L, index));
  return mgl_check_tensor(r->L, index, r->function, name);
}

/* 1-based to 0-based. */
static mg_tensor *indices(reading *r, int index, const char *name) {
  mg_tensor *t = mgl_check_tensor(r->L, index, r->function, name); /* may raise: before recording is off */
  bool recording = mg_set_recording(false);
  t = mg_affine(t, 1, -1);
  mg_set_recording(recording);
  return t;
}

static int64_t dimension(reading *r, int index, const parameter *p) {
  return mgl_check_dim(r->L, index, r->function, p->name, r->n && r->in[0] ? r->in[0]->ndim : 0);
}

/* A position along the dimension read before it, from the end where negative. */
static int64_t position(reading *r, int index, const parameter *p) {
  const mg_tensor *x = r->in[0];
  int64_t size = x->shape[r->attrs.integer[r->integers - 1]];
  lua_Integer i = mgl_check_integer(r->L, index, r->function, p->name, LUA_MININTEGER, LUA_MAXINTEGER);
  return i < 0 ? i + size : i - 1;
}

static void read_dims(reading *r, int index) {
  int n = mgl_check_shape(r->L, index, r->function, r->attrs.shape), ndim = r->in[0]->ndim;
  for (int i = 0; i < n; i++) {
    int64_t dim = r->attrs.shape[i];
    if (dim < 0) dim += ndim + 1;
    if (dim < 1 || dim > ndim)
      luaL_error(r->L, "%s: argument %d (dims): expected dimensions from 1 to %d, got %I", r->function, index, ndim,
                 (LUAI_UACINT)r->attrs.shape[i]);
    r->attrs.shape[i] = dim - 1;
  }
  r->attrs.ndim = n;
}

/* Two sizes under `key`, or one for both. */
static void read_sides(reading *r, int index, const char *key, int64_t fallback, int64_t *out) {
  lua_State *L = r->L;
  out[0] = out[1] = fallback;
  int type = lua_getfield(L, index, key), table = lua_gettop(L);
  for (int i = 0; i < 2 && type != LUA_TNIL; i++) {
    int whole = 0;
    if (type == LUA_TTABLE)
      lua_rawgeti(L, table, i + 1);
    else
      lua_pushvalue(L, table);
    out[i] = lua_type(L, -1) == LUA_TNUMBER ? lua_tointegerx(L, -1, &whole) : 0;
    if (!whole || (type == LUA_TTABLE && lua_rawlen(L, table) != 2))
      luaL_error(L, "%s: argument %d (geometry): %s: expected a whole number or two, got %s", r->function, index, key,
                 mgl_describe(L, table));
    lua_pop(L, 1);
  }
  lua_settop(L, table - 1);
}

static void read_geometry(reading *r, int index) {
  static const char *const keys[] = {"stride", "padding", "dilation", "groups", NULL};
  lua_State *L = r->L;
  if (lua_isnoneornil(L, index)) {
    lua_settop(L, index - 1);
    lua_newtable(L);
  }
  if (!lua_istable(L, index)) mgl_bad_argument(L, r->function, index, "geometry", "a table");
  mgl_check_keys(L, index, r->function, keys);
  int64_t groups[2];
  read_sides(r, index, "stride", 1, r->attrs.shape);
  read_sides(r, index, "padding", 0, r->attrs.shape + 2);
  read_sides(r, index, "dilation", 1, r->attrs.shape + 4);
  read_sides(r, index, "groups", 1, groups);
  r->attrs.shape[6] = groups[0];
  r->attrs.ndim = 7;
}

static void read_parameter(reading *r, int index, const parameter *p) {
  lua_State *L = r->L;
  bool absent = lua_isnoneornil(L, index);
  switch (p->kind) {
  case TENSOR:
    r->in[r->n++] = tensor_or_number(r, index, p->name);
    return;
  case OPTIONAL_TENSOR:
    r->in[r->n++] = absent ? NULL : mgl_check_tensor(L, index, r->function, p->name);
    return;
  case TENSORS:
    r->n = mgl_check_tensors(L, index, r->function, p->name, r->in, MG_MAX_INPUTS);
    return;
  case INDICES:
    r->in[r->n++] = indices(r, index, p->name);
    return;
  case NUMBER:
    r->attrs.number[r->numbers++] =
        absent && p->has_fallback ? p->fallback : (double)mgl_check_number(L, index, r->function, p->name);
    return;
  case INTEGER:
    r->attrs.integer[r->integers++] = absent && p->has_fallback
                                          ? (int64_t)p->fallback
                                          : mgl_check_integer(L, index, r->function, p->name, 0, LUA_MAXINTEGER);
    return;
  case INDEX:
    r->attrs.integer[r->integers] = position(r, index, p), r->integers++;
    return;
  case DIM:
    r->attrs.integer[r->integers++] = absent && p->has_fallback ? (int64_t)p->fallback - 1 : dimension(r, index, p);
    return;
  case OPTIONAL_DIM:
    r->attrs.integer[r->integers++] = absent ? -1 : dimension(r, index, p);
    return;
  case BOOLEAN:
    r->attrs.integer[r->integers++] = absent ? p->fallback != 0 : mgl_check_boolean(L, index, r->function, p->name);
    return;
  case SHAPE:
    r->attrs.ndim = mgl_check_shape(L, index, r->function, r->attrs.shape);
    return;
  case DIMS:
    read_dims(r, index);
    return;
  case GEOMETRY:
    read_geometry(r, index);
    return;
  }
}

static int call_op(lua_State *L) {
  mg_op_id id = (mg_op_id)lua_tointeger(L, lua_upvalueindex(1));
  const signature *s = &signatures[id];
  size_t mark = mg_pool_mark();
  reading r = {.L = L, .function = mg_ops[id].name};
  kind last = s->parameter[s->n - 1].kind;
  int top = lua_gettop(L);
  if (top > s->n && last != SHAPE && last != DIMS)
    return luaL_error(L, "%s: expected at most %d arguments (%s), got %d", r.function, s->n, mg_ops[id].signature, top);
  for (int i = 0; i < s->n; i++) read_parameter(&r, i + 1, &s->parameter[i]);
  if (s->parameter[0].kind == TENSORS && r.n == 0)
    return mgl_bad_argument(L, r.function, 1, s->parameter[0].name, "at least one tensor");
  mg_tensor *result = mg_apply(id, r.in, r.n, &r.attrs);
  if (!result && mgl_retry(L, mark)) {
    /* Draining the pool took constants with it: read them again. */
    r = (reading){.L = L, .function = mg_ops[id].name};
    for (int i = 0; i < s->n; i++) read_parameter(&r, i + 1, &s->parameter[i]);
    result = mg_apply(id, r.in, r.n, &r.attrs);
  }
  if (id == MG_OP_argmax || id == MG_OP_argmin || id == MG_OP_max_pool2d_index) result = mg_affine(result, 1, 1);
  return mgl_return_tensor(L, mark, result);
}

/* mg.ops(): a list of { name =, signature =, differentiable =, fused =, doc = }. */
static int list_ops(lua_State *L) {
  lua_createtable(L, MG_OP_COUNT, 0);
  for (int i = 0; i < MG_OP_COUNT; i++) {
    lua_createtable(L, 0, 5);
    lua_pushstring(L, mg_ops[i].name);
    lua_setfield(L, -2, "name");
    lua_pushstring(L, mg_ops[i].signature);
    lua_setfield(L, -2, "signature");
    lua_pushboolean(L, mg_ops[i].vjp != NULL);
    lua_setfield(L, -2, "differentiable");
    lua_pushboolean(L, mg_ops[i].compose != NULL);
    lua_setfield(L, -2, "fused");
    lua_pushstring(L, mg_ops[i].doc);
    lua_setfield(L, -2, "doc");
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

/* mg.compose(name, ...): the plain composition of a fused operation on its arguments, for the specs that bind
 * the two. */
static int compose(lua_State *L) {
  const char *name = mgl_check_string(L, 1, "compose", "name");
  int id = 0;
  while (id < MG_OP_COUNT && strcmp(mg_ops[id].name, name)) id++;
  if (id == MG_OP_COUNT || !mg_ops[id].compose)
    return mgl_bad_argument(L, "compose", 1, "name", "the name of a fused operation");
  lua_remove(L, 1);
  size_t mark = mg_pool_mark();
  reading r = {.L = L, .function = mg_ops[id].name};
  for (int i = 0; i < signatures[id].n; i++) read_parameter(&r, i + 1, &signatures[id].parameter[i]);
  return mgl_return_tensor(L, mark, mg_ops[id].compose(r.in, r.n, &r.attrs));
}

void mgl_open_op(lua_State *L) {
  luaL_getmetatable(L, MG_TENSOR);
  lua_getfield(L, -1, "methods");
  lua_remove(L, -2);
  for (int i = 0; i < MG_OP_COUNT; i++) {
    parse_signature(mg_ops[i].signature, &signatures[i]);
    lua_pushinteger(L, i);
    lua_pushcclosure(L, call_op, 1);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, mg_ops[i].name);
    lua_setfield(L, -3, mg_ops[i].name);
  }
  lua_pop(L, 1);
  lua_pushcfunction(L, list_ops);
  lua_setfield(L, -2, "ops");
  lua_pushcfunction(L, compose);
  lua_setfield(L, -2, "compose");
}

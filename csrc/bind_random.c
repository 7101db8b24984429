/* bind_random.c: random tensors, in-place draws and the state of the default generator. */
#include <float.h>
#include <math.h>

#include "bind.h"
#include "random.h"

/* Whole numbers up to here are exact in a tensor. */
#ifdef MG_DOUBLE
#define WHOLE_LIMIT ((lua_Integer)1 << 53)
#define REAL_MAX DBL_MAX
#else
#define WHOLE_LIMIT ((lua_Integer)1 << 24)
#define REAL_MAX ((double)FLT_MAX)
#endif

static double check_finite(lua_State *L, int index, const char *function, const char *name, double fallback) {
  if (lua_isnoneornil(L, index)) return fallback;
  double x = mgl_check_number(L, index, function, name);
  if (!(fabs(x) <= REAL_MAX)) mgl_bad_argument(L, function, index, name, "a finite number");
  return x;
}

static double check_probability(lua_State *L, int index, const char *function, const char *name) {
  double p = mgl_check_number(L, index, function, name);
  if (!(p >= 0 && p <= 1)) mgl_bad_argument(L, function, index, name, "a probability in [0, 1]");
  return p;
}

/* ---- filling ------------------------------------------------------------------------------- */

/* Each fills t (NULL-safe), returns it. */
static mg_tensor *fill_uniform(mg_tensor *t, double low, double high) {
  if (t) mg_random_uniform(mg_default_generator(), t->numel, t->data, low, high);
  return t;
}

static mg_tensor *fill_normal(mg_tensor *t, double mean, double std) {
  if (t) mg_random_normal(mg_default_generator(), t->numel, t->data, mean, std);
  return t;
}

static mg_tensor *fill_bernoulli(mg_tensor *t, double p) {
  if (t) mg_random_bernoulli(mg_default_generator(), t->numel, t->data, p, 1);
  return t;
}

/* A tensor of the shape that the arguments from index on give. */
static mg_tensor *new_of_shape(lua_State *L, int index, const char *function) {
  int64_t shape[MG_MAX_DIM];
  int ndim = mgl_check_shape(L, index, function, shape);
  mg_tensor *t = mg_tensor_new(ndim, shape);
  if (!t) mg_fail_prefix("%s: ", function);
  return t;
}

/* ---- new tensors --------------------------------------------------------------------------- */

/* rand(shape): uniform in [0, 1). */
static int rand_tensor(lua_State *L) {
  size_t mark = mg_pool_mark();
  return mgl_return_tensor(L, mark, fill_uniform(new_of_shape(L, 1, "rand"), 0, 1));
}

/* randn(shape): normal, mean 0, standard deviation 1. */
static int randn_tensor(lua_State *L) {
  size_t mark = mg_pool_mark();
  return mgl_return_tensor(L, mark, fill_normal(new_of_shape(L, 1, "randn"), 0, 1));
}

/* rand_like(t), randn_like(t): of t's shape. */
static int rand_like(lua_State *L) {
  mg_tensor *t = mgl_check_tensor(L, 1, "rand_like", "t");
  size_t mark = mg_pool_mark();
  return mgl_return_tensor(L, mark, fill_uniform(mg_tensor_like(t), 0, 1));
}

static int randn_like(lua_State *L) {
  mg_tensor *t = mgl_check_tensor(L, 1, "randn_like", "t");
  size_t mark = mg_pool_mark();
  return mgl_return_tensor(L, mark, fill_normal(mg_tensor_like(t), 0, 1));
}

/* randint(low, high, shape): whole numbers from low to high, both included. */
static int randint(lua_State *L) {
  lua_Integer low = mgl_check_integer(L, 1, "randint", "low", -WHOLE_LIMIT, WHOLE_LIMIT);
  lua_Integer high = mgl_check_integer(L, 2, "randint", "high", low, WHOLE_LIMIT);
  size_t mark = mg_pool_mark();
  mg_tensor *t = new_of_shape(L, 3, "randint");
  mg_generator *g = mg_default_generator();
  for (int64_t i = 0; t && i < t->numel; i++)
    t->data[i] = (real)(low + (lua_Integer)mg_random_below(g, (uint64_t)(high - low) + 1));
  return mgl_return_tensor(L, mark, t);
}

/* randperm(n): 1 .. n in random order (Fisher and Yates's shuffle). */
static int randperm(lua_State *L) {
  int64_t n = mgl_check_integer(L, 1, "randperm", "n", 0, WHOLE_LIMIT);
  size_t mark = mg_pool_mark();
  mg_tensor *t = mg_tensor_new(1, &n);
  mg_generator *g = mg_default_generator();
  for (int64_t i = 0; t && i < n; i++) {
    int64_t j = (int64_t)mg_random_below(g, (uint64_t)i + 1);
    t->data[i] = t->data[j];
    t->data[j] = (real)(i + 1);
  }
  return mgl_return_tensor(L, mark, t);
}

/* bernoulli(p, shape) or bernoulli(probabilities): 1 with probability p, else 0. */
static int bernoulli(lua_State *L) {
  size_t mark = mg_pool_mark();
  if (!luaL_testudata(L, 1, MG_TENSOR)) {
    double p = check_probability(L, 1, "bernoulli", "p");
    return mgl_return_tensor(L, mark, fill_bernoulli(new_of_shape(L, 2, "bernoulli"), p));
  }
  mg_tensor *p = mgl_check_tensor(L, 1, "bernoulli", "probabilities");
  for (int64_t i = 0; i < p->numel; i++)
    if (!(p->data[i] >= 0 && p->data[i] <= 1))
      return luaL_error(L, "bernoulli: expected probabilities in [0, 1], got %f (element %I of tensor %s)",
                        (LUAI_UACNUMBER)p->data[i], (LUAI_UACINT)i + 1, mg_tensor_text(p));
  mg_tensor *t = fill_uniform(mg_tensor_like(p), 0, 1);
  for (int64_t i = 0; t && i < t->numel; i++) t->data[i] = t->data[i] < p->data[i];
  return mgl_return_tensor(L, mark, t);
}

/* ---- in place ------------------------------------------------------------------------------ */

static mg_tensor *check_target(lua_State *L, const char *function) { return mgl_check_tensor(L, 1, function, "self"); }

/* Count the change of t in place, or raise; after this the draw cannot fail. */
static void allow_change(lua_State *L, mg_tensor *t, const char *function) {
  if (!mg_inplace_allowed(t, function)) mgl_check(L, mg_pool_mark());
}

/* t:normal_(mean = 0, std = 1) */
static int normal_in_place(lua_State *L) {
  mg_tensor *t = check_target(L, "normal_");
  double mean = check_finite(L, 2, "normal_", "mean", 0), std = check_finite(L, 3, "normal_", "std", 1);
  if (std < 0) return mgl_bad_argument(L, "normal_", 3, "std", "a number of at least 0");
  allow_change(L, t, "normal_");
  fill_normal(t, mean, std);
  lua_settop(L, 1);
  return 1;
}

/* t:uniform_(low = 0, high = 1): in [low, high). */
static int uniform_in_place(lua_State *L) {
  mg_tensor *t = check_target(L, "uniform_");
  double low = check_finite(L, 2, "uniform_", "low", 0), high = check_finite(L, 3, "uniform_", "high", 1);
  if (!(low <= high && high - low <= REAL_MAX))
    return mgl_bad_argument(L, "uniform_", 3, "high", "a number of at least low, at a finite distance");
  allow_change(L, t, "uniform_");
  fill_uniform(t, low, high);
  lua_settop(L, 1);
  return 1;
}

/* t:bernoulli_(p = 0.5) */
static int bernoulli_in_place(lua_State *L) {
  mg_tensor *t = check_target(L, "bernoulli_");
  double p = lua_isnoneornil(L, 2) ? 0.5 : check_probability(L, 2, "bernoulli_", "p");
  allow_change(L, t, "bernoulli_");
  fill_bernoulli(t, p);
  lua_settop(L, 1);
  return 1;
}

/* ---- the generator ------------------------------------------------------------------------- */

/* manual_seed(seed): start over from a seed, any whole number. */
static int manual_seed(lua_State *L) {
  lua_Integer seed = mgl_check_integer(L, 1, "manual_seed", "seed", LUA_MININTEGER, LUA_MAXINTEGER);
  *mg_default_generator() = (mg_generator){.seed = (uint64_t)seed};
  return 0;
}

/* get_rng_state() -> { seed =, offset = }, the whole state. */
static int get_rng_state(lua_State *L) {
  const mg_generator *g = mg_default_generator();
  lua_createtable(L, 0, 2);
  lua_pushinteger(L, (lua_Integer)g->seed);
  lua_setfield(L, -2, "seed");
  lua_pushinteger(L, (lua_Integer)g->offset);
  lua_setfield(L, -2, "offset");
  return 1;
}

static int set_rng_state(lua_State *L) {
  static const char *const names[] = {"seed", "offset", NULL};
  lua_Integer value[2];
  if (lua_type(L, 1) != LUA_TTABLE) return mgl_bad_argument(L, "set_rng_state", 1, "state", "a table { seed, offset }");
  mgl_check_keys(L, 1, "set_rng_state", names);
  for (int i = 0; i < 2; i++) {
    int whole;
    lua_getfield(L, 1, names[i]);
    value[i] = lua_tointegerx(L, -1, &whole);
    if (!whole || lua_type(L, -1) != LUA_TNUMBER)
      return luaL_error(L, "set_rng_state: argument 1 (state): expected a whole number as %s, got %s", names[i],
                        mgl_describe(L, -1));
    lua_pop(L, 1);
  }
  *mg_default_generator() = (mg_generator){.seed = (uint64_t)value[0], .offset = (uint64_t)value[1]};
  return 0;
}

/* The words of the table at index, each a 32-bit whole number. */
static void check_words(lua_State *L, int index, const char *name, uint32_t *word, int count) {
  if (lua_type(L, index) != LUA_TTABLE || lua_rawlen(L, index) != (lua_Unsigned)count)
    mgl_bad_argument(L, "philox", index, name, count == 4 ? "a table of 4 words" : "a table of 2 words");
  for (int i = 0; i < count; i++) {
    lua_rawgeti(L, index, i + 1);
    lua_Integer value = mgl_check_integer(L, lua_gettop(L), "philox", name, 0, UINT32_MAX);
    word[i] = (uint32_t)value;
    lua_pop(L, 1);
  }
}

/* philox(counter, key): the four words that Philox 4x32-10 makes of a table of four and one of
 * two, least first; for checks against published vectors. */
static int philox(lua_State *L) {
  uint32_t counter[4], key[2], out[4];
  check_words(L, 1, "counter", counter, 4);
  check_words(L, 2, "key", key, 2);
  mg_philox(counter, key, out);
  lua_createtable(L, 4, 0);
  for (int i = 0; i < 4; i++) {
    lua_pushinteger(L, out[i]);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

const luaL_Reg mgl_random_methods[] = {
    {"normal_", normal_in_place}, {"uniform_", uniform_in_place}, {"bernoulli_", bernoulli_in_place}, {NULL, NULL}};

static const luaL_Reg functions[] = {{"rand", rand_tensor},
                                     {"randn", randn_tensor},
                                     {"rand_like", rand_like},
                                     {"randn_like", randn_like},
                                     {"randint", randint},
                                     {"randperm", randperm},
                                     {"bernoulli", bernoulli},
                                     {"manual_seed", manual_seed},
                                     {"get_rng_state", get_rng_state},
                                     {"set_rng_state", set_rng_state},
                                     {"philox", philox},
                                     {NULL, NULL}};

void mgl_open_random(lua_State *L) { luaL_setfuncs(L, functions, 0); }

/* bind_init.c: nn.init: initialisers, which change a tensor, or a whole network, in place and return
 * it. */
#include "bind_layer.h"
#include "init.h"

#define NUMBER(name, fallback, min, max)                                                                               \
  { (name), MG_NUMBER, true, false, {fallback}, min, max, NULL }
#define END                                                                                                            \
  { .name = NULL }

static const mg_option normal_options[] = {NUMBER("mean", 0, -INFINITY, INFINITY), NUMBER("std", 1, 0, INFINITY), END};
static const mg_option uniform_options[] = {NUMBER("a", 0, -INFINITY, INFINITY), NUMBER("b", 1, -INFINITY, INFINITY),
                                            END};
static const mg_option constant_options[] = {{"value", MG_NUMBER, true, true, {0}, -INFINITY, INFINITY, NULL}, END};
static const mg_option xavier_options[] = {NUMBER("gain", 1, 0, INFINITY), END};
enum { KAIMING_A, KAIMING_MODE, KAIMING_NONLINEARITY };
static const mg_option kaiming_options[] = {{"a", MG_NUMBER, false, false, {0}, -INFINITY, INFINITY, NULL},
                                            {"mode", MG_CHOICE, false, false, {0}, 0, 0, "fan_in|fan_out"},
                                            {"nonlinearity", MG_CHOICE, false, false, {0}, 0, 0, MG_GAIN_CHOICES},
                                            END};
static const mg_option no_options[] = {END};

/* ---- the functions, given a tensor and the values of their options -------------------------- */

typedef bool initialiser(mg_tensor *t, const mg_values *v);

static bool init_normal(mg_tensor *t, const mg_values *v) {
  return mg_init_normal(t, v->value[0][0], v->value[1][0]), true;
}

static bool init_uniform(mg_tensor *t, const mg_values *v) {
  double low = v->value[0][0], high = v->value[1][0];
  if (!(low <= high) || isinf(low) || isinf(high))
    return mg_fail("expected a finite range with a <= b, got a = %g, b = %g", low, high), false;
  return mg_init_uniform(t, low, high), true;
}

static bool init_constant(mg_tensor *t, const mg_values *v) { return mg_init_constant(t, v->value[0][0]), true; }
static bool init_zeros(mg_tensor *t, const mg_values *v) { return (void)v, mg_init_constant(t, 0), true; }
static bool init_ones(mg_tensor *t, const mg_values *v) { return (void)v, mg_init_constant(t, 1), true; }

static bool init_xavier_uniform(mg_tensor *t, const mg_values *v) { return mg_init_xavier_uniform(t, v->value[0][0]); }
static bool init_xavier_normal(mg_tensor *t, const mg_values *v) { return mg_init_xavier_normal(t, v->value[0][0]); }

static double kaiming_gain(const mg_values *v) {
  return mg_init_gain((mg_gain)v->value[KAIMING_NONLINEARITY][0], v->value[KAIMING_A][0]);
}

static bool init_kaiming_uniform(mg_tensor *t, const mg_values *v) {
  return mg_init_kaiming_uniform(t, (mg_fan)v->value[KAIMING_MODE][0], kaiming_gain(v));
}

static bool init_kaiming_normal(mg_tensor *t, const mg_values *v) {
  return mg_init_kaiming_normal(t, (mg_fan)v->value[KAIMING_MODE][0], kaiming_gain(v));
}

/* ---- Lua ------------------------------------------------------------------------------------ */

typedef struct row {
  const char *name;
  const mg_option *options;
  initialiser *run;
} row;

static const row rows[] = {{"normal_", normal_options, init_normal},
                           {"uniform_", uniform_options, init_uniform},
                           {"constant_", constant_options, init_constant},
                           {"zeros_", no_options, init_zeros},
                           {"ones_", no_options, init_ones},
                           {"xavier_uniform_", xavier_options, init_xavier_uniform},
                           {"xavier_normal_", xavier_options, init_xavier_normal},
                           {"kaiming_uniform_", kaiming_options, init_kaiming_uniform},
                           {"kaiming_normal_", kaiming_options, init_kaiming_normal}};

/* nn.init.normal_(tensor, mean, std): a tensor that an operation made is not for initialising: the
 * tape would not know. */
static int initialise(lua_State *L) {
  const row *r = lua_touserdata(L, lua_upvalueindex(1));
  mg_tensor *t = mgl_check_tensor(L, 1, r->name, "tensor");
  mg_values values;
  mgl_check_options(L, 2, r->name, r->options, &values);
  size_t mark = mg_pool_mark();
  if (t->node)
    mg_fail("%s: expected a tensor of its own, got the result of an operation (detach it)", r->name);
  else if (!r->run(t, &values))
    mg_fail_prefix("%s: ", r->name);
  mgl_check(L, mark);
  lua_settop(L, 1);
  return 1;
}

/* ---- whole networks ------------------------------------------------------------------------- */

static bool is_one_of(const char *name, const char *const *names) {
  for (; *names; names++)
    if (strcmp(name, *names) == 0) return true;
  return false;
}

static void fill_affine(mg_layer *layer, double mean) {
  mg_tensor *weight = layer->tensor[MG_LAYER_WEIGHT], *bias = layer->tensor[MG_LAYER_BIAS];
  if (weight) mg_init_normal(weight, mean, 0.02);
  if (bias) mg_init_constant(bias, 0);
}

/* nn.init.dcgan_(layer): the layer and all within as Radford et al. 2016 start theirs: weights of
 * convolutions and linear layers from N(0, 0.02), those of batch normalisation from N(1, 0.02),
 * biases 0. */
static int initialise_dcgan(lua_State *L) {
  static const char *const products[] = {"Linear", "Maxout", "Conv2d", "ConvTranspose2d", NULL};
  lua_settop(L, 1);
  mgl_push_layers(L, "dcgan_");
  for (lua_Integer i = 1; lua_rawgeti(L, 2, i) != LUA_TNIL; i += 2, lua_pop(L, 1)) {
    mg_layer *layer = mgl_check_layer(L, -1, "dcgan_");
    if (is_one_of(layer->type->name, products)) fill_affine(layer, 0);
    if (strcmp(layer->type->name, "BatchNorm") == 0) fill_affine(layer, 1);
  }
  lua_settop(L, 1);
  return 1;
}

void mgl_open_init(lua_State *L) {
  lua_newtable(L);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    lua_pushlightuserdata(L, (void *)&rows[i]);
    lua_pushcclosure(L, initialise, 1);
    lua_setfield(L, -2, rows[i].name);
  }
  lua_pushcfunction(L, initialise_dcgan);
  lua_setfield(L, -2, "dcgan_");
  lua_setfield(L, -2, "init");
}

/* bind_spectral.c: SpectralNorm, a container of the one layer whose weight it normalises. */
#include "bind_layer.h"
#include "layer_spectral.h"

void mgl_push_normalized(lua_State *L, int index) {
  lua_getiuservalue(L, index, MGL_FIELDS);
  lua_getfield(L, -1, "layer");
  lua_remove(L, -2);
}

/* nn.SpectralNorm(layer, { iterations = 1, eps = 1e-12 }) */
int mgl_new_spectral_norm(lua_State *L) {
  const mg_layer_type *type = &mg_spectral_norm_type;
  mg_values values;
  int attempts = 0;
  mgl_check_layer(L, 1, type->name);
  mgl_check_options(L, 2, type->name, type->options, &values);
  mg_layer **box = mgl_push_layer_box(L);
  mgl_push_fields(L);
  lua_pushvalue(L, 1);
  lua_setfield(L, -2, "layer");
  lua_pop(L, 1);
  size_t mark = mg_pool_mark();
  do {
    *box = mg_spectral_norm_new(&values, mgl_check_layer(L, 1, type->name));
  } while (!*box && mgl_collect_for_another(L, &attempts));
  if (!*box) mg_fail_prefix("%s: ", type->name);
  mgl_check(L, mark);
  return 1;
}

int mgl_run_spectral_norm(lua_State *L, int index, mg_tensor **values, int n, int depth) {
  int attempts = 0;
  mg_tensor *result = NULL;
  (void)depth; /* the layer within is no container */
  mgl_push_normalized(L, index);
  do {
    mg_layer *layer = mgl_test_layer(L, index), *inner = mgl_test_layer(L, -1);
    if (layer && inner)
      result = mg_spectral_norm_forward(layer, inner, values, n);
    else
      mg_fail("the layer has been freed");
  } while (!result && mgl_collect_for_another(L, &attempts));
  if (!result) mg_fail_prefix("in %s of SpectralNorm: ", mgl_layer_name(L, lua_gettop(L)));
  lua_pop(L, 1);
  values[0] = result;
  return result ? 1 : MGL_CORE_ERROR;
}

/* bind_layer.h: what the bind_*.c files about layers share.
 *
 * A layer's userdata ("box") holds an mg_layer pointer, NULL once freed, and two user values:
 *   MGL_FIELDS   what a container holds: the list of a Sequential, the fields of a Module, ..  Being
 *                in Lua's sight, cycles among containers are collected like any others.
 *   MGL_TRAINED  the set of a Module's fields that are parameters (see mgl_is_parameter). */
#ifndef MG_BIND_LAYER_H
#define MG_BIND_LAYER_H

#include "bind.h"
#include "layer.h"

enum { MGL_FIELDS = 1, MGL_TRAINED = 2 };

#define MGL_MAX_NESTING 64 /* containers within containers */
#define MGL_MAX_VALUES 16  /* tensors that go into or come out of a layer */

extern const mg_layer_type mgl_module_type; /* layers written in Lua */

/* ---- boxes (bind_layer.c) ------------------------------------------------------------------- */

/* Push an empty box; returns where its layer goes. */
mg_layer **mgl_push_layer_box(lua_State *L);
/* The live layer at index; NULL for anything else, a freed layer included. */
mg_layer *mgl_test_layer(lua_State *L, int index);
/* The live layer at index, or raise, naming function. */
mg_layer *mgl_check_layer(lua_State *L, int index, const char *function);
/* "Linear", "Sequential", the name of a Module, or "freed layer"; good while the layer is. */
const char *mgl_layer_name(lua_State *L, int index);

/* ---- forward -------------------------------------------------------------------------------- */

enum { MGL_CORE_ERROR = -1, MGL_LUA_ERROR = -2 };

/* Run the layer at index (absolute) on n tensors in values[] and put its results, temporaries,
 * there; returns their number, at most MGL_MAX_VALUES.  Never raises what a layer raised:
 * MGL_CORE_ERROR says that mg_error() tells what failed, MGL_LUA_ERROR that the error is on top of
 * the stack, which otherwise is as it was.  depth counts the containers around it. */
int mgl_run(lua_State *L, int index, mg_tensor **values, int n, int depth);
/* After a failure for lack of memory: collect garbage, which may hold some.  True, with the error
 * cleared, if that is worth another attempt, as it is once; *attempts starts at 0. */
bool mgl_collect_for_another(lua_State *L, int *attempts);
/* What mgl_run does with the results (count of them, where positive) of the layer at index: see
 * bind_finite.c. */
void mgl_watch(lua_State *L, int index, mg_tensor *const *values, int count);
/* Whether somebody wants to know of every layer. */
bool mgl_is_watching(void);
/* The call of a Module from Lua: any arguments, any results. */
int mgl_module_call(lua_State *L);

/* ---- containers ----------------------------------------------------------------------------- */

typedef struct mgl_container {
  const mg_layer_type *type;
  lua_CFunction construct; /* the type is its upvalue */
  /* As mgl_run. */
  int (*run)(lua_State *L, int index, mg_tensor **values, int n, int depth);
  /* container[key] = value, for box, key and value at indices 1, 2 and 3; NULL where only its own
   * tensors may be assigned. */
  void (*assign)(lua_State *L);
} mgl_container;

extern const mgl_container mgl_containers[]; /* bind_container.c; ended by a NULL type */

/* The container that a layer is, or NULL. */
const mgl_container *mgl_container_of(const mg_layer *layer);
/* The constructors, added to the table at the top of the stack. */
void mgl_open_containers(lua_State *L);

int mgl_new_module(lua_State *L); /* bind_module.c */
int mgl_run_module(lua_State *L, int index, mg_tensor **values, int n, int depth);
void mgl_assign_module(lua_State *L);
int mgl_new_spectral_norm(lua_State *L); /* bind_spectral.c */
int mgl_run_spectral_norm(lua_State *L, int index, mg_tensor **values, int n, int depth);
/* Push the layer that the SpectralNorm at index normalises. */
void mgl_push_normalized(lua_State *L, int index);

/* Give the box on top of the stack empty fields, and push those. */
void mgl_push_fields(lua_State *L);
/* Push a container of a type without options, and its empty fields; or raise. */
void mgl_push_container(lua_State *L, const mg_layer_type *type);

/* A field of a container that is a layer or a tensor. */
typedef struct mgl_entry {
  lua_Integer position; /* 0 for a field that has a name */
  const char *name;
  bool layer;
} mgl_entry;

/* Push the fields of the container at index, and a block of memory that holds its entries:
 * positions in order, then names in order; none for a layer that is no container. */
const mgl_entry *mgl_push_entries(lua_State *L, int index, int *count);
/* Push the value of an entry of the fields at index. */
void mgl_push_entry(lua_State *L, int fields, const mgl_entry *entry);
/* Push the entry's name: "1", "weight". */
const char *mgl_push_entry_name(lua_State *L, const mgl_entry *entry);
/* Whether the tensor t, that entry of the Module at index, is a parameter: it requires a gradient,
 * or did so at an earlier look, so that a frozen parameter stays one. */
bool mgl_is_parameter(lua_State *L, int index, const mgl_entry *entry, const mg_tensor *t);

/* ---- methods -------------------------------------------------------------------------------- */

extern const luaL_Reg mgl_state_methods[]; /* bind_state.c; ended by a NULL name */
int mgl_layer_tostring(lua_State *L);      /* bind_layer_print.c */
void mgl_open_init(lua_State *L);          /* bind_init.c: adds `init` to the table at the top */
void mgl_open_functions(lua_State *L);     /* bind_layer_function.c: adds functions to the table at the top */

/* Push the list of the layer at index 1 and all within it, outer before inner, each once: layer,
 * prefix of its tensors' names, layer, prefix, ... */
void mgl_push_layers(lua_State *L, const char *function);

/* The method: the number of elements of all parameters of the layer at index 1 and those within. */
int mgl_num_parameters(lua_State *L);

#endif

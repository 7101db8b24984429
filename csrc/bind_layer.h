/* bind_layer.h: what the bind_*.c files about layers share.
 *
 * A layer's userdata ("box") holds an mg_layer pointer, NULL once freed, and two user values:
 *   MGL_FIELDS   what a container holds: the list of a Sequential, the fields of a Module.  Being
 *                in Lua's sight, cycles among containers are collected like any others.
 *   MGL_TRAINED  the set of a Module's fields that are parameters (see mgl_is_parameter). */
#ifndef MG_BIND_LAYER_H
#define MG_BIND_LAYER_H

#include "bind.h"
#include "layer.h"

enum { MGL_FIELDS = 1, MGL_TRAINED = 2 };

#define MGL_MAX_NESTING 64 /* containers within containers */
#define MGL_MAX_VALUES 16  /* tensors that go into or come out of a layer */

/* The types of containers: they have a name only. */
extern const mg_layer_type mgl_sequential_type, mgl_module_type;

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
/* The same for containers (bind_module.c). */
int mgl_run_sequential(lua_State *L, int index, mg_tensor **values, int n, int depth);
int mgl_run_module(lua_State *L, int index, mg_tensor **values, int n);
/* The call of a Module from Lua: any arguments, any results. */
int mgl_module_call(lua_State *L);

/* ---- containers (bind_module.c) ------------------------------------------------------------- */

bool mgl_is_container(const mg_layer *layer);
/* Reading and assigning container[key], for the box, key (and value) at indices 1, 2 (and 3). */
int mgl_container_index(lua_State *L, const mg_layer *layer);
int mgl_container_assign(lua_State *L, const mg_layer *layer);
/* The constructors, added to the table at the top of the stack. */
void mgl_open_module(lua_State *L);

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

/* The method: the number of elements of all parameters of the layer at index 1 and those within. */
int mgl_num_parameters(lua_State *L);

#endif

/* bind.h: what the bind_*.c files share.  These are the only files that include lua.h. */
#ifndef MG_BIND_H
#define MG_BIND_H

#include <lauxlib.h>
#include <lua.h>

#include "autograd.h"
#include "op.h"
#include "option.h"

/* Registry keys of the metatables.  The two precisions share no userdata; what Lua sees as __name
 * has no suffix in either. */
#ifdef MG_DOUBLE
#define MG_TYPE(name) "moongan." name "/64"
#else
#define MG_TYPE(name) "moongan." name
#endif
#define MG_TENSOR MG_TYPE("Tensor")
#define MG_LAYER MG_TYPE("Layer")
#define MG_LOSS MG_TYPE("Loss")
#define MG_OPTIMIZER MG_TYPE("Optimizer")
#define MG_DATASET MG_TYPE("Dataset")

/* ---- errors (bind_args.c) ------------------------------------------------------------------ */

/* Drain the pool to `mark`, then raise the core's message, or return where nothing failed. */
void mgl_check(lua_State *L, size_t mark);
/* Raise "FUNCTION: argument N (NAME): expected WHAT, got GOT", GOT describing the value there. */
int mgl_bad_argument(lua_State *L, const char *function, int index, const char *name, const char *expected);
/* "number 3.5", "tensor (64, 100)", "string \"x\"", "nil", ...: what a message says came. */
const char *mgl_describe(lua_State *L, int index);

/* ---- tensors (bind_tensor.c) --------------------------------------------------------------- */

/* The live tensor at index, or raise (naming function and argument) for anything else, a freed
 * one included. */
mg_tensor *mgl_check_tensor(lua_State *L, int index, const char *function, const char *name);
/* The same, or NULL where the value is not a tensor at all. */
mg_tensor *mgl_test_tensor(lua_State *L, int index);
/* Push a box that holds a reference to t, drain the pool to mark, and charge the collector; or
 * raise the core's error where t is NULL.  Returns 1. */
int mgl_return_tensor(lua_State *L, size_t mark, mg_tensor *t);
/* After a failure: whether it was for lack of memory and a full collection has freed some, so that
 * one more attempt is worth while (the error is cleared then). */
bool mgl_retry(lua_State *L, size_t mark);
/* Push a box for t (not NULL) without draining. */
void mgl_push_tensor(lua_State *L, mg_tensor *t);
/* The same for a tensor that something else holds anyhow, such as a parameter: there is no memory
 * to charge the collector with. */
void mgl_push_held_tensor(lua_State *L, mg_tensor *t);
/* Let the collector run in proportion to `bytes` of memory that a new userdata holds, unless the
 * script stopped it.  The userdata must be anchored already. */
void mgl_charge(lua_State *L, size_t bytes);
/* The list of tensors in the table at index (retained by that table): count, at most `max`. */
int mgl_check_tensors(lua_State *L, int index, const char *function, const char *name, mg_tensor **out, int max);

/* ---- plain arguments (bind_args.c): each raises mgl_bad_argument's message -------------------- */
lua_Number mgl_check_number(lua_State *L, int index, const char *function, const char *name);
lua_Integer mgl_check_integer(lua_State *L, int index, const char *function, const char *name, lua_Integer min,
                              lua_Integer max);
bool mgl_check_boolean(lua_State *L, int index, const char *function, const char *name);
const char *mgl_check_string(lua_State *L, int index, const char *function, const char *name);
/* A dimension from 1 to ndim, or from -1 (the last) down; 0-based in the result. */
int mgl_check_dim(lua_State *L, int index, const char *function, const char *name, int ndim);
/* Sizes as arguments index, index + 1, ... or one table of them; returns ndim. */
int mgl_check_shape(lua_State *L, int index, const char *function, int64_t *shape);
/* Raise for any key of the table at index that is not in `names` (NULL-ended), suggesting the
 * nearest of them.  Nothing happens where the value is nil. */
void mgl_check_keys(lua_State *L, int index, const char *function, const char *const *names);
/* Read constructor arguments from index 1 on against `options` (option.h). */
void mgl_check_options(lua_State *L, int first, const char *function, const mg_option *options, mg_values *values);

/* Push a block of malloc as a string and free it, also where pushing raises.  Returns 1. */
int mgl_return_block(lua_State *L, void *bytes, size_t size);

/* ---- Lua indexing of tensors (bind_slice.c), for the metatable of Tensor ------------------------ */

/* t[key] for a tensor at index 1 and a number or table at index 2; pushes the result, returns 1. */
int mgl_tensor_slice(lua_State *L);
/* t[key] = value, value (a number or tensor) at index 3; changes t in place, returns 0. */
int mgl_tensor_slice_assign(lua_State *L);

/* ---- method tables merged into Tensor's methods, each ended by a NULL name --------------------- */
extern const luaL_Reg mgl_random_methods[]; /* bind_random.c: in-place draws */
extern const luaL_Reg mgl_shape_methods[];  /* bind_shape.c: compositions of shape operations */

/* Each pushes nothing and adds its functions to the module table at the top of the stack. */
void mgl_open_tensor(lua_State *L);
void mgl_open_op(lua_State *L);
void mgl_open_create(lua_State *L);
void mgl_open_autograd(lua_State *L);
void mgl_open_random(lua_State *L);
void mgl_open_shape(lua_State *L);
void mgl_open_layer(lua_State *L);
void mgl_open_loss(lua_State *L);
void mgl_open_optim(lua_State *L);
void mgl_open_dataset(lua_State *L);
void mgl_open_image(lua_State *L);
void mgl_open_file(lua_State *L);
void mgl_open_bytes(lua_State *L);
void mgl_open_profile(lua_State *L);
void mgl_open_signals(lua_State *L);
void mgl_open_finite(lua_State *L);

#endif

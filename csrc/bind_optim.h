/* bind_optim.h: what bind_optim.c and bind_optim_state.c share. */
#ifndef MG_BIND_OPTIM_H
#define MG_BIND_OPTIM_H

#include "bind.h"
#include "optim.h"

/* The live optimizer at index 1, or raise, naming `method`. */
mg_optimizer *mgl_check_optimizer(lua_State *L, const char *method);

/* opt:state_dict() and opt:load_state_dict(state). */
int mgl_optimizer_state_dict(lua_State *L);
int mgl_optimizer_load_state_dict(lua_State *L);

/* Add the options of group g to the table at the top of the stack. */
void mgl_add_group_options(lua_State *L, const mg_optimizer *optimizer, int g);

#endif

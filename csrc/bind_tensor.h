/* bind_tensor.h: the pieces of moongan.Tensor's metatable, each in a file of its own. */
#ifndef MG_BIND_TENSOR_H
#define MG_BIND_TENSOR_H

#include "bind.h"

extern const luaL_Reg mgl_inplace_methods[];   /* bind_inplace.c */
extern const luaL_Reg mgl_composite_methods[]; /* bind_composite.c: compositions of operations */
extern const luaL_Reg mgl_operators[];         /* bind_composite.c: __add, __mul, ... */

#endif

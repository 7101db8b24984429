/* bind_dataset.h: what the files that bind data sets share. */
#ifndef MG_BIND_DATASET_H
#define MG_BIND_DATASET_H

#include "bind.h"
#include "dataset.h"

/* Examples picked out of a data set of `source` of them. */
#define MG_PICKS MG_TYPE("Picks")
typedef struct mgl_picks {
  int64_t count, source;
  mg_pick pick[];
} mgl_picks;

/* A decoding that runs ahead of its batch; NULL once it was used. */
#define MG_AHEAD MG_TYPE("Ahead")

/* Push an empty box for a data set; then put one in it, with the box on top of the stack, or raise
 * what kept it from being made. */
mg_dataset **mgl_new_dataset(lua_State *L);
int mgl_return_dataset(lua_State *L, size_t mark, const char *function, mg_dataset **box, mg_dataset *set);

/* The data set at index, and picks made for it, or raise. */
const mg_dataset *mgl_check_dataset(lua_State *L, int index, const char *function);
const mgl_picks *mgl_check_picks(lua_State *L, int index, const char *function, const mg_dataset *set);

/* Arguments `first` and `count` at index: examples first .. first + count - 1 of the picks, 0-based
 * in the result; returns count. */
int64_t mgl_check_span(lua_State *L, int index, const char *function, const mgl_picks *picks, int64_t *first);

/* bind_dataset_images.c: further functions of core.dataset; their types. */
extern const luaL_Reg mgl_dataset_image_functions[];
void mgl_open_dataset_images(lua_State *L);

#endif

/* core.dataset: examples in memory and batches of them.  lua/moongan/data.lua wraps these; here
 * every argument is given, and examples and classes count from 1. */
#include "bind_dataset.h"
#include "random.h"

/* ---- arguments ----------------------------------------------------------------------------- */

mg_dataset **mgl_new_dataset(lua_State *L) {
  mg_dataset **box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  luaL_setmetatable(L, MG_DATASET);
  return box;
}

int mgl_return_dataset(lua_State *L, size_t mark, const char *function, mg_dataset **box, mg_dataset *set) {
  *box = set;
  if (set) {
    mgl_charge(L, mg_dataset_memory(set));
  } else {
    mg_fail_prefix("%s: ", function);
  }
  mgl_check(L, mark);
  return 1;
}

const mg_dataset *mgl_check_dataset(lua_State *L, int index, const char *function) {
  mg_dataset **box = luaL_testudata(L, index, MG_DATASET);
  const mg_dataset *set = box ? *box : NULL;
  if (!set) mgl_bad_argument(L, function, index, "dataset", "a data set");
  return set;
}

const mgl_picks *mgl_check_picks(lua_State *L, int index, const char *function, const mg_dataset *set) {
  const mgl_picks *p = luaL_testudata(L, index, MG_PICKS);
  if (p && p->source == set->n) return p;
  mgl_bad_argument(L, function, index, "picks", "picks made for this data set");
  return NULL;
}

static const mg_dataset *check_labelled(lua_State *L, int index, const char *function) {
  const mg_dataset *set = mgl_check_dataset(L, index, function);
  if (!set->label) luaL_error(L, "%s: expected a data set with labels, this one has none", function);
  return set;
}

/* ---- making data sets ---------------------------------------------------------------------- */

/* dataset.idx(images, labels or nil, classes (0: any)) */
static int dataset_idx(lua_State *L) {
  static const char *const name = "mg.data.idx";
  const char *images = mgl_check_string(L, 1, name, "images");
  const char *labels = lua_isnil(L, 2) ? NULL : mgl_check_string(L, 2, name, "labels");
  const int64_t classes = mgl_check_integer(L, 3, name, "classes", 0, INT32_MAX);
  mg_dataset **box = mgl_new_dataset(L);
  const size_t mark = mg_pool_mark();
  return mgl_return_dataset(L, mark, name, box, mg_dataset_from_idx(images, labels, classes));
}

/* dataset.from_tensor(examples, labels or nil) */
static int dataset_from_tensor(lua_State *L) {
  static const char *const name = "mg.data.from_tensor";
  const mg_tensor *examples = mgl_check_tensor(L, 1, name, "examples");
  const mg_tensor *labels = lua_isnil(L, 2) ? NULL : mgl_check_tensor(L, 2, name, "labels");
  mg_dataset **box = mgl_new_dataset(L);
  const size_t mark = mg_pool_mark();
  return mgl_return_dataset(L, mark, name, box, mg_dataset_from_tensor(examples, labels));
}

/* dataset.subset(dataset, picks) */
static int dataset_subset(lua_State *L) {
  static const char *const name = "subset";
  const mg_dataset *set = mgl_check_dataset(L, 1, name);
  const mgl_picks *p = mgl_check_picks(L, 2, name, set);
  if (p->count == 0) return luaL_error(L, "%s: expected at least one example, got none", name);
  mg_dataset **box = mgl_new_dataset(L);
  const size_t mark = mg_pool_mark();
  return mgl_return_dataset(L, mark, name, box, mg_dataset_subset(set, p->pick, p->count));
}

static int dataset_gc(lua_State *L) {
  mg_dataset **box = luaL_checkudata(L, 1, MG_DATASET);
  mg_dataset_free(*box);
  *box = NULL;
  return 0;
}

/* ---- picking examples ---------------------------------------------------------------------- */

static mgl_picks *new_picks(lua_State *L, int64_t count, int64_t source) {
  mgl_picks *p = lua_newuserdatauv(L, sizeof *p + (size_t)count * sizeof *p->pick, 0);
  p->count = count;
  p->source = source;
  luaL_setmetatable(L, MG_PICKS);
  return p;
}

/* dataset.pick_epoch(dataset, seed, epoch, shuffle, mirror) */
static int dataset_pick_epoch(lua_State *L) {
  static const char *const name = "pick_epoch";
  const mg_dataset *set = mgl_check_dataset(L, 1, name);
  const lua_Integer seed = mgl_check_integer(L, 2, name, "seed", LUA_MININTEGER, LUA_MAXINTEGER);
  const lua_Integer epoch = mgl_check_integer(L, 3, name, "epoch", 1, LUA_MAXINTEGER);
  const bool shuffle = mgl_check_boolean(L, 4, name, "shuffle"), mirror = mgl_check_boolean(L, 5, name, "mirror");
  mgl_picks *p = new_picks(L, set->n, set->n);
  mg_pick_epoch(set->n, (uint64_t)seed, (uint64_t)epoch, shuffle, mirror, p->pick);
  return 1;
}

/* dataset.pick_range(dataset, first, last) */
static int dataset_pick_range(lua_State *L) {
  static const char *const name = "pick_range";
  const mg_dataset *set = mgl_check_dataset(L, 1, name);
  const lua_Integer first = mgl_check_integer(L, 2, name, "first", 1, set->n);
  const lua_Integer last = mgl_check_integer(L, 3, name, "last", first, set->n);
  mgl_picks *p = new_picks(L, last - first + 1, set->n);
  for (int64_t i = 0; i < p->count; i++) p->pick[i] = MG_PICK(first - 1 + i, 0);
  return 1;
}

/* dataset.pick_list(dataset, list of numbers) */
static int dataset_pick_list(lua_State *L) {
  static const char *const name = "pick_list";
  const mg_dataset *set = mgl_check_dataset(L, 1, name);
  if (!lua_istable(L, 2)) mgl_bad_argument(L, name, 2, "list", "a list of example numbers");
  mgl_picks *p = new_picks(L, (int64_t)lua_rawlen(L, 2), set->n);
  for (int64_t i = 0; i < p->count; i++) {
    int whole;
    lua_rawgeti(L, 2, i + 1);
    const lua_Integer example = lua_tointegerx(L, -1, &whole);
    if (!whole || example < 1 || example > set->n) {
      return luaL_error(L, "subset: expected example numbers from 1 to %I, got %s at place %I", (lua_Integer)set->n,
                        mgl_describe(L, -1), (lua_Integer)i + 1);
    }
    p->pick[i] = MG_PICK(example - 1, 0);
    lua_pop(L, 1);
  }
  return 1;
}

/* ---- batches ------------------------------------------------------------------------------- */

int64_t mgl_check_span(lua_State *L, int index, const char *function, const mgl_picks *picks, int64_t *first) {
  *first = mgl_check_integer(L, index, function, "first", 1, picks->count) - 1;
  return mgl_check_integer(L, index + 1, function, "count", 1, picks->count - *first);
}

/* dataset.gather(dataset, picks, first, count, flat, low, high, ahead or nil) -> images, labels or
 * nil: what picks first .. first + count - 1 stand for */
static int dataset_gather(lua_State *L) {
  static const char *const name = "gather";
  const mg_dataset *set = mgl_check_dataset(L, 1, name);
  const mgl_picks *p = mgl_check_picks(L, 2, name, set);
  int64_t first;
  const int64_t count = mgl_check_span(L, 3, name, p, &first);
  const bool flat = mgl_check_boolean(L, 5, name, "flat");
  const double low = mgl_check_number(L, 6, name, "low"), high = mgl_check_number(L, 7, name, "high");
  mg_decoding **ahead = luaL_testudata(L, 8, MG_AHEAD);
  const size_t mark = mg_pool_mark();
  mg_tensor *images = mg_dataset_gather(set, p->pick + first, count, ahead ? *ahead : NULL, flat, low, high);
  mg_tensor *labels = images && set->label ? mg_dataset_labels(set, p->pick + first, count) : NULL;
  if (ahead) {
    mg_decoding_free(*ahead);
    *ahead = NULL;
  }
  if (mg_dataset_is_streamed(set)) mg_fail_prefix("mg.data.image_folder: "); /* what else could fail is memory */
  if (mg_error()) mgl_check(L, mark);
  if (labels) {
    mgl_push_tensor(L, labels);
  } else {
    lua_pushnil(L);
  }
  mgl_return_tensor(L, mark, images);
  lua_insert(L, -2);
  return 2;
}

/* ---- facts --------------------------------------------------------------------------------- */

/* dataset.info(dataset) -> { count, shape = sizes of one example, bytes, streamed, labels = booleans,
 * classes = largest label } */
static int dataset_info(lua_State *L) {
  const mg_dataset *set = mgl_check_dataset(L, 1, "info");
  lua_createtable(L, 0, 6);
  lua_pushinteger(L, set->n);
  lua_setfield(L, -2, "count");
  lua_createtable(L, set->ndim, 0);
  for (int i = 0; i < set->ndim; i++) {
    lua_pushinteger(L, set->shape[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "shape");
  lua_pushboolean(L, mg_dataset_is_bytes(set));
  lua_setfield(L, -2, "bytes");
  lua_pushboolean(L, mg_dataset_is_streamed(set));
  lua_setfield(L, -2, "streamed");
  lua_pushboolean(L, set->label != NULL);
  lua_setfield(L, -2, "labels");
  int64_t classes = 0;
  for (int64_t i = 0; set->label && i < set->n; i++) classes = MG_MAX(classes, (int64_t)set->label[i] + 1);
  lua_pushinteger(L, classes);
  lua_setfield(L, -2, "classes");
  return 1;
}

/* dataset.label(dataset, example) -> its class number */
static int dataset_label(lua_State *L) {
  const mg_dataset *set = check_labelled(L, 1, "label");
  lua_pushinteger(L, set->label[mgl_check_integer(L, 2, "label", "example", 1, set->n) - 1] + 1);
  return 1;
}

/* dataset.class_indices(dataset, class) -> list of the examples that belong to it */
static int dataset_class_indices(lua_State *L) {
  const mg_dataset *set = check_labelled(L, 1, "class_indices");
  const lua_Integer class = mgl_check_integer(L, 2, "class_indices", "class", 1, INT32_MAX);
  lua_Integer found = 0;
  lua_newtable(L);
  for (int64_t i = 0; i < set->n; i++) {
    if (set->label[i] + 1 != class) continue;
    lua_pushinteger(L, i + 1);
    lua_rawseti(L, -2, ++found);
  }
  return 1;
}

/* dataset.draw_seed() -> a seed from the default generator, small enough to be exact in any file */
static int dataset_draw_seed(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)(mg_random_bits(mg_default_generator()) >> 11));
  return 1;
}

void mgl_open_dataset(lua_State *L) {
  static const luaL_Reg functions[] = {{"idx", dataset_idx},
                                       {"from_tensor", dataset_from_tensor},
                                       {"subset", dataset_subset},
                                       {"pick_epoch", dataset_pick_epoch},
                                       {"pick_range", dataset_pick_range},
                                       {"pick_list", dataset_pick_list},
                                       {"gather", dataset_gather},
                                       {"info", dataset_info},
                                       {"label", dataset_label},
                                       {"class_indices", dataset_class_indices},
                                       {"draw_seed", dataset_draw_seed},
                                       {NULL, NULL}};
  luaL_newmetatable(L, MG_DATASET);
  lua_pushcfunction(L, dataset_gc);
  lua_setfield(L, -2, "__gc");
  luaL_newmetatable(L, MG_PICKS);
  lua_pop(L, 2);
  mgl_open_dataset_images(L);
  luaL_newlib(L, functions);
  luaL_setfuncs(L, mgl_dataset_image_functions, 0);
  lua_setfield(L, -2, "dataset");
}

/* core.dataset: data sets of picture files and CIFAR batches, decoding ahead, and statistics. */
#include <stdlib.h>

#include "bind_dataset.h"
#include "cifar.h"

/* ---- making data sets ---------------------------------------------------------------------- */

/* A list of picture files that belongs to a box until a data set takes it, so that it does not
 * leak where reading the arguments raises. */
#define LIST MG_TYPE("ImageList")

static int list_gc(lua_State *L) {
  mg_image_list **box = luaL_checkudata(L, 1, LIST);
  mg_image_list_release(*box);
  *box = NULL;
  return 0;
}

/* The list of strings at index as a list of files. */
static mg_image_list **check_list(lua_State *L, int index, const char *function) {
  if (!lua_istable(L, index) || lua_rawlen(L, index) == 0) {
    mgl_bad_argument(L, function, index, "paths", "a list of at least one path");
  }
  const int64_t count = (int64_t)lua_rawlen(L, index);
  const int64_t h = mgl_check_integer(L, 3, function, "h", 1, 65535);
  const int64_t w = mgl_check_integer(L, 4, function, "w", 1, 65535);
  const int channels = mgl_check_integer(L, 5, function, "channels", 1, 3) == 1 ? 1 : 3;
  const bool crop = mgl_check_boolean(L, 6, function, "crop");
  const size_t mark = mg_pool_mark();
  mg_image_list **box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  luaL_setmetatable(L, LIST);
  *box = mg_image_list_new(count, h, w, channels, crop);
  for (int64_t i = 0; *box && i < count; i++) {
    lua_rawgeti(L, index, i + 1);
    if (lua_type(L, -1) != LUA_TSTRING) mgl_bad_argument(L, function, index, "paths", "a list of strings");
    if (!mg_image_list_set(*box, i, lua_tostring(L, -1))) break;
    lua_pop(L, 1);
  }
  mgl_check(L, mark);
  return box;
}

/* The list of class numbers from 1 at index, `count` of them, as a block for free(). */
static int32_t *read_labels(lua_State *L, int index, const char *function, int64_t count) {
  if (!lua_istable(L, index) || (int64_t)lua_rawlen(L, index) != count) {
    mgl_bad_argument(L, function, index, "labels", "a list of class numbers, one for each path");
  }
  for (int64_t i = 1; i <= count; i++) {
    lua_rawgeti(L, index, i);
    mgl_check_integer(L, -1, function, "label", 1, INT32_MAX);
    lua_pop(L, 1);
  }
  int32_t *labels = malloc((size_t)count * sizeof *labels);
  for (int64_t i = 0; labels && i < count; i++) {
    lua_rawgeti(L, index, i + 1);
    labels[i] = (int32_t)lua_tointeger(L, -1) - 1;
    lua_pop(L, 1);
  }
  if (!labels) mg_fail_memory((size_t)count * sizeof *labels);
  return labels;
}

/* dataset.images(paths, labels or nil, h, w, channels (1 or 3), crop, keep, skip) */
static int dataset_images(lua_State *L) {
  static const char *const name = "mg.data.image_folder";
  const bool keep = mgl_check_boolean(L, 7, name, "keep"), skip = mgl_check_boolean(L, 8, name, "skip");
  mg_image_list **list = check_list(L, 1, name);
  mg_dataset **box = mgl_new_dataset(L);
  const size_t mark = mg_pool_mark();
  int32_t *labels = lua_isnil(L, 2) ? NULL : read_labels(L, 2, name, (*list)->count);
  mg_image_list *taken = *list;
  if (mg_error()) return mgl_return_dataset(L, mark, name, box, NULL);
  *list = NULL;
  return mgl_return_dataset(L, mark, name, box, mg_dataset_from_images(taken, labels, keep, skip));
}

/* The list of strings at index as an array, on the stack; their number in *count. */
static const char **check_strings(lua_State *L, int index, const char *function, const char *name, int *count) {
  const lua_Integer n = lua_istable(L, index) ? (lua_Integer)lua_rawlen(L, index) : 0;
  if (n < 1 || n > 1000) mgl_bad_argument(L, function, index, name, "a list of 1 to 1000 strings");
  const char **strings = lua_newuserdatauv(L, (size_t)n * sizeof *strings, 0);
  for (lua_Integer i = 0; i < n; i++) {
    lua_rawgeti(L, index, i + 1);
    if (lua_type(L, -1) != LUA_TSTRING) mgl_bad_argument(L, function, index, name, "a list of strings");
    strings[i] = lua_tostring(L, -1); /* which the list holds on to */
    lua_pop(L, 1);
  }
  *count = (int)n;
  return strings;
}

/* dataset.cifar(archive or nil, list of paths or of names in the archive, records in each, classes) */
static int dataset_cifar(lua_State *L) {
  static const char *const name = "mg.data.cifar10";
  const char *archive = lua_isnil(L, 1) ? NULL : mgl_check_string(L, 1, name, "archive");
  const int64_t records = mgl_check_integer(L, 3, name, "records", 1, 1000000);
  const int classes = (int)mgl_check_integer(L, 4, name, "classes", 1, 256);
  int count;
  const char **files = check_strings(L, 2, name, "files", &count);
  mg_dataset **box = mgl_new_dataset(L);
  const size_t mark = mg_pool_mark();
  mg_dataset *set = archive ? mg_dataset_from_cifar_archive(archive, files, count, records, classes)
                            : mg_dataset_from_cifar(files, count, records, classes);
  return mgl_return_dataset(L, mark, name, box, set);
}

/* dataset.skipped(dataset) -> list of messages, one for each file left out */
static int dataset_skipped(lua_State *L) {
  const mg_failures *skipped = mg_dataset_skipped(mgl_check_dataset(L, 1, "skipped"));
  lua_newtable(L);
  for (int64_t i = 0; skipped && i < skipped->count; i++) {
    lua_pushstring(L, skipped->message[i]);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

/* ---- decoding ahead ------------------------------------------------------------------------ */

/* dataset.ahead(dataset, picks, first, count) -> what gather takes for the same arguments, or nil
 * where the data set is not streamed */
static int dataset_ahead(lua_State *L) {
  static const char *const name = "ahead";
  const mg_dataset *set = mgl_check_dataset(L, 1, name);
  const mgl_picks *p = mgl_check_picks(L, 2, name, set);
  int64_t first;
  const int64_t count = mgl_check_span(L, 3, name, p, &first);
  if (!mg_dataset_is_streamed(set)) return 0;
  const size_t mark = mg_pool_mark();
  mg_decoding **box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  luaL_setmetatable(L, MG_AHEAD);
  *box = mg_dataset_decode(set, p->pick + first, count);
  mgl_check(L, mark);
  mg_decoding_start(*box);
  mgl_charge(L, (size_t)(count * set->size));
  return 1;
}

static int ahead_gc(lua_State *L) {
  mg_decoding **box = luaL_checkudata(L, 1, MG_AHEAD);
  mg_decoding_free(*box);
  *box = NULL;
  return 0;
}

/* ---- statistics ---------------------------------------------------------------------------- */

static void set_list(lua_State *L, const char *field, const double *values, int64_t count) {
  lua_createtable(L, (int)count, 0);
  for (int64_t k = 0; k < count; k++) {
    lua_pushnumber(L, values[k]);
    lua_rawseti(L, -2, k + 1);
  }
  lua_setfield(L, -2, field);
}

/* dataset.statistics(dataset) -> { mean, std = lists, one number for each channel, bytes
 * counting 0 .. 255 } */
static int dataset_statistics(lua_State *L) {
  static const char *const name = "statistics";
  const mg_dataset *set = mgl_check_dataset(L, 1, name);
  const int64_t channels = mg_dataset_channels(set);
  double *numbers = lua_newuserdatauv(L, (size_t)(2 * channels) * sizeof *numbers, 0);
  const size_t mark = mg_pool_mark();
  if (!mg_dataset_statistics(set, numbers, numbers + channels)) mg_fail_prefix("%s: ", name);
  mgl_check(L, mark);
  lua_createtable(L, 0, 2);
  set_list(L, "mean", numbers, channels);
  set_list(L, "std", numbers + channels, channels);
  return 1;
}

/* dataset.counts(dataset, classes) -> list of the numbers of examples of classes 1 .. classes */
static int dataset_counts(lua_State *L) {
  static const char *const name = "counts";
  const mg_dataset *set = mgl_check_dataset(L, 1, name);
  const lua_Integer classes = mgl_check_integer(L, 2, name, "classes", 0, INT32_MAX);
  lua_newtable(L);
  for (lua_Integer i = 1; i <= classes; i++) {
    lua_pushinteger(L, 0);
    lua_rawseti(L, -2, i);
  }
  for (int64_t i = 0; set->label && i < set->n; i++) {
    const lua_Integer class = set->label[i] + 1;
    if (class > classes) continue;
    lua_rawgeti(L, -1, class);
    lua_pushinteger(L, lua_tointeger(L, -1) + 1);
    lua_rawseti(L, -3, class);
    lua_pop(L, 1);
  }
  return 1;
}

const luaL_Reg mgl_dataset_image_functions[] = {{"images", dataset_images},
                                                {"cifar", dataset_cifar},
                                                {"skipped", dataset_skipped},
                                                {"ahead", dataset_ahead},
                                                {"statistics", dataset_statistics},
                                                {"counts", dataset_counts},
                                                {NULL, NULL}};

void mgl_open_dataset_images(lua_State *L) {
  luaL_newmetatable(L, LIST);
  lua_pushcfunction(L, list_gc);
  lua_setfield(L, -2, "__gc");
  luaL_newmetatable(L, MG_AHEAD);
  lua_pushcfunction(L, ahead_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 2);
}

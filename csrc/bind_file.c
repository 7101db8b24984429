/* mg.file: files written whole, appended to, locked and looked for, and folders. */
#include <string.h>

#include "bind.h"
#include "file.h"
#include "file_lock.h"
#include "folder.h"

static const char *check_path(lua_State *L, const char *function) {
  const char *path = mgl_check_string(L, 1, function, "path");
  const size_t length = lua_rawlen(L, 1);
  if (length == 0 || strlen(path) != length)
    luaL_error(L, "%s: argument 1 (path): expected a path, got %s", function,
               length == 0 ? "an empty string" : "a string with a zero byte");
  return path;
}

/* The end of a function: raise what failed in the core, else return that many results. */
static int finish(lua_State *L, size_t mark, const char *function, int results) {
  if (mg_error()) mg_fail_prefix("%s: ", function);
  mgl_check(L, mark);
  return results;
}

/* ---- writing -------------------------------------------------------------------------------- */

static void check_piece(lua_State *L, int index, int place, mg_piece *piece) {
  const mg_tensor *t = mgl_test_tensor(L, index);
  if (t) {
    *piece = (mg_piece){t->data, (size_t)t->numel * sizeof(real)};
  } else if (lua_type(L, index) == LUA_TSTRING) {
    piece->bytes = lua_tolstring(L, index, &piece->size);
  } else {
    luaL_error(L, "mg.file.write: argument 2 (bytes): expected strings and tensors, got %s at place %d",
               mgl_describe(L, index), place);
  }
}

/* file.write(path, bytes): whole or not at all, see mg_file_write.  `bytes` is a string, or a list of strings
 * and tensors written one after the other, a tensor as the bytes of its numbers. */
static int file_write(lua_State *L) {
  const char *path = check_path(L, "mg.file.write");
  if (lua_type(L, 2) == LUA_TSTRING) {
    lua_createtable(L, 1, 0);
    lua_pushvalue(L, 2);
    lua_rawseti(L, -2, 1);
    lua_replace(L, 2);
  }
  if (!lua_istable(L, 2)) return mgl_bad_argument(L, "mg.file.write", 2, "bytes", "a string or a list of pieces");
  const size_t count = (size_t)lua_rawlen(L, 2);
  mg_piece *pieces = lua_newuserdatauv(L, count * sizeof *pieces, 0);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, 2, (lua_Integer)i + 1);
    check_piece(L, -1, (int)i + 1, &pieces[i]);
    lua_pop(L, 1); /* the list still holds it */
  }
  const size_t mark = mg_pool_mark();
  mg_file_write_pieces(path, pieces, count);
  return finish(L, mark, "mg.file.write", 0);
}

/* file.append(path, bytes [, sync]): to the end of a file, see mg_file_append. */
static int file_append(lua_State *L) {
  static const char *const name = "mg.file.append";
  const char *path = check_path(L, name);
  mgl_check_string(L, 2, name, "bytes");
  const bool sync = !lua_isnoneornil(L, 3) && mgl_check_boolean(L, 3, name, "sync");
  size_t size;
  const char *bytes = lua_tolstring(L, 2, &size);
  const size_t mark = mg_pool_mark();
  mg_file_append(path, bytes, size, sync);
  return finish(L, mark, name, 0);
}

/* file.make_folder(path): with those above it; an existing one is fine. */
static int file_make_folder(lua_State *L) {
  const char *path = mgl_check_string(L, 1, "mg.file.make_folder", "path");
  const size_t mark = mg_pool_mark();
  mg_folder_make(path);
  return finish(L, mark, "mg.file.make_folder", 0);
}

/* file.remove(path) -> whether there was anything: a file or an empty folder. */
static int file_remove(lua_State *L) {
  const char *path = check_path(L, "mg.file.remove");
  const size_t mark = mg_pool_mark();
  lua_pushboolean(L, mg_file_remove(path));
  return finish(L, mark, "mg.file.remove", 1);
}

/* ---- reading -------------------------------------------------------------------------------- */

/* file.read(path) -> the contents as a string */
static int file_read(lua_State *L) {
  const char *path = check_path(L, "mg.file.read");
  const size_t mark = mg_pool_mark();
  size_t size = 0;
  uint8_t *bytes = mg_file_read(path, SIZE_MAX / 2, &size);
  finish(L, mark, "mg.file.read", 0);
  return mgl_return_block(L, bytes, size);
}

/* file.exists(path) -> "file", "folder" or "other" by what is there, symbolic links followed; or nil */
static int file_exists(lua_State *L) {
  static const char *const kinds[] = {NULL, "file", "folder", "other"};
  int64_t size;
  lua_pushstring(L, kinds[mg_file_look(check_path(L, "mg.file.exists"), &size)]); /* NULL pushes nil */
  return 1;
}

/* file.size(path) -> bytes of a regular file, nil where there is none */
static int file_size(lua_State *L) {
  int64_t size;
  if (mg_file_look(check_path(L, "mg.file.size"), &size) != MG_FILE_REGULAR) return lua_pushnil(L), 1;
  lua_pushinteger(L, (lua_Integer)size);
  return 1;
}

/* Push two lists of names: of files, of folders. */
static int push_names(lua_State *L) {
  const mg_folder *folder = lua_touserdata(L, 1);
  lua_newtable(L);
  lua_newtable(L);
  for (int64_t i = 0; i < folder->count; i++) {
    const int list = folder->entry[i].folder ? 3 : 2;
    lua_pushstring(L, folder->entry[i].name);
    lua_rawseti(L, list, (lua_Integer)lua_rawlen(L, list) + 1);
  }
  return 2;
}

/* file.list_folder(path [, function]) -> names of the files in it, names of the folders: sorted lists,
 * see mg_folder_read.  Errors name the function given. */
static int file_list_folder(lua_State *L) {
  static const char *const name = "mg.file.list_folder";
  const char *path = check_path(L, name);
  const char *function = lua_isnoneornil(L, 2) ? name : mgl_check_string(L, 2, name, "function");
  const size_t mark = mg_pool_mark();
  mg_folder folder;
  if (!mg_folder_read(path, &folder)) mg_fail_prefix("%s: ", function);
  mgl_check(L, mark);
  lua_pushcfunction(L, push_names);
  lua_pushlightuserdata(L, &folder);
  const int status = lua_pcall(L, 1, 2, 0); /* so that the names are freed where pushing them fails */
  mg_folder_free(&folder);
  return status == LUA_OK ? 2 : lua_error(L);
}

/* ---- locks ---------------------------------------------------------------------------------- */

static int unlock(lua_State *L) {
  mg_file_lock_release(luaL_checkudata(L, 1, MG_TYPE("Lock")));
  return 0;
}

/* file.lock(path) -> a lock to close (lock:close(), or as a <close> variable), see mg_file_lock_take; or nil and the
 * number of the process that holds it, nil where that is not known. */
static int file_lock(lua_State *L) {
  static const char *const name = "mg.file.lock";
  const char *path = check_path(L, name);
  mg_file_lock *lock = lua_newuserdatauv(L, sizeof *lock, 0);
  *lock = (mg_file_lock){-1, NULL};
  luaL_setmetatable(L, MG_TYPE("Lock"));
  const size_t mark = mg_pool_mark();
  long holder;
  if (mg_file_lock_take(path, lock, &holder) != MG_LOCK_HELD) return finish(L, mark, name, 1);
  lua_pushnil(L);
  if (holder > 0) lua_pushinteger(L, holder);
  return holder > 0 ? 2 : 1;
}

static void open_locks(lua_State *L) {
  static const luaL_Reg metamethods[] = {{"__close", unlock}, {"__gc", unlock}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{"close", unlock}, {NULL, NULL}};
  luaL_newmetatable(L, MG_TYPE("Lock"));
  luaL_setfuncs(L, metamethods, 0);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

void mgl_open_file(lua_State *L) {
  static const luaL_Reg functions[] = {{"write", file_write},
                                       {"append", file_append},
                                       {"make_folder", file_make_folder},
                                       {"remove", file_remove},
                                       {"read", file_read},
                                       {"exists", file_exists},
                                       {"size", file_size},
                                       {"list_folder", file_list_folder},
                                       {"lock", file_lock},
                                       {NULL, NULL}};
  open_locks(L);
  luaL_newlib(L, functions);
  lua_setfield(L, -2, "file");
}

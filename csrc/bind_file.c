/* core.file: files written whole and folders, for the Lua modules. */
#include "bind.h"
#include "file.h"
#include "folder.h"

/* file.write(path, bytes): see mg_file_write. */
static int file_write(lua_State *L) {
  const char *path = mgl_check_string(L, 1, "mg.file.write", "path");
  mgl_check_string(L, 2, "mg.file.write", "bytes");
  size_t size;
  const char *bytes = lua_tolstring(L, 2, &size);
  const size_t mark = mg_pool_mark();
  if (!mg_file_write(path, bytes, size)) mg_fail_prefix("mg.file.write: ");
  mgl_check(L, mark);
  return 0;
}

/* file.make_folder(path): with those above it; an existing one is fine. */
static int file_make_folder(lua_State *L) {
  const char *path = mgl_check_string(L, 1, "mg.file.make_folder", "path");
  const size_t mark = mg_pool_mark();
  if (!mg_folder_make(path)) mg_fail_prefix("mg.file.make_folder: ");
  mgl_check(L, mark);
  return 0;
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

/* file.list_folder(path, function) -> names of the files in it, names of the folders: sorted lists,
 * see mg_folder_read.  Errors name the function given. */
static int file_list_folder(lua_State *L) {
  const char *path = mgl_check_string(L, 1, "mg.file.list_folder", "path");
  const char *function = mgl_check_string(L, 2, "mg.file.list_folder", "function");
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

void mgl_open_file(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"write", file_write}, {"make_folder", file_make_folder}, {"list_folder", file_list_folder}, {NULL, NULL}};
  luaL_newlib(L, functions);
  lua_setfield(L, -2, "file");
}

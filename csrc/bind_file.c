/* core.file: files written whole, for the Lua modules. */
#include "bind.h"
#include "file.h"

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

void mgl_open_file(lua_State *L) {
  static const luaL_Reg functions[] = {{"write", file_write}, {"make_folder", file_make_folder}, {NULL, NULL}};
  luaL_newlib(L, functions);
  lua_setfield(L, -2, "file");
}

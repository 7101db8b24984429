/* bind_option.c: constructor arguments, read against a table of mg_option.
 *
 * Sizes come first, by position; everything else is a key of one table at the end.  A key that
 * no option has is an error that names the nearest right one. */
#include "bind_option.h"

#define TEXT_SIZE 160
#define NAME_SIZE 32 /* names longer than this are compared by their beginning */

/* ---- unknown keys -------------------------------------------------------------------------- */

/* Levenshtein's distance between a and b, ignoring case: the fewest letters to insert, drop or change. */
static int edit_distance(const char *a, const char *b) {
  int n = (int)MG_MIN(strlen(a), (size_t)NAME_SIZE), m = (int)MG_MIN(strlen(b), (size_t)NAME_SIZE);
  int row[NAME_SIZE + 1] = {0};
  for (int j = 1; j <= m; j++) row[j] = j;
  for (int i = 1; i <= n; i++) {
    int diagonal = row[0];
    row[0] = i;
    for (int j = 1; j <= m; j++) {
      int change = diagonal + (tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]));
      diagonal = row[j];
      row[j] = MG_MIN(change, MG_MIN(row[j], row[j - 1]) + 1);
    }
  }
  return row[m];
}

/* The names that a table may use: those of key options, then the others. */
typedef struct allowed_names {
  const mg_option *options;  /* or NULL */
  const char *const *others; /* or NULL */
} allowed_names;

static bool is_positional(const mg_option *option) {
  return option->kind == MG_SIZE || option->kind == MG_SHAPE || option->positional;
}

/* Positional numbers may be written as keys as well. */
static bool is_key(const mg_option *option) { return !is_positional(option) || option->kind == MG_NUMBER; }

/* The next name, or NULL; *cursor starts at 0. */
static const char *next_name(const allowed_names *names, int *cursor) {
  int i = 0;
  for (const mg_option *option = names->options; option && option->name; option++)
    if (is_key(option) && i++ == *cursor) return (*cursor)++, option->name;
  for (const char *const *other = names->others; other && *other; other++)
    if (i++ == *cursor) return (*cursor)++, *other;
  return NULL;
}

/* Raise the error for a key that is not allowed. */
static void raise_unknown_key(lua_State *L, const char *function, const char *key, const allowed_names *names) {
  for (const mg_option *option = names->options; option && option->name; option++)
    if (!is_key(option) && strcmp(option->name, key) == 0)
      luaL_error(L, "%s: %s is positional: pass it as an argument, not as an option", function, key);
  const char *nearest = NULL, *name;
  int best = INT32_MAX, cursor = 0;
  luaL_Buffer list;
  luaL_buffinit(L, &list);
  while ((name = next_name(names, &cursor))) {
    int distance = edit_distance(key, name);
    if (distance < best) best = distance, nearest = name;
    if (cursor > 1) luaL_addstring(&list, ", ");
    luaL_addstring(&list, name);
  }
  luaL_pushresult(&list);
  if (!nearest) luaL_error(L, "%s: unknown option \"%s\"; no options are known here", function, key);
  bool near = best <= (int)MG_MAX(2, strlen(key) / 2) || strstr(nearest, key) || strstr(key, nearest);
  if (near)
    luaL_error(L, "%s: unknown option \"%s\" (did you mean \"%s\"?); options: %s", function, key, nearest,
               lua_tostring(L, -1));
  luaL_error(L, "%s: unknown option \"%s\"; options: %s", function, key, lua_tostring(L, -1));
}

/* The string key at index -2 during a traversal; raise for a key that is no string. */
static const char *check_key(lua_State *L, const char *function) {
  if (lua_type(L, -2) != LUA_TSTRING)
    luaL_error(L, "%s: options are named, as in { name = value }; got an entry at key %s", function,
               mgl_describe(L, -2));
  return lua_tostring(L, -2);
}

static bool contains(const char *const *names, const char *key) {
  for (; names && *names; names++)
    if (strcmp(*names, key) == 0) return true;
  return false;
}

void mgl_check_keys(lua_State *L, int index, const char *function, const char *const *names) {
  if (lua_isnoneornil(L, index)) return;
  if (!lua_istable(L, index)) mgl_bad_argument(L, function, index, "options", "a table of options");
  index = lua_absindex(L, index);
  luaL_checkstack(L, 8, function);
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
    const char *key = check_key(L, function);
    if (!contains(names, key)) raise_unknown_key(L, function, key, &(allowed_names){NULL, names});
  }
}

/* ---- one value ----------------------------------------------------------------------------- */

static bool has_limits(const mg_option *option) { return option->min != 0 || option->max != 0; }

static bool is_whole(const mg_option *option) {
  return option->kind == MG_SIZE || option->kind == MG_SHAPE || option->kind == MG_WHOLE || option->kind == MG_SIDES;
}

static bool in_range(const mg_option *option, double value) {
  if (is_whole(option)) {
    if (value != floor(value) || fabs(value) > 9007199254740992.0) return false;
    if (!has_limits(option)) return value >= 1;
  }
  if (isnan(value)) return false;
  if (!has_limits(option)) return true;
  if (option->kind == MG_PAIR) return value >= option->min && value < option->max;
  return value >= option->min && value <= option->max;
}

/* " in [0, 1]", " >= 0", or nothing. */
static void describe_range(const mg_option *option, char *text, size_t size) {
  text[0] = 0;
  if (!has_limits(option)) {
    if (is_whole(option)) snprintf(text, size, " >= 1");
  } else if (isinf(option->max)) {
    snprintf(text, size, " >= %.14g", option->min);
  } else if (isinf(option->min)) {
    snprintf(text, size, " <= %.14g", option->max);
  } else {
    snprintf(text, size, " in [%.14g, %.14g%c", option->min, option->max, option->kind == MG_PAIR ? ')' : ']');
  }
}

/* What the option expects, for a message: "a number in [0, 1]". */
static void describe_option(const mg_option *option, char *text, size_t size) {
  char range[64];
  describe_range(option, range, sizeof range);
  switch (option->kind) {
  case MG_SIZE:
  case MG_WHOLE:
    snprintf(text, size, "a whole number%s", range);
    break;
  case MG_SIDES:
    snprintf(text, size, "a whole number%s, or two, { height, width }", range);
    break;
  case MG_SHAPE:
    snprintf(text, size, "whole numbers%s, at most %d", range, MG_MAX_DIM);
    break;
  case MG_NUMBER:
    snprintf(text, size, "a number%s", range);
    break;
  case MG_BOOLEAN:
    snprintf(text, size, "true or false");
    break;
  case MG_PAIR:
    snprintf(text, size, "two numbers%s, as in { 0.5, 0.9 }", range);
    break;
  case MG_CHOICE:
    snprintf(text, size, "one of %s", option->choices);
    break;
  }
}

/* The number at index (a string of digits is none), if it is one in the option's range. */
static bool read_number(lua_State *L, int index, const mg_option *option, double *value) {
  if (lua_type(L, index) != LUA_TNUMBER) return false;
  *value = lua_tonumber(L, index);
  return in_range(option, *value);
}

/* The index of word in "a|b|c", or -1. */
static int choice_index(const char *choices, const char *word) {
  size_t length = strlen(word);
  int index = 0;
  for (const char *at = choices; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL, index++)
    if (length > 0 && !strchr(word, '|') && strncmp(at, word, length) == 0 && (at[length] == '|' || at[length] == 0))
      return index;
  return -1;
}

/* Word number `index` of "a|b|c", and its length. */
static const char *find_choice(const char *choices, int index, int *length) {
  while (index-- > 0) choices = strchr(choices, '|') + 1;
  *length = (int)strcspn(choices, "|");
  return choices;
}

static bool read_pair(lua_State *L, int index, const mg_option *option, double *value) {
  if (!lua_istable(L, index) || lua_rawlen(L, index) != 2) return false;
  bool ok = true;
  for (int i = 0; i < 2; i++) {
    lua_rawgeti(L, index, i + 1);
    ok = read_number(L, -1, option, &value[i]) && ok;
    lua_pop(L, 1);
  }
  return ok;
}

static bool read_sides(lua_State *L, int index, const mg_option *option, double *value) {
  if (lua_istable(L, index)) return read_pair(L, index, option, value);
  bool ok = read_number(L, index, option, value);
  value[1] = value[0];
  return ok;
}

/* Read the value at index (absolute) as option wants it; false if it does not fit. */
static bool read_value(lua_State *L, int index, const mg_option *option, double *value) {
  switch (option->kind) {
  case MG_BOOLEAN:
    return value[0] = lua_toboolean(L, index), lua_isboolean(L, index);
  case MG_PAIR:
    return read_pair(L, index, option, value);
  case MG_SIDES:
    return read_sides(L, index, option, value);
  case MG_CHOICE: {
    int choice = lua_type(L, index) == LUA_TSTRING ? choice_index(option->choices, lua_tostring(L, index)) : -1;
    value[0] = choice;
    return choice >= 0;
  }
  default:
    return read_number(L, index, option, value);
  }
}

/* ---- a table of keys ----------------------------------------------------------------------- */

int mgl_find_option(const mg_option *options, const char *name) {
  for (int i = 0; options[i].name; i++)
    if (is_key(&options[i]) && strcmp(options[i].name, name) == 0) return i;
  return -1;
}

/* mgl_read_options, noting which options came; an option that had come already is an error. */
static void read_keys(lua_State *L, int index, const char *function, const mg_option *options,
                      const char *const *others, mg_values *values, bool *given) {
  index = lua_absindex(L, index);
  luaL_checkstack(L, 8, function);
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
    const char *key = check_key(L, function);
    if (contains(others, key)) continue;
    int i = mgl_find_option(options, key);
    if (i < 0) {
      raise_unknown_key(L, function, key, &(allowed_names){options, others});
    } else if (given[i]) {
      luaL_error(L, "%s: option %s given twice, by position and by key", function, key);
    } else if (!read_value(L, lua_gettop(L), &options[i], values->value[i])) {
      char expected[TEXT_SIZE];
      describe_option(&options[i], expected, sizeof expected);
      luaL_error(L, "%s: option %s: expected %s, got %s", function, key, expected, mgl_describe(L, -1));
    } else {
      given[i] = true;
    }
  }
}

void mgl_read_options(lua_State *L, int index, const char *function, const mg_option *options,
                      const char *const *others, mg_values *values) {
  bool given[MG_MAX_OPTIONS] = {false};
  read_keys(L, index, function, options, others, values, given);
}

void mgl_push_option(lua_State *L, const mg_option *option, const double value[2]) {
  switch (option->kind) {
  case MG_BOOLEAN:
    lua_pushboolean(L, value[0] != 0);
    break;
  case MG_WHOLE:
    lua_pushinteger(L, (lua_Integer)value[0]);
    break;
  case MG_PAIR:
  case MG_SIDES:
    lua_createtable(L, 2, 0);
    for (int i = 0; i < 2; i++) {
      if (option->kind == MG_SIDES)
        lua_pushinteger(L, (lua_Integer)value[i]);
      else
        lua_pushnumber(L, value[i]);
      lua_rawseti(L, -2, i + 1);
    }
    break;
  case MG_CHOICE: {
    int length;
    const char *word = find_choice(option->choices, (int)value[0], &length);
    lua_pushlstring(L, word, (size_t)length);
    break;
  }
  default:
    if (isinf(value[0]))
      lua_pushnil(L);
    else
      lua_pushnumber(L, value[0]);
  }
}

void mgl_push_options_text(lua_State *L, const mg_option *options, const mg_values *values) {
  luaL_Buffer text;
  luaL_buffinit(L, &text);
  const char *separator = "";
  for (int i = 0; options[i].name; i++) {
    const double *value = values->value[i];
    char word[96];
    switch (options[i].kind) {
    case MG_BOOLEAN:
      snprintf(word, sizeof word, "%s", value[0] != 0 ? "true" : "false");
      break;
    case MG_PAIR:
    case MG_SIDES:
      snprintf(word, sizeof word, "{ %.6g, %.6g }", value[0], value[1]);
      break;
    case MG_CHOICE: {
      int length;
      const char *choice = find_choice(options[i].choices, (int)value[0], &length);
      snprintf(word, sizeof word, "\"%.*s\"", length, choice);
      break;
    }
    default:
      if (isinf(value[0])) continue;
      snprintf(word, sizeof word, "%.6g", value[0]);
    }
    luaL_addstring(&text, separator);
    luaL_addstring(&text, options[i].name);
    luaL_addstring(&text, " = ");
    luaL_addstring(&text, word);
    separator = ", ";
  }
  luaL_pushresult(&text);
}

/* ---- positional arguments ------------------------------------------------------------------ */

/* Raise: argument `position` cannot be what is at `index`, which option does not take. */
static void raise_argument(lua_State *L, const char *function, int position, const mg_option *option, int index) {
  char expected[TEXT_SIZE];
  describe_option(option, expected, sizeof expected);
  luaL_error(L, "%s: argument %d (%s): expected %s, got %s", function, position, option->name, expected,
             mgl_describe(L, index));
}

/* Add the size on top of the stack to the shape and pop it, or raise for argument `position`. */
static void add_size(lua_State *L, const char *function, int position, const mg_option *option, mg_values *values) {
  double size;
  if (values->ndim == MG_MAX_DIM || !read_number(L, -1, option, &size))
    raise_argument(L, function, position, option, -1);
  else
    values->shape[values->ndim++] = (int64_t)size;
  lua_pop(L, 1);
}

/* Read the sizes from `position` on (numbers up to the end, or one list of them) and return the
 * position after them.  A table without list elements is left for the options. */
static int read_shape(lua_State *L, int position, const char *function, const mg_option *option, mg_values *values) {
  if (lua_istable(L, position) && lua_rawlen(L, position) > 0) {
    lua_Unsigned n = lua_rawlen(L, position);
    for (lua_Unsigned i = 1; i <= n; i++) {
      lua_rawgeti(L, position, (lua_Integer)i);
      add_size(L, function, position, option, values);
    }
    return position + 1;
  }
  for (; !lua_isnoneornil(L, position) && !lua_istable(L, position); position++) {
    lua_pushvalue(L, position);
    add_size(L, function, position, option, values);
  }
  return position;
}

/* A table with list elements is { height, width }, where sides are wanted, and no table of options. */
static bool is_list_of_sides(lua_State *L, int position, const mg_option *option) {
  return option->kind == MG_SIDES && lua_rawlen(L, position) > 0;
}

/* Read positional arguments from `position` on; returns the position after the last of them. */
static int read_positional(lua_State *L, int position, const char *function, const mg_option *options,
                           mg_values *values, bool *given) {
  for (int i = 0; options[i].name; i++) {
    const mg_option *option = &options[i];
    if (!is_positional(option)) continue;
    if (option->kind == MG_SHAPE) {
      position = read_shape(L, position, function, option, values);
      given[i] = values->ndim > 0;
    } else if (!lua_isnoneornil(L, position) && (!lua_istable(L, position) || is_list_of_sides(L, position, option))) {
      if (!read_value(L, position, option, values->value[i])) raise_argument(L, function, position, option, position);
      given[i] = true;
      position++;
    } else if (lua_isnil(L, position) && !option->required) {
      position++;
    }
    if (option->required && !is_key(option) && !given[i]) raise_argument(L, function, position, option, position);
  }
  return position;
}

void mgl_check_options(lua_State *L, int first, const char *function, const mg_option *options, mg_values *values) {
  static const mg_option none[] = {{.name = NULL}};
  bool given[MG_MAX_OPTIONS] = {false};
  if (!options) options = none;
  memset(values, 0, sizeof *values);
  for (int i = 0; options[i].name; i++) memcpy(values->value[i], options[i].fallback, sizeof values->value[i]);
  luaL_checkstack(L, 8, function);
  int position = read_positional(L, first, function, options, values, given);
  bool has_table = lua_istable(L, position);
  if (has_table) read_keys(L, position++, function, options, NULL, values, given);
  for (; position <= lua_gettop(L); position++)
    if (!lua_isnil(L, position))
      luaL_error(L, "%s: argument %d: expected %s, got %s", function, position,
                 has_table ? "nothing after the options" : "a table of options", mgl_describe(L, position));
  for (int i = 0; options[i].name; i++)
    if (options[i].required && !given[i]) {
      char expected[TEXT_SIZE];
      describe_option(&options[i], expected, sizeof expected);
      luaL_error(L, "%s: option %s is required: expected %s", function, options[i].name, expected);
    }
}

/* bind_layer_print.c: a layer as a person wants to see it: a diagram with parameter counts. */
#include "bind_layer.h"
#include "layer_spectral.h"

/* ---- numbers -------------------------------------------------------------------------------- */

/* "201 488": groups of three digits. */
static const char *grouped(int64_t number, char text[32]) {
  char digits[24];
  int n = snprintf(digits, sizeof digits, "%" PRId64, number), at = 0;
  for (int i = 0; i < n; i++) {
    if (i > 0 && (n - i) % 3 == 0) text[at++] = ' ';
    text[at++] = digits[i];
  }
  text[at] = 0;
  return text;
}

/* "9 999", then three digits: "16.6 k", "203 k", "1.49 M". */
static const char *rounded(int64_t number, char text[32]) {
  static const char *const units[] = {"k", "M", "G", "T"};
  if (number < 10000) return grouped(number, text);
  double value = (double)number / 1000;
  int unit = 0;
  while (value >= 999.5 && unit < 3) value /= 1000, unit++;
  int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  snprintf(text, 32, "%.*f %s", decimals, value, units[unit]);
  return text;
}

/* ---- the diagram ---------------------------------------------------------------------------- */

/* Stack positions of the diagram in the making: the texts of its lines, the counts at their ends
 * ("" for none), and the layers shown so far. */
typedef struct diagram {
  int texts, counts, seen;
  size_t width; /* of the longest text that has a count */
} diagram;

/* Add a line: its text is on top of the stack and popped; count < 0 shows none. */
static void add_line(lua_State *L, diagram *d, int64_t count) {
  char number[32] = "";
  lua_Integer line = (lua_Integer)lua_rawlen(L, d->texts) + 1;
  if (count > 0) {
    d->width = MG_MAX(d->width, lua_rawlen(L, -1));
    grouped(count, number);
  }
  lua_rawseti(L, d->texts, line);
  lua_pushstring(L, number);
  lua_rawseti(L, d->counts, line);
}

static bool is_normalizer(lua_State *L, int index) {
  const mg_layer *layer = mgl_test_layer(L, index);
  return layer && layer->type == &mg_spectral_norm_type;
}

/* Push what stands for the layer at index: "Linear(64 -> 256)", "SpectralNorm(Linear(64 -> 256))",
 * or a container's name. */
static void push_description(lua_State *L, int index) {
  char text[512], own[128];
  const mg_layer *layer = mgl_test_layer(L, index);
  if (is_normalizer(L, index)) {
    mg_layer_describe(layer, own, sizeof own);
    const char *options = strchr(own, '(');
    mgl_push_normalized(L, index);
    push_description(L, lua_gettop(L));
    lua_pushfstring(L, "%s(%s%s%s", layer->type->name, lua_tostring(L, -1), options ? ", " : "",
                    options ? options + 1 : ")");
    lua_replace(L, -3);
    lua_pop(L, 1);
  } else if (!layer || layer->type->container) {
    lua_pushstring(L, mgl_layer_name(L, index));
  } else {
    mg_layer_describe(layer, text, sizeof text);
    lua_pushstring(L, text);
  }
}

/* Whether the layer at index is met for the first time. */
static bool first_time(lua_State *L, const diagram *d, int index) {
  lua_pushvalue(L, index);
  bool first = lua_rawget(L, d->seen) == LUA_TNIL;
  lua_pop(L, 1);
  lua_pushvalue(L, index);
  lua_pushboolean(L, true);
  lua_rawset(L, d->seen);
  return first;
}

/* Elements of the own parameters of the layer at index, or of that which it normalises, unless that
 * was shown before. */
static int64_t own_parameters(lua_State *L, const diagram *d, int index) {
  int64_t count = 0;
  if (is_normalizer(L, index)) {
    mgl_push_normalized(L, index);
    if (first_time(L, d, lua_gettop(L))) count = own_parameters(L, d, lua_gettop(L));
    lua_pop(L, 1);
    return count;
  }
  const mg_layer *layer = mgl_test_layer(L, index);
  for (int i = 0; layer && layer->type->slots[i].name; i++)
    if (layer->tensor[i] && !layer->type->slots[i].buffer) count += layer->tensor[i]->numel;
  return count;
}

static void add_entries(lua_State *L, diagram *d, int index, size_t indent, int depth);

/* A line for the tensor at the top of the stack, an entry of the Module at index, after the text
 * just under it. */
static void add_tensor(lua_State *L, diagram *d, int index, const mgl_entry *entry) {
  const char *lead = lua_tostring(L, -2);
  const mg_tensor *t = mgl_test_tensor(L, -1);
  bool parameter = t && !t->node && mgl_is_parameter(L, index, entry, t);
  const char *kind = parameter ? "parameter" : !t ? "freed tensor" : t->node ? "tensor" : "buffer";
  lua_pushfstring(L, "%s%s %s", lead, kind, t ? mg_tensor_text(t) : "");
  add_line(L, d, parameter ? t->numel : 0);
}

/* A line for the value at the top of the stack, an entry of the container at index, after the text
 * just under it; and lines for all that it holds. */
static void add_entry(lua_State *L, diagram *d, int index, const mgl_entry *entry, int depth) {
  int value = lua_gettop(L);
  size_t indent;
  const char *lead = lua_tolstring(L, value - 1, &indent);
  if (!entry->layer) {
    add_tensor(L, d, index, entry);
    return;
  }
  bool first = first_time(L, d, value);
  push_description(L, value);
  lua_pushfstring(L, "%s%s%s", lead, lua_tostring(L, -1), first ? "" : "  (as above)");
  add_line(L, d, first ? own_parameters(L, d, value) : 0);
  if (first) add_entries(L, d, value, indent, depth + 1);
}

/* Width of the longest name, and whether all are positions. */
static size_t name_width(lua_State *L, const mgl_entry *entries, int count, bool *positions) {
  size_t width = 0;
  *positions = true;
  for (int i = 0; i < count; i++) {
    width = MG_MAX(width, strlen(mgl_push_entry_name(L, &entries[i])));
    *positions = *positions && !entries[i].name;
    lua_pop(L, 1);
  }
  return width;
}

/* Push n spaces. */
static void push_spaces(lua_State *L, size_t n) {
  luaL_Buffer buffer;
  memset(luaL_buffinitsize(L, &buffer, n), ' ', n);
  luaL_pushresultsize(&buffer, n);
}

/* Lines for what the container at index holds, indented to where its own description starts. */
static void add_entries(lua_State *L, diagram *d, int index, size_t indent, int depth) {
  int top = lua_gettop(L), count;
  luaL_checkstack(L, 16, "tostring");
  if (!mgl_test_layer(L, index) || is_normalizer(L, index)) return;
  const mgl_entry *entries = mgl_push_entries(L, index, &count);
  if (depth > MGL_MAX_NESTING) {
    push_spaces(L, indent);
    lua_pushliteral(L, "..");
    lua_concat(L, 2);
    add_line(L, d, 0);
    count = 0;
  }
  bool positions;
  size_t width = name_width(L, entries, count, &positions);
  for (int i = 0; i < count; i++) {
    push_spaces(L, indent);
    const char *name = mgl_push_entry_name(L, &entries[i]);
    push_spaces(L, width - strlen(name));
    if (positions) lua_insert(L, -2); /* numbers to the right, names to the left */
    lua_pushliteral(L, "  ");
    lua_concat(L, 4);
    mgl_push_entry(L, top + 1, &entries[i]);
    add_entry(L, d, index, &entries[i], depth);
    lua_settop(L, top + 2);
  }
  lua_settop(L, top);
}

/* Push the lines as one string, counts right-aligned in a column. */
static void push_diagram(lua_State *L, const diagram *d) {
  size_t widest = 0;
  lua_Integer lines = (lua_Integer)lua_rawlen(L, d->texts);
  for (lua_Integer i = 1; i <= lines; i++, lua_pop(L, 1)) {
    lua_rawgeti(L, d->counts, i);
    widest = MG_MAX(widest, lua_rawlen(L, -1));
  }
  luaL_Buffer buffer;
  luaL_buffinit(L, &buffer);
  for (lua_Integer i = 1; i <= lines; i++) {
    lua_rawgeti(L, d->texts, i);
    size_t text = lua_rawlen(L, -1);
    luaL_addvalue(&buffer);
    lua_rawgeti(L, d->counts, i);
    size_t number = lua_rawlen(L, -1), gap = number ? d->width - text + 2 + widest - number : 0;
    push_spaces(L, gap);
    lua_insert(L, -2);
    lua_concat(L, 2);
    luaL_addvalue(&buffer);
    if (i < lines) luaL_addchar(&buffer, '\n');
  }
  luaL_pushresult(&buffer);
}

/* The parameters of the layer at index 1, or 0 where they can't be counted: something within was
 * freed, or is nested too deep. */
static int64_t count_parameters(lua_State *L) {
  lua_pushcfunction(L, mgl_num_parameters);
  lua_pushvalue(L, 1);
  int64_t count = lua_pcall(L, 1, 1, 0) == LUA_OK ? lua_tointeger(L, -1) : 0;
  lua_pop(L, 1);
  return count;
}

int mgl_layer_tostring(lua_State *L) {
  lua_settop(L, 1);
  if (!mgl_test_layer(L, 1)) return lua_pushliteral(L, "freed layer"), 1;
  for (int i = 0; i < 3; i++) lua_newtable(L);
  diagram d = {.texts = 2, .counts = 3, .seen = 4};
  char number[32];
  int64_t count = count_parameters(L);
  first_time(L, &d, 1);
  push_description(L, 1);
  if (count > 0) {
    lua_pushfstring(L, "  (%s parameter%s)", rounded(count, number), count == 1 ? "" : "s");
    lua_concat(L, 2);
  }
  add_line(L, &d, 0);
  add_entries(L, &d, 1, 2, 1);
  push_diagram(L, &d);
  return 1;
}

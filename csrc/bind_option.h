/* bind_option.h: tables of named options, read and written against an mg_option array.
 *
 * bind.h declares what constructors use (mgl_check_options, mgl_check_keys); these two serve
 * whoever keeps options of its own, such as an optimizer's parameter groups. */
#ifndef MG_BIND_OPTION_H
#define MG_BIND_OPTION_H

#include "bind.h"

/* Read every key of the table at index into `values`, over what they hold.  Keys that are
 * neither an option nor in `others` (NULL-ended; may be NULL) raise, as do wrong types and
 * numbers out of range; values that were read before the raise stay. */
void mgl_read_options(lua_State *L, int index, const char *function, const mg_option *options,
                      const char *const *others, mg_values *values);

/* Set field `name` of the table at the top of the stack to option i, as Lua would write it:
 * pairs are tables, choices words.  An infinite number is left out: it means "not limited". */
void mgl_push_option(lua_State *L, const mg_option *option, const double value[2]);

#endif

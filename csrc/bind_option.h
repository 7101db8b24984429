/* bind_option.h: tables of named options, read and written against an mg_option array.
 *
 * bind.h declares what constructors use (mgl_check_options, mgl_check_keys); these serve whoever
 * reads, shows or saves options later, such as an optimizer and its parameter groups. */
#ifndef MG_BIND_OPTION_H
#define MG_BIND_OPTION_H

#include "bind.h"

/* Read every key of the table at index into `values`, over what they hold.  Keys that are
 * neither an option nor in `others` (NULL-ended; may be NULL) raise, as do wrong types and
 * numbers out of range; values that were read before the raise stay. */
void mgl_read_options(lua_State *L, int index, const char *function, const mg_option *options,
                      const char *const *others, mg_values *values);

/* Push option i's value as Lua would write it: pairs are tables, choices words; an infinite
 * number is nil, for it means "not limited". */
void mgl_push_option(lua_State *L, const mg_option *option, const double value[2]);

/* Push "lr = 0.001, betas = { 0.9, 0.999 }": every option that is not nil. */
void mgl_push_options_text(lua_State *L, const mg_option *options, const mg_values *values);

/* The position of the key option called `name`, or -1. */
int mgl_find_option(const mg_option *options, const char *name);

#endif

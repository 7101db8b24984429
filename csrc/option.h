/* option.h: descriptions of constructor arguments, shared by layers, losses and optimizers.
 *
 * Sizes are positional, everything else is a key in one table at the end, and an unknown key is
 * an error: the binding (bind_option.c) reads arguments against an array of these, ended by a
 * NULL name. */
#ifndef MG_OPTION_H
#define MG_OPTION_H

#include "base.h"

typedef enum {
  MG_SIZE,    /* positional, a whole number >= 1 (min, max apply) */
  MG_NUMBER,  /* key (or positional, where .positional is set): a number in [min, max] */
  MG_BOOLEAN, /* key */
  MG_CHOICE,  /* key: one of the words in .choices ("mean|sum|none"); its index is the value */
  MG_WHOLE,   /* key: a whole number in [min, max] */
  MG_PAIR,    /* key: two numbers { a, b }, each in [min, max); takes two values */
  MG_SIDES,   /* key (or positional, where .positional is set): a whole number in [min, max] for both
                 sides of an image, or two { height, width }; takes two values */
  MG_SHAPE    /* positional sizes up to the end of the arguments, or one table of them */
} mg_option_kind;

typedef struct mg_option {
  const char *name;
  mg_option_kind kind;
  bool positional; /* MG_NUMBER: also accepted positionally, in order; MG_SIDES: only so */
  bool required;
  double fallback[2];
  double min, max; /* both 0: no limits */
  const char *choices;
} mg_option;

#define MG_MAX_OPTIONS 16

/* What was given or the fallbacks, value[i] for option i (pairs and sides use both places). */
typedef struct mg_values {
  double value[MG_MAX_OPTIONS][2];
  int ndim; /* of the MG_SHAPE option */
  int64_t shape[MG_MAX_DIM];
} mg_values;

#endif

/* profile.h: where the time goes, by operation and by layer.
 *
 * While profiling is on, each piece of work (an operation's forward function, an optimizer's step,
 * a draw of random numbers, a batch) is timed between mg_profile_begin and mg_profile_end, and
 * counts for the layer that runs, or, during backward, for the layer that recorded the node.  Off,
 * which it is at first, each of the two costs a branch. */
#ifndef MG_PROFILE_H
#define MG_PROFILE_H

#include "base.h"

/* What was spent on one operation or layer, forward and backward. */
typedef struct mg_profile_row {
  char name[104];
  const void *key; /* what the row is of: a name's address, a layer; NULL once that is gone */
  uint64_t calls;
  double seconds[2]; /* forward, backward; of inner pieces of work not counted again */
  double flops;      /* of matrix products and convolutions */
  double bytes;      /* read and written, if each operand is touched once */
} mg_profile_row;

typedef struct mg_profile {
  mg_profile_row *operations, *layers;
  int operation_count, layer_count;
  double seconds; /* from start to stop */
} mg_profile;

extern _Thread_local bool mg_profile_on;

/* Forget what was measured and begin; stop and give what was, which is good until the next start. */
void mg_profile_start(void);
const mg_profile *mg_profile_stop(void);

/* A piece of work under way. */
typedef struct mg_profile_mark {
  double began; /* 0: not measured */
  double inner; /* spent before, within the piece of work around it */
} mg_profile_mark;

mg_profile_mark mg_profile_open(void);
void mg_profile_close(mg_profile_mark mark, const char *name, double flops, double bytes);

static inline mg_profile_mark mg_profile_begin(void) {
  return __builtin_expect(mg_profile_on, 0) ? mg_profile_open() : (mg_profile_mark){0, 0};
}

/* name must last, and is the same at each call: its address tells rows apart. */
static inline void mg_profile_end(mg_profile_mark mark, const char *name, double flops, double bytes) {
  if (__builtin_expect(mark.began != 0, 0)) mg_profile_close(mark, name, flops, bytes);
}

/* What runs now: a layer's number (0: none), and whether backward does. */
typedef struct mg_profile_place {
  int layer;
  bool backward;
} mg_profile_place;

/* Set the place, while profiling is on; returns what it was. */
mg_profile_place mg_profile_enter(mg_profile_place place);
int mg_profile_layer(void);
/* The number of a layer, described by describe(layer, text, size) when it is first seen. */
int mg_profile_number(const void *layer, void (*describe)(const void *layer, char *text, size_t size));
/* The layer is gone: another one at its address is another. */
void mg_profile_forget(const void *layer);

#endif

/* arena.h: memory for blocks that are large, but smaller than a large page of the system.
 *
 * They are cut from chunks that ask for large pages: on small ones a walk down the columns of a weight, or through
 * a dozen of activations, spends its time on looking up addresses, and the outer cache holds them by chance. */
#ifndef MG_ARENA_H
#define MG_ARENA_H

#include "base.h"

/* Whether blocks of so many bytes come from here. */
bool mg_arena_has(size_t bytes);

/* A block, aligned to 64 bytes; NULL on lack of memory. */
void *mg_arena_get(size_t bytes);
/* Give a block back.  The system gets its chunk when that has none left. */
void mg_arena_put(void *block);
/* Give back this thread's open chunk as well, if nothing of it is used. */
void mg_arena_trim(void);

/* Memory straight from the system, in large pages where it has them on request; NULL on lack of memory. */
void *mg_large_pages(size_t bytes);
void mg_large_pages_free(void *found, size_t bytes);

#endif

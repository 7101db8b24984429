/* arena.h: where blocks of memory come from: the system, by way of large pages where it has them on request.
 *
 * On small pages a walk down the columns of a weight, or through a dozen of activations, spends its time on looking
 * up addresses, and the outer cache holds them by chance.  So blocks from 64 KB to 4 MB are cut from chunks that ask
 * for large pages, and larger ones ask for pages of their own. */
#ifndef MG_ARENA_H
#define MG_ARENA_H

#include "base.h"

/* A block of so many bytes, a multiple of 64, aligned to 64; NULL on lack of memory. */
void *mg_arena_get(size_t bytes);
/* Give a block of that size back.  The system gets a chunk when all of its blocks are back ... */
void mg_arena_put(void *block, size_t bytes);
/* ... and the one that this thread cuts from if this is called then. */
void mg_arena_trim(void);

#endif

/* idx.h: the IDX format of the MNIST files (Y. LeCun, "The MNIST database"): two zero bytes, the
 * type of the elements, the number of dimensions, each dimension as a big-endian 32-bit integer,
 * then the elements, the last dimension running fastest. */
#ifndef MG_IDX_H
#define MG_IDX_H

#include "base.h"

#define MG_IDX_MAX_RANK 4

typedef struct mg_idx {
  int rank;
  int64_t size[MG_IDX_MAX_RANK];
  int64_t count;  /* the product of the sizes */
  uint8_t *bytes; /* `count` of them, a block for free() */
} mg_idx;

/* Read a plain or gzip IDX file of unsigned bytes that has min_rank to max_rank dimensions, none of
 * them zero.  False with an error that names the file, what was expected and what came, and
 * nothing allocated.  Memory grows with what the file holds, not with what its header claims. */
bool mg_idx_read(const char *path, int min_rank, int max_rank, mg_idx *idx);

#endif

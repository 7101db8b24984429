/* philox.h: what the kernels that draw random numbers and their callers agree on.
 *
 * Philox 4x32-10: J. Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel random numbers: as easy as
 * 1, 2, 3", SC 2011.  A counter of four words and a key of two give four random words.
 *
 * A draw takes counters in groups of MG_PHILOX_LANES, one a lane of the vectorised loop: word w
 * of lane l makes number w * MG_PHILOX_LANES + l of its group, or, where a number takes two words
 * (64-bit reals), words 2w and 2w + 1 make it. */
#ifndef MG_PHILOX_H
#define MG_PHILOX_H

#include "base.h"

#define MG_PHILOX_M0 0xD2511F53u
#define MG_PHILOX_M1 0xCD9E8D57u
#define MG_PHILOX_W0 0x9E3779B9u
#define MG_PHILOX_W1 0xBB67AE85u
#define MG_PHILOX_ROUNDS 10

#define MG_PHILOX_LANES 16

/* Numbers that a group of counters gives. */
#define MG_PHILOX_WORDS (4 * MG_PHILOX_LANES)
#define MG_PHILOX_REALS (MG_PHILOX_WORDS * 4 / (int)sizeof(real))

#endif

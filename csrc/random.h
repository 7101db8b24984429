/* random.h: counter-based random numbers, Philox 4x32-10 (Salmon et al. 2011).
 *
 * Number i of a draw depends on (seed, offset, i) alone, so draws run in parallel and repeat
 * bit for bit; the whole state is two integers. */
#ifndef MG_RANDOM_H
#define MG_RANDOM_H

#include "base.h"

typedef struct mg_generator {
  uint64_t seed;
  uint64_t offset; /* counters used so far */
} mg_generator;

/* The generator that layers and tensor functions draw from. */
mg_generator *mg_default_generator(void);

void mg_random_uniform(mg_generator *g, int64_t n, real *out, double low, double high); /* [low, high) */
void mg_random_normal(mg_generator *g, int64_t n, real *out, double mean, double std);
/* out[i] = scale with probability p, else 0. */
void mg_random_bernoulli(mg_generator *g, int64_t n, real *out, double p, double scale);
/* The function itself: ten rounds over a 128-bit counter and a 64-bit key, least word first. */
void mg_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);
/* 64 random bits. */
uint64_t mg_random_bits(mg_generator *g);
/* An integer in [0, bound), without bias; bound >= 1. */
uint64_t mg_random_below(mg_generator *g, uint64_t bound);

#endif

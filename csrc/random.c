#include <math.h>
#include <time.h>

#include "kernel.h"
#include "parallel.h"
#include "philox.h"
#include "profile.h"
#include "random.h"

#ifdef MG_DOUBLE
#define NEXTAFTER nextafter
#else
#define NEXTAFTER nextafterf
#endif

void mg_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
  uint32_t a = counter[0], b = counter[1], c = counter[2], d = counter[3], key0 = key[0], key1 = key[1];
  for (int round = 0; round < MG_PHILOX_ROUNDS; round++) {
    uint64_t p = (uint64_t)MG_PHILOX_M0 * a, q = (uint64_t)MG_PHILOX_M1 * c;
    a = (uint32_t)(q >> 32) ^ b ^ key0;
    c = (uint32_t)(p >> 32) ^ d ^ key1;
    b = (uint32_t)q;
    d = (uint32_t)p;
    key0 += MG_PHILOX_W0;
    key1 += MG_PHILOX_W1;
  }
  out[0] = a;
  out[1] = b;
  out[2] = c;
  out[3] = d;
}

/* Until a script chooses a seed, every run has another. */
static uint64_t seed_of_the_moment(const void *somewhere) {
  struct timespec now = {0};
  timespec_get(&now, TIME_UTC);
  uint64_t place = (uint64_t)(uintptr_t)somewhere;
  uint32_t counter[4] = {(uint32_t)now.tv_sec, (uint32_t)now.tv_nsec, (uint32_t)place, (uint32_t)(place >> 32)};
  uint32_t key[2] = {0, 0}, out[4];
  mg_philox(counter, key, out);
  return (uint64_t)out[0] << 32 | out[1];
}

mg_generator *mg_default_generator(void) {
  static mg_generator generator;
  static bool seeded;
  if (!seeded) {
    generator.seed = seed_of_the_moment(&generator);
    seeded = true;
  }
  return &generator;
}

/* ---- draws of many numbers, in fixed ranges -------------------------------------------------- */

typedef struct draw {
  real *out;
  uint64_t seed, counter;
  real a, b, top;
  uint32_t threshold;
} draw;

/* MG_GRAIN is a whole number of groups, so that each range starts with one. */
_Static_assert(MG_GRAIN % MG_PHILOX_WORDS == 0, "a range of random numbers starts with a group");

static uint64_t counter_at(const draw *d, int64_t begin, int64_t group) {
  return d->counter + (uint64_t)(begin / group) * MG_PHILOX_LANES;
}

static void run_draw(mg_generator *g, draw *d, int64_t n, int64_t group, mg_range *body) {
  mg_profile_mark mark = mg_profile_begin();
  d->seed = g->seed;
  d->counter = g->offset;
  g->offset += (uint64_t)((n + group - 1) / group) * MG_PHILOX_LANES;
  mg_parallel_ranges(n, MG_GRAIN, body, d);
  mg_profile_end(mark, "random numbers", 0, (double)n * sizeof(real));
}

static void uniform_range(void *argument, int64_t begin, int64_t end) {
  const draw *d = argument;
  mg_kernel->random_uniform(end - begin, d->out + begin, d->seed, counter_at(d, begin, MG_PHILOX_REALS), d->a, d->b,
                            d->top);
}

void mg_random_uniform(mg_generator *g, int64_t n, real *out, double low, double high) {
  draw d = {.out = out, .a = (real)low, .b = (real)(high - low)};
  real end = (real)high;
  d.top = end > d.a ? NEXTAFTER(end, d.a) : d.a;
  run_draw(g, &d, n, MG_PHILOX_REALS, uniform_range);
}

static void normal_range(void *argument, int64_t begin, int64_t end) {
  const draw *d = argument;
  mg_kernel->random_normal(end - begin, d->out + begin, d->seed, counter_at(d, begin, MG_PHILOX_REALS), d->a, d->b);
}

void mg_random_normal(mg_generator *g, int64_t n, real *out, double mean, double std) {
  draw d = {.out = out, .a = (real)mean, .b = (real)std};
  run_draw(g, &d, n, MG_PHILOX_REALS, normal_range);
}

static void bernoulli_range(void *argument, int64_t begin, int64_t end) {
  const draw *d = argument;
  mg_kernel->random_bernoulli(end - begin, d->out + begin, d->seed, counter_at(d, begin, MG_PHILOX_WORDS), d->threshold,
                              d->a);
}

static void fill_range(void *argument, int64_t begin, int64_t end) {
  const draw *d = argument;
  for (int64_t i = begin; i < end; i++) d->out[i] = d->a;
}

void mg_random_bernoulli(mg_generator *g, int64_t n, real *out, double p, double scale) {
  double words = p * 0x1p32; /* of 2^32, how many succeed */
  draw d = {.out = out, .a = (real)scale};
  if (words < 0x1p32) {
    d.threshold = words > 0 ? (uint32_t)words : 0;
    run_draw(g, &d, n, MG_PHILOX_WORDS, bernoulli_range);
  } else {
    run_draw(g, &d, n, MG_PHILOX_WORDS, fill_range); /* uses as many counters */
  }
}

/* ---- single numbers -------------------------------------------------------------------------- */

uint64_t mg_random_bits(mg_generator *g) {
  uint64_t at = g->offset++;
  uint32_t counter[4] = {(uint32_t)at, (uint32_t)(at >> 32), 0, 0};
  uint32_t key[2] = {(uint32_t)g->seed, (uint32_t)(g->seed >> 32)}, out[4];
  mg_philox(counter, key, out);
  return (uint64_t)out[1] << 32 | out[0];
}

uint64_t mg_random_below(mg_generator *g, uint64_t bound) {
  uint64_t surplus = -bound % bound, bits; /* 2^64 mod bound numbers would come up once too often */
  do bits = mg_random_bits(g);
  while (bits < surplus);
  return bits % bound;
}

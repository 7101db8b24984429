#include "storage.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arena.h"

/* Under AddressSanitizer a cached block counts as freed, and what lies past the bytes asked for as
 * out of bounds. */
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#define HIDE(address, bytes) ASAN_POISON_MEMORY_REGION(address, bytes)
#define SHOW(address, bytes) ASAN_UNPOISON_MEMORY_REGION(address, bytes)
#else
#define HIDE(address, bytes) ((void)0)
#define SHOW(address, bytes) ((void)0)
#endif

/* Size classes: four a power of two, from 64 bytes up, so a block wastes at most a fifth of
 * itself.  Free blocks of a class form a list through their first word. */
#define SMALLEST 6
#define CLASSES ((48 - SMALLEST) * 4)

typedef struct block {
  struct block *next;
} block;

static _Thread_local block *cache[CLASSES];
static _Thread_local mg_memory_stats stats;
static _Thread_local mg_storage *headers; /* free mg_storage structs, linked through bytes */

mg_memory_stats *mg_memory(void) { return &stats; }

/* Between powers of two, and between classes, are steps of a quarter, but of no less than 64 bytes. */
static size_t step_of(size_t power) { return MG_MAX(power >> 2, (size_t)64); }

static size_t capacity_of(int class) {
  size_t power = (size_t)1 << (SMALLEST + class / 4);
  return power + (size_t)(class % 4) * step_of(power);
}

/* The class that holds `bytes`, or -1 where none does. */
static int class_of(size_t bytes, size_t *capacity) {
  int class = 0;
  if (bytes > (size_t)1 << SMALLEST) {
    int power = 63 - __builtin_clzll((unsigned long long)bytes - 1); /* 2^power < bytes <= 2^(power+1) */
    if (power >= 47) return -1;
    size_t least = (size_t)1 << power, step = step_of(least);
    class = (power - SMALLEST) * 4 + (int)((bytes - least + step - 1) / step);
  }
  *capacity = capacity_of(class);
  return class;
}

/* Whether the machine can hold that much more.  A system that promises memory it does not have
 * (overcommit) would end the process later, at its first use. */
static bool fits_machine(size_t bytes) {
  static size_t physical;
  if (!physical) {
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    physical = pages > 0 && size > 0 ? (size_t)pages * (size_t)size : SIZE_MAX;
  }
  return bytes <= physical && stats.live_bytes <= physical - bytes;
}

static void *block_get(size_t bytes, size_t *capacity) {
  int class = class_of(bytes, capacity);
  if (class < 0) return mg_fail_memory(bytes);
  block *found = cache[class];
  if (found) {
    cache[class] = found->next;
    stats.cached_bytes -= *capacity;
  } else {
    if (!fits_machine(*capacity)) return mg_fail_memory(bytes);
    stats.system_requests++;
    found = mg_arena_get(*capacity);
    if (!found) {
      mg_storage_trim();
      found = mg_arena_get(*capacity);
      if (!found) return mg_fail_memory(bytes);
    }
  }
  stats.live_bytes += *capacity;
  if (stats.live_bytes > stats.peak_bytes) stats.peak_bytes = stats.live_bytes;
  HIDE(found, *capacity);
  SHOW(found, bytes);
  return found;
}

static void block_put(void *bytes, size_t capacity) {
  size_t same;
  int class = class_of(capacity, &same);
  block *freed = bytes;
  HIDE(bytes, capacity);
  SHOW(freed, sizeof *freed);
  freed->next = cache[class];
  cache[class] = freed;
  stats.live_bytes -= capacity;
  stats.cached_bytes += capacity;
}

mg_storage *mg_storage_new(size_t bytes) {
  size_t capacity = 0;
  void *memory = block_get(bytes, &capacity);
  if (!memory) return NULL;
  mg_storage *storage = headers;
  if (storage) {
    headers = storage->bytes;
  } else {
    stats.system_requests++;
    if (!(storage = malloc(sizeof *storage))) {
      block_put(memory, capacity);
      return mg_fail_memory(sizeof *storage);
    }
  }
  *storage = (mg_storage){.bytes = memory, .capacity = capacity, .refs = 1};
  return storage;
}

void mg_storage_retain(mg_storage *storage) { storage->refs++; }

void mg_storage_release(mg_storage *storage) {
  if (!storage || --storage->refs) return;
  block_put(storage->bytes, storage->capacity);
  storage->bytes = headers;
  headers = storage;
}

void *mg_scratch_get(size_t bytes, size_t *capacity) { return block_get(bytes, capacity); }

void mg_scratch_put(void *bytes, size_t capacity) {
  if (bytes) block_put(bytes, capacity);
}

void mg_storage_trim(void) {
  for (int class = 0; class < CLASSES; class ++) {
    while (cache[class]) {
      block *next = cache[class]->next;
      mg_arena_put(cache[class], capacity_of(class));
      cache[class] = next;
    }
  }
  mg_arena_trim();
  stats.cached_bytes = 0;
  while (headers) {
    mg_storage *next = headers->bytes;
    free(headers);
    headers = next;
  }
}

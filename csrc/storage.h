/* storage.h: reference-counted, 64-byte aligned memory from a caching allocator.
 *
 * Freed blocks are kept by size class and handed out again, so that a training step asks the
 * system for nothing after its first iteration. */
#ifndef MG_STORAGE_H
#define MG_STORAGE_H

#include "base.h"

typedef struct mg_storage {
  void *bytes;
  size_t capacity; /* bytes reserved: the block's size class */
  int refs;
  uint32_t version; /* counts in-place changes, so that the tape notices one */
} mg_storage;

typedef struct mg_memory_stats {
  size_t live_bytes;        /* in storages that somebody holds */
  size_t cached_bytes;      /* free, kept for reuse */
  size_t peak_bytes;        /* largest live_bytes so far */
  size_t live_tensors;      /* tensors that somebody holds */
  uint64_t system_requests; /* blocks asked from the system so far: of tensors, scratch, graphs, and what holds them */
} mg_memory_stats;

/* A storage of at least `bytes` bytes (0 is allowed), contents undefined, one reference.
 * NULL with an error set when memory is exhausted, after emptying the cache. */
mg_storage *mg_storage_new(size_t bytes);
void mg_storage_retain(mg_storage *storage);
void mg_storage_release(mg_storage *storage);

/* Scratch for kernels: from the same cache, without a header to keep. */
void *mg_scratch_get(size_t bytes, size_t *capacity);
void mg_scratch_put(void *bytes, size_t capacity);

/* Give every cached block back to the system. */
void mg_storage_trim(void);
mg_memory_stats *mg_memory(void);

#endif

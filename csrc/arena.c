#include "arena.h"

#include <stdatomic.h>
#include <stdlib.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

#define PAGE ((size_t)2 << 20)
#define CHUNK (8 * PAGE)
#define SMALLEST ((size_t)64 << 10)
#define LARGEST ((size_t)4 << 20)
#define LINE 64
#define GAP                                                                                                            \
  (5 * LINE) /* before a block, so that blocks begin in different lines of a cache; its last line names the chunk */

typedef struct chunk {
  atomic_size_t holders; /* blocks that are not given back, and the thread that cuts from it */
  size_t used;
} chunk;

static _Thread_local chunk *current;

static size_t whole_pages(size_t bytes) { return (bytes + PAGE - 1) / PAGE * PAGE; }

#if defined(MADV_HUGEPAGE) && !defined(__SANITIZE_ADDRESS__)

/* A mapping of one page more has so many pages that begin where one may; what lies around them goes back. */
void *mg_large_pages(size_t bytes) {
  size_t size = whole_pages(bytes);
  char *mapped = mmap(NULL, size + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return NULL;
  size_t before = (PAGE - (uintptr_t)mapped % PAGE) % PAGE;
  if (before) munmap(mapped, before);
  munmap(mapped + before + size, PAGE - before);
  madvise(mapped + before, size, MADV_HUGEPAGE);
  return mapped + before;
}

void mg_large_pages_free(void *found, size_t bytes) { munmap(found, whole_pages(bytes)); }

#else

void *mg_large_pages(size_t bytes) { return aligned_alloc(PAGE, whole_pages(bytes)); }

void mg_large_pages_free(void *found, size_t bytes) {
  (void)bytes;
  free(found);
}

#endif

bool mg_arena_has(size_t bytes) {
#ifdef __SANITIZE_ADDRESS__
  return false; /* what lies behind a block would be another's, not out of bounds */
#endif
  return bytes >= SMALLEST && bytes <= LARGEST;
}

static chunk **chunk_of(void *block) { return (chunk **)((char *)block - LINE); }

static void release(chunk *c) {
  if (atomic_fetch_sub(&c->holders, 1) == 1) mg_large_pages_free(c, CHUNK);
}

void *mg_arena_get(size_t bytes) {
  if (!current || current->used + bytes > CHUNK) {
    if (current) release(current);
    current = mg_large_pages(CHUNK);
    if (!current) return NULL;
    atomic_init(&current->holders, 1);
    current->used = LINE + GAP;
  }
  void *block = (char *)current + current->used;
  *chunk_of(block) = current;
  current->used += (bytes + LINE - 1) / LINE * LINE + GAP;
  atomic_fetch_add(&current->holders, 1);
  return block;
}

void mg_arena_put(void *block) { release(*chunk_of(block)); }

void mg_arena_trim(void) {
  if (!current || atomic_load(&current->holders) > 1) return;
  mg_large_pages_free(current, CHUNK);
  current = NULL;
}

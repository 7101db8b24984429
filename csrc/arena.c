#include "arena.h"

#include <stdatomic.h>
#include <stdlib.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

#define LINE 64

/* Under AddressSanitizer each block is the system's own: what lies behind one that is cut from a chunk would be
 * another's, not out of bounds. */
#if defined(MADV_HUGEPAGE) && !defined(__SANITIZE_ADDRESS__)

#define PAGE ((size_t)2 << 20)
#define CHUNK (8 * PAGE)
#define SMALLEST ((size_t)64 << 10) /* blocks from a chunk */
#define LARGEST ((size_t)4 << 20)
/* Before a block, so that blocks begin in different lines of a cache; its last line names the chunk. */
#define GAP (5 * LINE)

typedef struct chunk {
  atomic_size_t holders; /* blocks that are not given back, and the thread that cuts from it */
  size_t used;
} chunk;

static _Thread_local chunk *current;

static size_t whole_pages(size_t bytes) { return (bytes + PAGE - 1) / PAGE * PAGE; }

/* A mapping of one page more has so many pages that begin where one may; what lies around them goes back. */
static void *pages_get(size_t bytes) {
  size_t size = whole_pages(bytes);
  char *mapped = mmap(NULL, size + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return NULL;
  size_t before = (PAGE - (uintptr_t)mapped % PAGE) % PAGE;
  if (before) munmap(mapped, before);
  munmap(mapped + before + size, PAGE - before);
  madvise(mapped + before, size, MADV_HUGEPAGE);
  return mapped + before;
}

static void pages_put(void *pages, size_t bytes) { munmap(pages, whole_pages(bytes)); }

static chunk **chunk_of(void *block) { return (chunk **)((char *)block - LINE); }

static void release(chunk *c) {
  if (atomic_fetch_sub(&c->holders, 1) == 1) pages_put(c, CHUNK);
}

static void *cut(size_t bytes) {
  if (!current || current->used + bytes > CHUNK) {
    if (current) release(current);
    current = pages_get(CHUNK);
    if (!current) return NULL;
    atomic_init(&current->holders, 1);
    current->used = LINE + GAP;
  }
  void *block = (char *)current + current->used;
  *chunk_of(block) = current;
  current->used += bytes + GAP;
  atomic_fetch_add(&current->holders, 1);
  return block;
}

void *mg_arena_get(size_t bytes) {
  if (bytes < SMALLEST) return aligned_alloc(LINE, bytes);
  return bytes <= LARGEST ? cut(bytes) : pages_get(bytes);
}

void mg_arena_put(void *block, size_t bytes) {
  if (bytes < SMALLEST)
    free(block);
  else if (bytes <= LARGEST)
    release(*chunk_of(block));
  else
    pages_put(block, bytes);
}

void mg_arena_trim(void) {
  if (!current || atomic_load(&current->holders) > 1) return;
  release(current);
  current = NULL;
}

#else

void *mg_arena_get(size_t bytes) { return aligned_alloc(LINE, bytes); }

void mg_arena_put(void *block, size_t bytes) {
  (void)bytes;
  free(block);
}

void mg_arena_trim(void) {}

#endif

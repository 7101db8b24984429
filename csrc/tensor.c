#include "tensor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "op.h"

static _Thread_local struct {
  mg_tensor **items;
  size_t count, capacity;
} pool;

static _Thread_local mg_tensor *spare; /* free mg_tensor structs, linked through grad */

/* ---- the pool ------------------------------------------------------------------------------ */

size_t mg_pool_mark(void) { return pool.count; }

void mg_pool_drain(size_t mark) {
  while (pool.count > mark) mg_release(pool.items[--pool.count]);
  if (pool.count == 0 && pool.capacity > 4096) {
    free(pool.items);
    pool.items = NULL;
    pool.capacity = 0;
  }
}

mg_tensor *mg_temporary(mg_tensor *t) {
  if (!t) return NULL;
  if (pool.count == pool.capacity) {
    size_t capacity = pool.capacity ? pool.capacity * 2 : 256;
    mg_memory()->system_requests++;
    mg_tensor **items = realloc(pool.items, capacity * sizeof *items);
    if (!items) {
      mg_release(t);
      return mg_fail_memory(capacity * sizeof *items);
    }
    pool.items = items;
    pool.capacity = capacity;
  }
  return pool.items[pool.count++] = t;
}

mg_tensor *mg_pool_drain_keep(size_t mark, mg_tensor *t) {
  mg_retain(t);
  mg_pool_drain(mark);
  return mg_temporary(t);
}

/* ---- creation ------------------------------------------------------------------------------ */

static mg_tensor *tensor_struct(int ndim, const int64_t *shape) {
  mg_tensor *t = spare;
  if (t) {
    spare = t->grad;
  } else {
    mg_memory()->system_requests++;
    if (!(t = malloc(sizeof *t))) return mg_fail_memory(sizeof *t);
  }
  memset(t, 0, sizeof *t);
  t->refs = 1;
  t->ndim = ndim;
  t->numel = 1;
  for (int i = 0; i < ndim; i++) {
    t->shape[i] = shape[i];
    t->numel *= shape[i];
  }
  mg_memory()->live_tensors++;
  return t;
}

static void struct_free(mg_tensor *t) {
  mg_memory()->live_tensors--;
  t->grad = spare;
  spare = t;
}

/* False with an error set unless the sizes make a tensor whose bytes can be counted. */
static bool check_shape(int ndim, const int64_t *shape) {
  if (ndim < 0 || ndim > MG_MAX_DIM)
    return mg_fail("a tensor has at most %d dimensions, got %d", MG_MAX_DIM, ndim), false;
  int64_t bytes = sizeof(real);
  for (int i = 0; i < ndim; i++) {
    if (shape[i] < 0) return mg_fail("expected sizes of at least 0, got %s", mg_shape_text(ndim, shape)), false;
    if (__builtin_mul_overflow(bytes, MG_MAX(shape[i], 1), &bytes))
      return mg_fail("a tensor of shape %s is too large for memory", mg_shape_text(ndim, shape)), false;
  }
  return true;
}

mg_tensor *mg_tensor_new(int ndim, const int64_t *shape) {
  if (!check_shape(ndim, shape)) return NULL;
  mg_tensor *t = tensor_struct(ndim, shape);
  if (!t) return NULL;
  t->storage = mg_storage_new((size_t)t->numel * sizeof(real));
  if (!t->storage) {
    struct_free(t);
    return NULL;
  }
  t->data = t->storage->bytes;
  return mg_temporary(t);
}

mg_tensor *mg_tensor_like(const mg_tensor *t) { return t ? mg_tensor_new(t->ndim, t->shape) : NULL; }

mg_tensor *mg_tensor_full(int ndim, const int64_t *shape, double value) {
  mg_tensor *t = mg_tensor_new(ndim, shape);
  if (!t) return NULL;
  if (value == 0)
    memset(t->data, 0, (size_t)t->numel * sizeof(real));
  else
    for (int64_t i = 0; i < t->numel; i++) t->data[i] = (real)value;
  return t;
}

mg_tensor *mg_scalar(double value) { return mg_tensor_full(0, NULL, value); }

mg_tensor *mg_tensor_view(const mg_tensor *t, int64_t offset, int ndim, const int64_t *shape) {
  if (!t) return NULL;
  mg_tensor *view = tensor_struct(ndim, shape);
  if (!view) return NULL;
  view->storage = t->storage;
  mg_storage_retain(t->storage);
  view->data = t->data + offset;
  return mg_temporary(view);
}

mg_tensor *mg_detach(const mg_tensor *t) { return t ? mg_tensor_view(t, 0, t->ndim, t->shape) : NULL; }

mg_tensor *mg_retain(mg_tensor *t) {
  if (t) t->refs++;
  return t;
}

void mg_release(mg_tensor *t) {
  if (!t || --t->refs) return;
  mg_tensor *grad = t->grad;
  mg_node *node = t->node;
  mg_storage_release(t->storage);
  struct_free(t);
  mg_release(grad);
  mg_node_release(node);
}

void mg_tensor_trim(void) {
  while (spare) {
    mg_tensor *next = spare->grad;
    free(spare);
    spare = next;
  }
  if (pool.count == 0) {
    free(pool.items);
    pool.items = NULL;
    pool.capacity = 0;
  }
}

/* ---- questions ----------------------------------------------------------------------------- */

bool mg_same_shape(const mg_tensor *a, const mg_tensor *b) {
  return a->ndim == b->ndim && memcmp(a->shape, b->shape, sizeof *a->shape * (size_t)a->ndim) == 0;
}

const char *mg_shape_text(int ndim, const int64_t *shape) {
  static _Thread_local char texts[4][200];
  static _Thread_local int next;
  char *text = texts[next++ % 4];
  size_t at = 1;
  strcpy(text, "(");
  for (int i = 0; i < ndim && at < 170; i++)
    at += (size_t)snprintf(text + at, 200 - at, i ? ", %" PRId64 : "%" PRId64, shape[i]);
  strcpy(text + at, ndim == 1 ? ",)" : ")");
  return text;
}

const char *mg_tensor_text(const mg_tensor *t) { return mg_shape_text(t->ndim, t->shape); }

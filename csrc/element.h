/* element.h: numbers of other types in files: floats of 16 to 64 bits, integers, booleans. */
#ifndef MG_ELEMENT_H
#define MG_ELEMENT_H

#include "tensor.h"

typedef struct mg_element {
  const char *name; /* as safetensors calls it: "F32", "BF16", "I64", "BOOL", ... */
  size_t size;      /* bytes */
  /* Convert n elements in this machine's byte order.  An integer that a real cannot hold exactly, and a boolean
   * other than 0 and 1, makes it return false; floats are rounded to the nearest. */
  bool (*read)(size_t n, const void *in, real *out);
} mg_element;

/* The type of that name, or NULL (without an error). */
const mg_element *mg_element_find(const char *name);

/* A tensor of elements read from where the file stands, a temporary; `big_endian` is the order of their bytes.
 * Memory is asked for once the file is known to be long enough.  NULL with an error set. */
mg_tensor *mg_element_read(FILE *file, const mg_element *type, bool big_endian, int ndim, const int64_t *shape);

#endif

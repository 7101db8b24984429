#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "element.h"

/* ---- conversions ------------------------------------------------------------------------------ */

/* Loops over one type; values are copied out, for a file's bytes need not be aligned. */
#define READ_FLOATS(name, type)                                                                                        \
  static bool name(size_t n, const void *in, real *out) {                                                              \
    for (size_t i = 0; i < n; i++) {                                                                                   \
      type value;                                                                                                      \
      memcpy(&value, (const char *)in + i * sizeof value, sizeof value);                                               \
      out[i] = (real)value;                                                                                            \
    }                                                                                                                  \
    return true;                                                                                                       \
  }
READ_FLOATS(read_f32, float)
READ_FLOATS(read_f64, double)

/* Past its digits a real holds only some integers: those that come back unchanged.  `beyond` is the power of
 * two above the type's range, which a real rounded up may reach and the type cannot. */
#define READ_INTEGERS(name, type, beyond)                                                                              \
  static bool name(size_t n, const void *in, real *out) {                                                              \
    for (size_t i = 0; i < n; i++) {                                                                                   \
      type value;                                                                                                      \
      memcpy(&value, (const char *)in + i * sizeof value, sizeof value);                                               \
      out[i] = (real)value;                                                                                            \
      if (out[i] >= (real)(beyond) || (type)out[i] != value) return false;                                             \
    }                                                                                                                  \
    return true;                                                                                                       \
  }
READ_INTEGERS(read_i8, int8_t, 0x1p7)
READ_INTEGERS(read_u8, uint8_t, 0x1p8)
READ_INTEGERS(read_i16, int16_t, 0x1p15)
READ_INTEGERS(read_u16, uint16_t, 0x1p16)
READ_INTEGERS(read_i32, int32_t, 0x1p31)
READ_INTEGERS(read_u32, uint32_t, 0x1p32)
READ_INTEGERS(read_i64, int64_t, 0x1p63)
READ_INTEGERS(read_u64, uint64_t, 0x1p64)

static bool read_bool(size_t n, const void *in, real *out) {
  const uint8_t *bytes = in;
  for (size_t i = 0; i < n; i++) {
    if (bytes[i] > 1) return false;
    out[i] = bytes[i];
  }
  return true;
}

/* The upper half of a float. */
static bool read_bf16(size_t n, const void *in, real *out) {
  for (size_t i = 0; i < n; i++) {
    uint16_t half;
    float value;
    memcpy(&half, (const char *)in + 2 * i, 2);
    const uint32_t bits = (uint32_t)half << 16;
    memcpy(&value, &bits, 4);
    out[i] = (real)value;
  }
  return true;
}

/* IEEE 754 binary16: 1 bit sign, 5 exponent, 10 fraction. */
static real from_half(uint16_t half) {
  const int exponent = half >> 10 & 31, fraction = half & 1023;
  double magnitude;
  if (exponent == 31) {
    magnitude = fraction ? (double)NAN : (double)INFINITY;
  } else if (exponent == 0) {
    magnitude = fraction * 0x1p-24;
  } else {
    magnitude = ldexp(1024 + fraction, exponent - 25);
  }
  return (real)(half >> 15 ? -magnitude : magnitude);
}

static bool read_f16(size_t n, const void *in, real *out) {
  for (size_t i = 0; i < n; i++) {
    uint16_t half;
    memcpy(&half, (const char *)in + 2 * i, 2);
    out[i] = from_half(half);
  }
  return true;
}

static const mg_element elements[] = {
    {"F64", 8, read_f64}, {"F32", 4, read_f32}, {"F16", 2, read_f16},  {"BF16", 2, read_bf16}, {"I64", 8, read_i64},
    {"I32", 4, read_i32}, {"I16", 2, read_i16}, {"I8", 1, read_i8},    {"U64", 8, read_u64},   {"U32", 4, read_u32},
    {"U16", 2, read_u16}, {"U8", 1, read_u8},   {"BOOL", 1, read_bool}};

const mg_element *mg_element_find(const char *name) {
  for (size_t i = 0; i < sizeof elements / sizeof elements[0]; i++) {
    if (strcmp(elements[i].name, name) == 0) return &elements[i];
  }
  return NULL;
}

/* ---- reading ---------------------------------------------------------------------------------- */

/* Turn the bytes of each element round. */
static void reverse_bytes(uint8_t *bytes, size_t count, size_t size) {
  for (size_t i = 0; i < count; i++, bytes += size) {
    for (size_t a = 0, b = size - 1; a < b; a++, b--) {
      const uint8_t kept = bytes[a];
      bytes[a] = bytes[b];
      bytes[b] = kept;
    }
  }
}

/* Whether the file goes on for that many bytes more. */
static bool has_left(FILE *file, uint64_t needed) {
  struct stat status;
  const off_t at = ftello(file);
  if (at < 0 || fstat(fileno(file), &status) != 0) {
    mg_fail("cannot read: %s", strerror(errno));
    return false;
  }
  const uint64_t left = status.st_size > at ? (uint64_t)(status.st_size - at) : 0;
  if (left >= needed) return true;
  mg_fail("truncated: expected %" PRIu64 " bytes of numbers, the file has %" PRIu64, needed, left);
  return false;
}

static bool read_elements(FILE *file, const mg_element *type, bool swap, mg_tensor *t) {
  uint8_t buffer[32768]; /* a multiple of every size */
  const int64_t most = (int64_t)(sizeof buffer / type->size);
  for (int64_t done = 0; done < t->numel;) {
    const size_t n = (size_t)MG_MIN(most, t->numel - done);
    if (fread(buffer, type->size, n, file) != n) {
      mg_fail(ferror(file) ? "cannot read" : "truncated: the file became shorter");
      return false;
    }
    if (swap) reverse_bytes(buffer, n, type->size);
    if (!type->read(n, buffer, t->data + done)) {
      mg_fail(strcmp(type->name, "BOOL") == 0 ? "expected booleans, 0 or 1, as bytes"
                                              : "holds integers too large for " MG_REAL_NAME);
      return false;
    }
    done += (int64_t)n;
  }
  return true;
}

/* The bytes of all elements of a shape, false where there are too many to count. */
static bool count_bytes(const mg_element *type, int ndim, const int64_t *shape, uint64_t *size) {
  bool counted = true;
  *size = type->size;
  for (int i = 0; i < ndim; i++) {
    if (shape[i] == 0) return *size = 0, true;
    if (__builtin_mul_overflow(*size, (uint64_t)shape[i], size)) counted = false;
  }
  return counted;
}

mg_tensor *mg_element_read(FILE *file, const mg_element *type, bool big_endian, int ndim, const int64_t *shape) {
  uint64_t size;
  if (!count_bytes(type, ndim, shape, &size)) return mg_fail("a shape of more numbers than any file holds");
  if (!has_left(file, size)) return NULL;
  mg_tensor *t = mg_tensor_new(ndim, shape);
  const bool swap = big_endian != (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
  return t && read_elements(file, type, swap, t) ? t : NULL;
}

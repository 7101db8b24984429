/* base.h: what every file of the core shares: the scalar type, limits and the error channel.
 *
 * The core never longjmps and never exits.  A function that cannot do its work calls mg_fail and
 * returns NULL (or false); a function handed a NULL tensor returns NULL at once.  So a formula of
 * many operations is written without checks, and whoever stands at its end (the binding) finds
 * the first message in mg_error(). */
#ifndef MG_BASE_H
#define MG_BASE_H

/* Declared before the pragma, which would hide the C library's own functions and break the link.
 * Any other system header (pthread.h, cblas.h, png.h) must be included before this one too. */
#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef MG_DOUBLE
typedef double real;
#define MG_REAL_NAME "float64"
#else
typedef float real;
#define MG_REAL_NAME "float32"
#endif

#define MG_MAX_DIM 8

#define MG_MIN(a, b) ((a) < (b) ? (a) : (b))
#define MG_MAX(a, b) ((a) > (b) ? (a) : (b))

/* How many pieces of a size cover so much: size / piece, rounded up. */
static inline int64_t mg_pieces(int64_t size, int64_t piece) { return (size + piece - 1) / piece; }

/* Seconds on a clock that only goes forward. */
double mg_seconds(void);

/* Set this thread's error message, printf style, unless one is already set (the first cause is
 * the one worth reading).  Always returns NULL. */
void *mg_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Like mg_fail, and marks the failure as lack of memory (the binding collects and retries). */
void *mg_fail_memory(size_t bytes);

/* Put text in front of the message that is set ("in layer 3 (Linear) of Sequential: ..."). */
void mg_fail_prefix(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The message, or NULL where nothing failed since the last mg_clear_error. */
const char *mg_error(void);
bool mg_error_is_memory(void);
void mg_clear_error(void);

#endif

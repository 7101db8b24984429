/* kernel.h: the table of vectorised loops, chosen once for the processor that runs it.
 *
 * kernel.inc is compiled for plain, AVX2 and AVX-512 instructions (kernel_generic.c and its
 * sisters); everything else reaches its functions as mg_kernel->name(...).  A new loop is a row in
 * a .def file and a function in an .inc file. */
#ifndef MG_KERNEL_H
#define MG_KERNEL_H

#include "base.h"
#include "winograd.h"

#define MG_ROW 64 /* numbers of a row that weighted_rows adds */

typedef void mg_unary_kernel(int64_t n, const real *x, real *y, real p, real q);
typedef void mg_binary_kernel(int64_t n, const real *a, int64_t step_a, const real *b, int64_t step_b, real *y, real p,
                              real q);
typedef void mg_optim_kernel(int64_t n, real *parameter, const real *gradient, real *const *state,
                             const real *constants);

typedef struct mg_kernels {
#define UNARY(name, expression) mg_unary_kernel *name;
#define BINARY(name, expression) mg_binary_kernel *name;
#define OPTIM_KERNEL(name) mg_optim_kernel *name;
#define KERNEL_MEMBER(result, name, parameters) result(*name) parameters;
#include "kernel.def"
#include "kernel_optim.def"
#include "kernel_random.def"
#undef UNARY
#undef BINARY
#undef OPTIM_KERNEL
#undef KERNEL_MEMBER
} mg_kernels;

extern const mg_kernels mg_kernels_generic, mg_kernels_avx2, mg_kernels_avx512;

/* The table for this processor ("generic", "avx2" or "avx512"; MOONGAN_SIMD asks for a lower one). */
extern const mg_kernels *mg_kernel;
const char *mg_kernel_name(void);

#endif

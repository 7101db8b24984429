/* Kernels in the compiler's default instructions. */
#include "kernel_head.inc"
#define KERNEL(name) name##_generic
#define VECTOR_BYTES 16
#include "kernel.inc"

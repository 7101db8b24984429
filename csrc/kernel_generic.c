/* Kernels in the compiler's default instructions. */
#include "kernel_head.inc"
#define KERNEL(name) name##_generic
#include "kernel.inc"

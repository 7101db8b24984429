/* Kernels in AVX2 and FMA. */
#include "kernel_head.inc"
#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx2,fma")
#endif
#define KERNEL(name) name##_avx2
#define VECTOR_BYTES 32
#include "kernel.inc"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif

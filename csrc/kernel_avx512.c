/* Kernels in AVX-512. */
#include "kernel_head.inc"
#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,fma,prfchw"))),                 \
                             apply_to = function)
#else
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,fma,prfchw,prefer-vector-width=512")
#endif
#define KERNEL(name) name##_avx512
#ifndef MG_DOUBLE
#define GEMM_VECTOR 16
#endif
#define VECTOR_BYTES 64
#include "kernel.inc"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif

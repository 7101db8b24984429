#include "kernel.h"

#include <stdlib.h>
#include <string.h>

const mg_kernels *mg_kernel = &mg_kernels_generic;

const char *mg_kernel_name(void) {
#if defined(__x86_64__)
  if (mg_kernel == &mg_kernels_avx512) return "avx512";
  if (mg_kernel == &mg_kernels_avx2) return "avx2";
#endif
  return "generic";
}

__attribute__((constructor)) static void choose(void) {
#if defined(__x86_64__)
  const char *asked = getenv("MOONGAN_SIMD");
  if (asked && strcmp(asked, "generic") == 0) return;
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return;
  mg_kernel = &mg_kernels_avx2;
  if (asked && strcmp(asked, "avx2") == 0) return;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl"))
    mg_kernel = &mg_kernels_avx512;
#endif
}

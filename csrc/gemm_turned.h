/* gemm_turned.h: products a b', where b is stored transposed and has more rows than a.
 *
 * Such a product is the transpose of b a'.  Computed so, it is a that has to be turned for the kernels, and the
 * result back, in place of b: a gradient of a batch in place of a layer's weight. */
#ifndef MG_GEMM_TURNED_H
#define MG_GEMM_TURNED_H

#include "gemm.h"

/* Whether that is possible and worth while. */
bool mg_gemm_is_better_turned(const mg_product *product);

/* The product, as mg_gemm's, with the same bits. */
bool mg_gemm_turned(const mg_product *product);

#endif

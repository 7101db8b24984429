/* gemm_sparse.h: products whose left side is to a good part zeros, as behind a rectifier or a dropout.
 *
 * A row of the result is the sum of those rows of b where a is not 0.  Each element is the chain of multiply-adds
 * of the dense kernels without the links that add nothing, so it has the same bits. */
#ifndef MG_GEMM_SPARSE_H
#define MG_GEMM_SPARSE_H

#include "gemm.h"

/* Whether that is worth while: judged by the sizes and a sample of a. */
bool mg_gemm_is_sparse(const mg_product *product);

/* The product, as mg_gemm's; but where b is not finite c holds nothing of use, since 0 times NaN or infinity
 * counts. */
bool mg_gemm_sparse(const mg_product *product, bool *finite);

#endif

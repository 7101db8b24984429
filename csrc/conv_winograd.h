/* conv_winograd.h: convolutions by minimal filtering (winograd.h).
 *
 * A kernel of s r taps and stride s is s interleaved filters of r taps, each of one part of the
 * image (its pixels s apart).  So a DCGAN's 4 x 4 kernels of stride 2 are filters of 2 x 2 taps,
 * which tiles of 4 x 4 outputs compute with 25 products in place of 64. */
#ifndef MG_CONV_WINOGRAD_H
#define MG_CONV_WINOGRAD_H

#include "conv.h"
#include "winograd.h"

/* The algorithm for this convolution, or NULL where plain products are better. */
const mg_winograd *mg_conv_winograd(const mg_conv *conv);

/* As mg_conv_forward, mg_conv_input and mg_conv_weight. */
bool mg_winograd_forward(const mg_conv *conv, const mg_winograd *f, const real *x, const real *weight, const real *bias,
                         real *y);
bool mg_winograd_input(const mg_conv *conv, const mg_winograd *f, const real *y, const real *weight, const real *bias,
                       real *x);
bool mg_winograd_weight(const mg_conv *conv, const mg_winograd *f, const real *x, const real *y, real *weight);

#endif

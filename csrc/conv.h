/* conv.h: two-dimensional convolution and its two other partials, over channels-last images.
 *
 * The three are one trilinear form of x (n, h, w, c), weight (kh, kw, c / groups, o) and
 * y (n, oh, ow, o), each computed from the other two.  Work is cut into tiles of positions: a
 * tile's taps are gathered into a matrix (im2col) that stays in cache, and multiplied there. */
#ifndef MG_CONV_H
#define MG_CONV_H

#include "base.h"

#define MG_MAX_KERNEL 64 /* taps along one side */

typedef struct mg_geometry {
  int64_t stride[2], padding[2], dilation[2]; /* vertical, horizontal */
  int64_t groups;
} mg_geometry;

typedef struct mg_conv {
  int64_t n, h, w, c; /* x */
  int64_t kh, kw;     /* weight */
  int64_t oh, ow, o;  /* y */
  mg_geometry geometry;
} mg_conv;

/* Output positions along one side; 0 where the kernel does not fit. */
int64_t mg_conv_size(int64_t size, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation);

/* The kernel covers the whole image just once: the convolution is a matrix product. */
bool mg_conv_is_dense(const mg_conv *conv);

/* y = x * weight + bias (o values, or NULL).  Here and below: false with an error set on lack of
 * memory. */
bool mg_conv_forward(const mg_conv *conv, const real *x, const real *weight, const real *bias, real *y);
/* x = the transposed convolution of y, plus bias (c values, or NULL). */
bool mg_conv_input(const mg_conv *conv, const real *y, const real *weight, const real *bias, real *x);
/* weight = the gradient of sum(y * mg_conv_forward(x, weight)) with respect to weight. */
bool mg_conv_weight(const mg_conv *conv, const real *x, const real *y, real *weight);

#endif

/* layer_pair.h: neighbours that run as one.
 *
 * - Linear, Conv2d or ConvTranspose2d, then BatchNorm by running statistics, nothing being recorded:
 *   one product, by the weight and bias into which the norm is folded.  These are made at the first
 *   call and kept on the first layer for as long as all that they were made of is unchanged.
 * - BatchNorm by the batch's statistics, or Linear, then ReLU or LeakyReLU: one operation, forward and
 *   backward.
 */
#ifndef MG_LAYER_PAIR_H
#define MG_LAYER_PAIR_H

#include "layer.h"

/* What second makes of what first makes of x, as mg_layer_forward gives it. */
typedef mg_tensor *mg_pair_forward(mg_layer *first, mg_layer *second, mg_tensor *x);

/* How the two run as one now; NULL where they don't. */
mg_pair_forward *mg_layer_pair(const mg_layer *first, const mg_layer *second);

/* Drop the folded weight and bias that a layer keeps, if any. */
void mg_layer_unfold(mg_layer *layer);

/* ---- what the families tell ------------------------------------------------------------------ */

/* layer_norm.c: a BatchNorm that is x scale + shift by feature, with constants, and these; one that
 * goes by the batch's moments, and its output after the rectifier of a slope (0: ReLU). */
bool mg_batch_norm_is_affine(const mg_layer *layer);
void mg_batch_norm_affine(const mg_layer *layer, mg_tensor **scale, mg_tensor **shift);
double mg_batch_norm_eps(const mg_layer *layer);
bool mg_batch_norm_is_by_batch(const mg_layer *layer);
mg_tensor *mg_batch_norm_rectified(mg_layer *layer, mg_tensor *x, double slope);

/* layer_dense.c: a Linear, and its output after such a rectifier. */
bool mg_layer_is_linear(const mg_layer *layer);
mg_tensor *mg_layer_linear_rectified(mg_layer *layer, mg_tensor *x, double slope);

/* layer_activation.c: whether this is ReLU (slope 0) or LeakyReLU. */
bool mg_layer_rectifier(const mg_layer *layer, double *slope);

#endif

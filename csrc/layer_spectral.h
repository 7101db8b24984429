/* layer_spectral.h: spectral normalisation of another layer's weight (Miyato et al. 2018).
 *
 * The weight as a matrix W, all but the dimension of outputs by that one, is divided by an
 * estimate of its largest singular value, sigma = v W u.  In training, each call moves the unit
 * vectors u and v, buffers of the layer, towards the singular vectors by power iteration.  The
 * derivative is that of W / sigma with u and v as constants. */
#ifndef MG_LAYER_SPECTRAL_H
#define MG_LAYER_SPECTRAL_H

#include "layer.h"

extern const mg_layer_type mg_spectral_norm_type;

/* A new layer of this type for the weight of `inner`; NULL with an error set where that has none of
 * at least 2 dimensions. */
mg_layer *mg_spectral_norm_new(const mg_values *values, const mg_layer *inner);
/* The output of `inner`, run with its weight normalised by `layer`; as mg_layer_forward's. */
mg_tensor *mg_spectral_norm_forward(mg_layer *layer, mg_layer *inner, mg_tensor *const *in, int n);

#endif

/* init.h: initialisers: values for new parameters, written in place, drawn from the default
 * generator.
 *
 * The fan-in of a weight is the number of inputs that one output sums over, its fan-out the number
 * of outputs that one input reaches.  Weights are stored (in, out), those of convolutions
 * (height, width, in, out): so fan-in is the product of all dimensions but the last, and fan-out
 * the product of all but the last but one. */
#ifndef MG_INIT_H
#define MG_INIT_H

#include "tensor.h"

typedef enum { MG_FAN_IN, MG_FAN_OUT } mg_fan;

/* What follows a weight, for the gain that keeps the variance: see mg_init_gain. */
typedef enum { MG_GAIN_LEAKY_RELU, MG_GAIN_RELU, MG_GAIN_TANH, MG_GAIN_SIGMOID, MG_GAIN_SELU, MG_GAIN_LINEAR } mg_gain;
#define MG_GAIN_CHOICES "leaky_relu|relu|tanh|sigmoid|selu|linear"

void mg_init_constant(mg_tensor *t, double value);
void mg_init_uniform(mg_tensor *t, double low, double high); /* [low, high) */
void mg_init_normal(mg_tensor *t, double mean, double std);

/* 1 for linear and sigmoid, 5/3 for tanh, sqrt(2 / (1 + a^2)) for leaky ReLU of slope a (0 for
 * ReLU), 3/4 for SELU: the gains that PyTorch recommends. */
double mg_init_gain(mg_gain nonlinearity, double a);

/* Glorot and Bengio 2010: variance gain^2 2 / (fan-in + fan-out).  False with an error set where t
 * has fewer than 2 dimensions. */
bool mg_init_xavier_uniform(mg_tensor *t, double gain);
bool mg_init_xavier_normal(mg_tensor *t, double gain);

/* He et al. 2015: variance gain^2 / fan.  False with an error set where t has fewer than 2
 * dimensions. */
bool mg_init_kaiming_uniform(mg_tensor *t, mg_fan fan, double gain);
bool mg_init_kaiming_normal(mg_tensor *t, mg_fan fan, double gain);

#endif

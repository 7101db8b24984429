#include "init.h"

#include "random.h"

/* ---- distributions ------------------------------------------------------------------------- */

void mg_init_constant(mg_tensor *t, double value) {
  for (int64_t i = 0; i < t->numel; i++) t->data[i] = (real)value;
  t->storage->version++;
}

void mg_init_uniform(mg_tensor *t, double low, double high) {
  mg_random_uniform(mg_default_generator(), t->numel, t->data, low, high);
  t->storage->version++;
}

void mg_init_normal(mg_tensor *t, double mean, double std) {
  mg_random_normal(mg_default_generator(), t->numel, t->data, mean, std);
  t->storage->version++;
}

/* ---- scaled to a weight's shape ------------------------------------------------------------ */

double mg_init_gain(mg_gain nonlinearity, double a) {
  switch (nonlinearity) {
  case MG_GAIN_LEAKY_RELU:
    return sqrt(2 / (1 + a * a));
  case MG_GAIN_RELU:
    return sqrt(2);
  case MG_GAIN_TANH:
    return 5.0 / 3;
  case MG_GAIN_SELU:
    return 0.75;
  default:
    return 1;
  }
}

/* Both fans as at least 1, so that an empty weight divides nothing by zero. */
static bool find_fans(const mg_tensor *t, double fans[2]) {
  if (t->ndim < 2)
    return mg_fail("expected a weight of at least 2 dimensions (.., in, out), got %s", mg_tensor_text(t)), false;
  double window = 1;
  for (int i = 0; i < t->ndim - 2; i++) window *= (double)t->shape[i];
  fans[MG_FAN_IN] = MG_MAX(1, window * (double)t->shape[t->ndim - 2]);
  fans[MG_FAN_OUT] = MG_MAX(1, window * (double)t->shape[t->ndim - 1]);
  return true;
}

/* A uniform distribution of standard deviation s reaches from -sqrt(3) s to sqrt(3) s. */
static void fill_uniform(mg_tensor *t, double std) { mg_init_uniform(t, -sqrt(3) * std, sqrt(3) * std); }
static void fill_normal(mg_tensor *t, double std) { mg_init_normal(t, 0, std); }

static bool xavier(mg_tensor *t, double gain, void (*fill)(mg_tensor *t, double std)) {
  double fans[2];
  if (!find_fans(t, fans)) return false;
  fill(t, gain * sqrt(2 / (fans[MG_FAN_IN] + fans[MG_FAN_OUT])));
  return true;
}

static bool kaiming(mg_tensor *t, mg_fan fan, double gain, void (*fill)(mg_tensor *t, double std)) {
  double fans[2];
  if (!find_fans(t, fans)) return false;
  fill(t, gain / sqrt(fans[fan]));
  return true;
}

bool mg_init_xavier_uniform(mg_tensor *t, double gain) { return xavier(t, gain, fill_uniform); }
bool mg_init_xavier_normal(mg_tensor *t, double gain) { return xavier(t, gain, fill_normal); }
bool mg_init_kaiming_uniform(mg_tensor *t, mg_fan fan, double gain) { return kaiming(t, fan, gain, fill_uniform); }
bool mg_init_kaiming_normal(mg_tensor *t, mg_fan fan, double gain) { return kaiming(t, fan, gain, fill_normal); }

/* optim_types.c: the optimizers, one row each: options with PyTorch's defaults, state, and the
 * scalars of a step.  The update equations are in kernel_optim.inc. */
#include "optim.h"
#include "optim_constants.h"

/* MG_OPTIM_LR, MG_OPTIM_WEIGHT_DECAY, MG_OPTIM_CLIP.  A clip of infinity clamps nothing. */
#define COMMON_OPTIONS(lr_default, weight_decay_default)                                                               \
  {.name = "lr", .kind = MG_NUMBER, .fallback = {lr_default}, .min = 0, .max = INFINITY},                              \
      {.name = "weight_decay", .kind = MG_NUMBER, .fallback = {weight_decay_default}, .min = 0, .max = INFINITY}, {    \
    .name = "clip", .kind = MG_NUMBER, .fallback = {INFINITY}, .min = 0, .max = INFINITY                               \
  }
#define AT_LEAST_ZERO(option_name, default_value)                                                                      \
  { .name = option_name, .kind = MG_NUMBER, .fallback = {default_value}, .min = 0, .max = INFINITY }
#define FRACTION(option_name, default_value)                                                                           \
  { .name = option_name, .kind = MG_NUMBER, .fallback = {default_value}, .min = 0, .max = 1 }
#define FLAG(option_name)                                                                                              \
  { .name = option_name, .kind = MG_BOOLEAN }
#define END                                                                                                            \
  { .name = NULL }

static double option(const mg_values *values, int i) { return values->value[i][0]; }
static double lr_of(const mg_values *values) { return option(values, MG_OPTIM_LR); }
static double decay_of(const mg_values *values) { return option(values, MG_OPTIM_WEIGHT_DECAY); }

/* ---- SGD (Sutskever 2013 for momentum's form, as PyTorch has it) ------------------------------- */

enum { SGD_MOMENTUM = MG_OPTIM_OWN, SGD_DAMPENING, SGD_NESTEROV };
static const mg_option sgd_options[] = {COMMON_OPTIONS(1e-3, 0),
                                        AT_LEAST_ZERO("momentum", 0),
                                        {.name = "dampening", .kind = MG_NUMBER},
                                        FLAG("nesterov"),
                                        END};

static void sgd_constants(const mg_values *values, double step, double *c) {
  c[MG_SGD_LR] = lr_of(values);
  c[MG_SGD_WEIGHT_DECAY] = decay_of(values);
  c[MG_SGD_TAKE] = step == 1 ? 1 : 1 - option(values, SGD_DAMPENING); /* the first velocity is the gradient itself */
  c[MG_SGD_MOMENTUM] = option(values, SGD_MOMENTUM);
  c[MG_SGD_NESTEROV] = option(values, SGD_NESTEROV);
}

static const char *sgd_complaint(const mg_values *values) {
  if (option(values, SGD_NESTEROV) == 0) return NULL;
  if (option(values, SGD_MOMENTUM) > 0 && option(values, SGD_DAMPENING) == 0) return NULL;
  return "option nesterov: expected momentum > 0 and dampening 0 beside it";
}

/* ---- Adam (Kingma and Ba 2015; amsgrad: Reddi 2018), AdamW (Loshchilov and Hutter 2019) ---------- */

enum { ADAM_BETAS = MG_OPTIM_OWN, ADAM_EPS, ADAM_AMSGRAD };
#define ADAM_OPTIONS                                                                                                   \
  {.name = "betas", .kind = MG_PAIR, .fallback = {0.9, 0.999}, .min = 0, .max = 1}, AT_LEAST_ZERO("eps", 1e-8),        \
      FLAG("amsgrad"), END
static const mg_option adam_options[] = {COMMON_OPTIONS(1e-3, 0), ADAM_OPTIONS};
static const mg_option adamw_options[] = {COMMON_OPTIONS(1e-3, 1e-2), ADAM_OPTIONS};

static void adam_constants(const mg_values *values, double step, double *c) {
  const double *beta = values->value[ADAM_BETAS];
  c[MG_ADAM_LR] = lr_of(values) / (1 - pow(beta[0], step));
  c[MG_ADAM_BETA1] = beta[0];
  c[MG_ADAM_TAKE1] = 1 - beta[0];
  c[MG_ADAM_BETA2] = beta[1];
  c[MG_ADAM_TAKE2] = 1 - beta[1];
  c[MG_ADAM_EPS] = option(values, ADAM_EPS);
  c[MG_ADAM_WEIGHT_DECAY] = decay_of(values);
  c[MG_ADAM_SHRINK] = 1;
  c[MG_ADAM_CORRECTION] = 1 / sqrt(1 - pow(beta[1], step));
}

static void adamw_constants(const mg_values *values, double step, double *c) {
  adam_constants(values, step, c);
  c[MG_ADAM_WEIGHT_DECAY] = 0;
  c[MG_ADAM_SHRINK] = 1 - lr_of(values) * decay_of(values);
}

/* ---- RMSprop (Hinton's lecture 6e; centered: Graves 2013) ----------------------------------------- */

enum { RMSPROP_ALPHA = MG_OPTIM_OWN, RMSPROP_EPS, RMSPROP_MOMENTUM, RMSPROP_CENTERED };
static const mg_option rmsprop_options[] = {COMMON_OPTIONS(1e-2, 0),    FRACTION("alpha", 0.99),
                                            AT_LEAST_ZERO("eps", 1e-8), AT_LEAST_ZERO("momentum", 0),
                                            FLAG("centered"),           END};

static void rmsprop_constants(const mg_values *values, double step, double *c) {
  (void)step;
  c[MG_RMSPROP_LR] = lr_of(values);
  c[MG_RMSPROP_ALPHA] = option(values, RMSPROP_ALPHA);
  c[MG_RMSPROP_TAKE] = 1 - option(values, RMSPROP_ALPHA);
  c[MG_RMSPROP_EPS] = option(values, RMSPROP_EPS);
  c[MG_RMSPROP_WEIGHT_DECAY] = decay_of(values);
  c[MG_RMSPROP_MOMENTUM] = option(values, RMSPROP_MOMENTUM);
}

/* ---- Adagrad (Duchi 2011) ------------------------------------------------------------------------- */

enum { ADAGRAD_LR_DECAY = MG_OPTIM_OWN, ADAGRAD_INITIAL, ADAGRAD_EPS };
static const mg_option adagrad_options[] = {COMMON_OPTIONS(1e-2, 0), AT_LEAST_ZERO("lr_decay", 0),
                                            AT_LEAST_ZERO("initial_accumulator_value", 0), AT_LEAST_ZERO("eps", 1e-10),
                                            END};

static void adagrad_constants(const mg_values *values, double step, double *c) {
  c[MG_ADAGRAD_LR] = lr_of(values) / (1 + (step - 1) * option(values, ADAGRAD_LR_DECAY));
  c[MG_ADAGRAD_EPS] = option(values, ADAGRAD_EPS);
  c[MG_ADAGRAD_WEIGHT_DECAY] = decay_of(values);
}

/* ---- Adadelta (Zeiler 2012) ----------------------------------------------------------------------- */

enum { ADADELTA_RHO = MG_OPTIM_OWN, ADADELTA_EPS };
static const mg_option adadelta_options[] = {COMMON_OPTIONS(1, 0), FRACTION("rho", 0.9), AT_LEAST_ZERO("eps", 1e-6),
                                             END};

static void adadelta_constants(const mg_values *values, double step, double *c) {
  (void)step;
  c[MG_ADADELTA_LR] = lr_of(values);
  c[MG_ADADELTA_RHO] = option(values, ADADELTA_RHO);
  c[MG_ADADELTA_TAKE] = 1 - option(values, ADADELTA_RHO);
  c[MG_ADADELTA_EPS] = option(values, ADADELTA_EPS);
  c[MG_ADADELTA_WEIGHT_DECAY] = decay_of(values);
}

/* ---- the table; state has PyTorch's names --------------------------------------------------------- */

#define ADAM_STATE                                                                                                     \
  {                                                                                                                    \
    {"exp_avg", 0, 0}, {"exp_avg_sq", 0, 0}, { "max_exp_avg_sq", ADAM_AMSGRAD, 0 }                                     \
  }
#define KERNEL(name) offsetof(mg_kernels, name)

const mg_optim_type mg_optim_types[] = {
    {"optim.SGD", sgd_options, {{"momentum_buffer", SGD_MOMENTUM, 0}}, sgd_constants, KERNEL(sgd), sgd_complaint},
    {"optim.Adam", adam_options, ADAM_STATE, adam_constants, KERNEL(adam), NULL},
    {"optim.AdamW", adamw_options, ADAM_STATE, adamw_constants, KERNEL(adam), NULL},
    {"optim.RMSprop",
     rmsprop_options,
     {{"square_avg", 0, 0}, {"grad_avg", RMSPROP_CENTERED, 0}, {"momentum_buffer", RMSPROP_MOMENTUM, 0}},
     rmsprop_constants,
     KERNEL(rmsprop),
     NULL},
    {"optim.Adagrad", adagrad_options, {{"sum", 0, ADAGRAD_INITIAL}}, adagrad_constants, KERNEL(adagrad), NULL},
    {"optim.Adadelta",
     adadelta_options,
     {{"square_avg", 0, 0}, {"acc_delta", 0, 0}},
     adadelta_constants,
     KERNEL(adadelta),
     NULL},
    {.name = NULL}};

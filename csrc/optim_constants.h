/* optim_constants.h: where optim.c puts the scalars of a step and the update loops find them. */
#ifndef MG_OPTIM_CONSTANTS_H
#define MG_OPTIM_CONSTANTS_H

enum { MG_CLIP, MG_FIRST_CONSTANT, MG_MAX_CONSTANTS = 12 };

/* SGD: velocity = KEEP velocity + TAKE gradient. */
enum {
  MG_SGD_LR = MG_FIRST_CONSTANT,
  MG_SGD_WEIGHT_DECAY,
  MG_SGD_KEEP,
  MG_SGD_TAKE,
  MG_SGD_MOMENTUM, /* how far Nesterov's gradient looks ahead */
  MG_SGD_NESTEROV  /* 1 or 0 */
};

/* Adam: TAKE is 1 - beta; LR and CORRECTION hold the bias corrections; SHRINK is AdamW's decay. */
enum {
  MG_ADAM_LR = MG_FIRST_CONSTANT,
  MG_ADAM_BETA1,
  MG_ADAM_TAKE1,
  MG_ADAM_BETA2,
  MG_ADAM_TAKE2,
  MG_ADAM_EPS,
  MG_ADAM_WEIGHT_DECAY,
  MG_ADAM_SHRINK,
  MG_ADAM_CORRECTION
};

enum {
  MG_RMSPROP_LR = MG_FIRST_CONSTANT,
  MG_RMSPROP_ALPHA,
  MG_RMSPROP_TAKE, /* 1 - alpha */
  MG_RMSPROP_EPS,
  MG_RMSPROP_WEIGHT_DECAY,
  MG_RMSPROP_MOMENTUM
};

enum { MG_ADAGRAD_LR = MG_FIRST_CONSTANT, MG_ADAGRAD_EPS, MG_ADAGRAD_WEIGHT_DECAY };

enum {
  MG_ADADELTA_LR = MG_FIRST_CONSTANT,
  MG_ADADELTA_RHO,
  MG_ADADELTA_TAKE, /* 1 - rho */
  MG_ADADELTA_EPS,
  MG_ADADELTA_WEIGHT_DECAY
};

#endif

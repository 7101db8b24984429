/* layer.h: layers that are one function of their inputs with parameters of their own.
 *
 * A kind of layer is a row of its family's table (layer_dense.c, layer_norm.c, ...): the arguments
 * of its constructor, the tensors that it holds, and functions built of registered operations, so
 * that any order of derivative exists.  A new kind is one more row; a new family is one more file
 * and a line in layer.c.  Containers and layers written in Lua are the binding's (bind_container.c,
 * bind_module.c). */
#ifndef MG_LAYER_H
#define MG_LAYER_H

#include "op.h"
#include "option.h"
#include "profile.h"

#define MG_LAYER_TENSORS 4 /* of one layer, parameters and buffers together */

/* A tensor that a layer holds: a parameter, which is trained, or a buffer, which is not. */
typedef struct mg_slot {
  const char *name;
  bool buffer;
} mg_slot;

typedef struct mg_layer mg_layer;
typedef struct mg_fold mg_fold; /* layer_pair.c */

typedef struct mg_layer_type {
  const char *name;
  const mg_option *options;            /* of the constructor; NULL where it takes none */
  mg_slot slots[MG_LAYER_TENSORS + 1]; /* ended by a NULL name */
  bool maps;                           /* the first two sizes are features in and out */
  bool affine;                         /* the output is the input times the weight, plus the bias */
  bool transposed;                     /* the weight is (.., out, in) instead of (.., in, out) */
  bool container;                      /* made and run by the binding, which holds what is within */
  /* Check the values of the options together and fill the slots that they call for
   * (mg_layer_allocate); false with an error set.  NULL where there is nothing to do. */
  bool (*build)(mg_layer *layer);
  /* The output, a temporary, for `inputs` tensors; NULL with an error set.  The message says what
   * was expected and what came, without the layer's name: whoever calls puts that in front. */
  mg_tensor *(*forward)(mg_layer *layer, mg_tensor *const *in);
  int inputs;
  mg_tensor *(*unary)(mg_tensor *x); /* instead of the three above: a plain function of one tensor */
  const char *function;              /* the name by which tensors have it without a layer, or NULL */
  const char *doc;
} mg_layer_type;

struct mg_layer {
  const mg_layer_type *type;
  bool training;
  mg_values values;                    /* by the position of the option */
  mg_tensor *tensor[MG_LAYER_TENSORS]; /* by the position of the slot; NULL where switched off */
  mg_fold *fold;                       /* weight and bias with the next layer's norm in them, or NULL */
};

/* Type number i of all families' tables together, or NULL past the last. */
const mg_layer_type *mg_layer_type_at(int i);

/* A layer in training mode with fresh parameters, drawn from the default generator; NULL with an
 * error set.  `values` are the type's options as given. */
mg_layer *mg_layer_new(const mg_layer_type *type, const mg_values *values);
/* A layer of the same type, values and mode over the same tensors. */
mg_layer *mg_layer_alias(const mg_layer *layer);
void mg_layer_free(mg_layer *layer); /* NULL-safe */

/* The layer's output for n inputs, a temporary; all other temporaries made on the way are
 * drained.  NULL with an error set, also where n is not the number that the layer takes. */
mg_tensor *mg_layer_forward(mg_layer *layer, mg_tensor *const *in, int n);
/* The same with another tensor in a slot, for this call only. */
mg_tensor *mg_layer_forward_with(mg_layer *layer, int slot, mg_tensor *t, mg_tensor *const *in, int n);

/* The position of the slot called `name`, or -1. */
int mg_layer_slot(const mg_layer_type *type, const char *name);
/* Put t, a tensor of the same shape that no operation made, into a slot that is in use, in place
 * of what was there; it requires a gradient if that did.  False with an error set. */
bool mg_layer_assign(mg_layer *layer, int slot, mg_tensor *t);
/* Copy the elements of `from` into `to`, of the same shape, in place. */
void mg_layer_copy(mg_tensor *to, const mg_tensor *from);

/* "Linear(64 -> 256, bias = false)": sizes and positional arguments, and the other options where
 * they differ from their fallbacks. */
void mg_layer_describe(const mg_layer *layer, char *text, size_t size);

/* While profiling is on, work from here on counts for this layer; returns for what it counted before,
 * for mg_profile_enter. */
mg_profile_place mg_layer_enter(const mg_layer *layer);

/* ---- for the families ---------------------------------------------------------------------- */

/* A new tensor for a slot, contents undefined, requiring a gradient unless it is a buffer; NULL
 * with an error set. */
mg_tensor *mg_layer_allocate(mg_layer *layer, int slot, int ndim, const int64_t *shape);
/* The value of an option that is a whole number, or a boolean. */
int64_t mg_layer_integer(const mg_layer *layer, int option);
/* True where x has at least min_ndim dimensions, the last of size `features`; else an error. */
bool mg_layer_expect_features(const mg_tensor *x, int64_t features, int min_ndim);
/* True where x is images (n, height, width, channels) of so many channels (0: any) and at least one
 * pixel; else an error. */
bool mg_layer_expect_images(const mg_tensor *x, int64_t channels);

/* Slots of layers that multiply by a weight. */
enum { MG_LAYER_WEIGHT, MG_LAYER_BIAS };
/* A weight of the shape given and, unless bias_size is 0, a bias, both uniform in +-1/sqrt(fan-in),
 * as PyTorch has it (its Kaiming initialiser for leaky ReLU of slope sqrt 5). */
bool mg_layer_allocate_weight(mg_layer *layer, int ndim, const int64_t *shape, int64_t bias_size);

/* Rows of option tables. */
#define MG_SIZE_OPTION(name)                                                                                           \
  { (name), MG_SIZE, false, true, {0}, 1, MG_LAYER_MAX_SIZE, NULL }
#define MG_SWITCH_OPTION(name, on)                                                                                     \
  { (name), MG_BOOLEAN, false, false, {on}, 0, 0, NULL }
#define MG_EPS_OPTION(fallback)                                                                                        \
  { "eps", MG_NUMBER, false, false, {fallback}, 0, INFINITY, NULL }

/* Largest size that a constructor takes: a product of two of them still is an int64_t. */
#define MG_LAYER_MAX_SIZE 2147483647.0

extern const mg_layer_type mg_dense_layers[];      /* layer_dense.c */
extern const mg_layer_type mg_conv_layers[];       /* layer_conv.c */
extern const mg_layer_type mg_image_layers[];      /* layer_image.c */
extern const mg_layer_type mg_norm_layers[];       /* layer_norm.c */
extern const mg_layer_type mg_minibatch_layers[];  /* layer_minibatch.c */
extern const mg_layer_type mg_activation_layers[]; /* layer_activation.c */
extern const mg_layer_type mg_shape_layers[];      /* layer_shape.c */

#endif

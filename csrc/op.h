/* op.h: the registry of operations and the tape they are recorded on.
 *
 * ops.def is the single list.  A row gives an operation's name, its Lua signature, what its
 * derivative needs saved, its shape rule, its forward function and its vjp (vector-Jacobian
 * product).  A vjp is written with the C wrappers below, that is with registered operations
 * only, so its own derivative exists; whether those are recorded in turn is create_graph.
 *
 * Everything here is 0-based; the binding turns Lua's 1-based dimensions and indices round. */
#ifndef MG_OP_H
#define MG_OP_H

#include "tensor.h"

#define MG_MAX_INPUTS 64 /* of one operation (cat) */

/* The arguments of an operation that are not tensors, in the order of its signature: numbers go
 * to number[], integers, dimensions and booleans to integer[], a shape or list of dimensions to
 * shape[]. */
typedef struct mg_attrs {
  double number[3];
  int64_t integer[4];
  int ndim;
  int64_t shape[MG_MAX_DIM];
} mg_attrs;

typedef struct mg_op mg_op;

/* One application of an operation while it runs forward. */
typedef struct mg_call {
  const mg_op *op;
  mg_tensor *const *in;
  int n;
  const mg_attrs *attrs;
  mg_tensor *out;
} mg_call;

/* The shape of a result, as a shape rule finds it. */
typedef struct mg_shape {
  int ndim;
  int64_t size[MG_MAX_DIM];
} mg_shape;

/* A recorded application: what backward needs. */
typedef struct mg_edge {
  struct mg_node *node; /* what made this input, or NULL */
  mg_tensor *leaf;      /* the input itself where it is a leaf that wants a gradient */
  mg_tensor *saved;     /* the input where the vjp reads it */
  uint32_t version;     /* of saved's storage at the time */
  mg_shape shape;
} mg_edge;

typedef struct mg_node {
  int refs;
  const mg_op *op;
  uint64_t sequence; /* later operations have larger numbers */
  int layer;         /* the profiler's number of the layer that recorded it, or 0 */
  mg_attrs attrs;
  mg_shape shape;    /* of the output */
  mg_tensor *output; /* detached alias of the output where the vjp reads it */
  uint32_t output_version;
  bool freed;      /* backward has gone through and released what was saved */
  uint64_t wanted; /* during a walk: bit i says that input i's gradient is wanted */
  void *walk;      /* during a walk: its own bookkeeping */
  int n;
  mg_edge edge[];
} mg_node;

/* Bits of mg_op.saves. */
#define MG_SAVE_NONE 0u
#define MG_SAVE(i) (1u << (i))
#define MG_SAVE_OUTPUT (1u << 31)

struct mg_op {
  const char *name;
  /* What Lua passes, comma-separated: "x" is a tensor; "x?" an optional one; "xs: tensors" a list;
   * "slope: number = 0.01", "start: index", "length: integer", "index: indices" (a tensor), "dim: dim", "dim: dim?"
   * (absent: -1, all of them), "keepdim: boolean = false", "shape: shape", "dims: dims", "geometry: geometry" (of a
   * convolution, into shape[]). */
  const char *signature;
  unsigned saves;
  /* Check the inputs and attributes and give the result's shape; false with an error set if
   * they don't fit.  NULL where forward makes its own result (operations that share storage). */
  bool (*shape)(const mg_call *call, mg_shape *result);
  /* Fill call->out (allocated, contents undefined), or set it where shape is NULL. */
  bool (*forward)(mg_call *call);
  /* Set gradient[i] for each wanted input i (mg_wants) from g, the output's gradient.  NULL where
   * the operation has no derivative (comparisons, argmax): its result never requires one. */
  void (*vjp)(mg_node *node, mg_tensor *g, mg_tensor **gradient);
  /* Fused operations only: the plain composition that specifies them. */
  mg_tensor *(*compose)(mg_tensor *const *in, int n, const mg_attrs *attrs);
  const char *doc;
};

/* Identifiers MG_OP_add, ... and the table of rows. */
typedef enum {
#define OP(name, signature, saves, shape, forward, vjp, compose, doc) MG_OP_##name,
#include "ops.def"
#undef OP
  MG_OP_COUNT
} mg_op_id;
extern const mg_op mg_ops[MG_OP_COUNT];

/* Apply an operation to n inputs, recording it where recording is on and an input requires a
 * gradient.  Returns a temporary; NULL where an input is NULL (optional inputs excepted) or on
 * an error, whose message begins with the operation's name.  attrs may be NULL. */
mg_tensor *mg_apply(mg_op_id id, mg_tensor *const *in, int n, const mg_attrs *attrs);

/* What an application that has run costs at least: floating-point operations, of products and
 * convolutions only, and bytes read and written if each tensor is touched once. */
double mg_op_flops(const mg_call *call);
double mg_op_bytes(const mg_call *call);

/* Recording on the tape: on by default. */
bool mg_recording(void);
bool mg_set_recording(bool on); /* returns what it was */

/* Whether t may be changed in place now: false with an error set for a tensor that is part of a
 * graph while recording is on.  Counts the change, so that a tape that saved t notices it. */
bool mg_inplace_allowed(mg_tensor *t, const char *function);

/* For vjps. */
bool mg_wants(const mg_node *node, int i);
/* Saved input i, part of its graph; NULL with an error that names the operation if it was freed
 * or changed in place since. */
mg_tensor *mg_input(mg_node *node, int i);
/* The saved output, part of its graph. */
mg_tensor *mg_output(mg_node *node);
/* What has reached the leaf that input i is, where a vjp may add its own share to it in place and leave
 * gradient[i] NULL: nothing is being recorded, and nobody else sees it.  Else NULL. */
mg_tensor *mg_gradient_so_far(const mg_node *node, int i);
/* Reduce g (a broadcast result's gradient) to the shape of input i. */
mg_tensor *mg_sum_to_input(mg_node *node, mg_tensor *g, int i);
/* For fused operations: gradients by recording the composition and walking back through it. */
void mg_vjp_by_composition(mg_node *node, mg_tensor *g, mg_tensor **gradient);

mg_node *mg_node_retain(mg_node *node);
void mg_node_release(mg_node *node); /* iterative: depth of the graph does not matter */
void mg_node_trim(void);             /* give the memory of released nodes back to the system */
/* Drop what the node saved; edges to other nodes stay until it is released. */
void mg_node_free_saved(mg_node *node);

/* Shape rules used by more than one family. */
bool mg_shape_same(const mg_call *call, mg_shape *result);      /* as input 0 */
bool mg_shape_pair(const mg_call *call, mg_shape *result);      /* inputs 0 and 1 of one shape */
bool mg_shape_broadcast(const mg_call *call, mg_shape *result); /* NumPy's rule over all inputs */

/* ---- C wrappers, one an operation; see ops.def for what each computes ---------------------- */

/* op_unary.c, op_activation.c */
mg_tensor *mg_affine(mg_tensor *x, double scale, double shift); /* scale x + shift */
mg_tensor *mg_neg(mg_tensor *x);
mg_tensor *mg_exp(mg_tensor *x);
mg_tensor *mg_log(mg_tensor *x);
mg_tensor *mg_sqrt(mg_tensor *x);
mg_tensor *mg_abs(mg_tensor *x);
mg_tensor *mg_sign(mg_tensor *x);
mg_tensor *mg_square(mg_tensor *x);
mg_tensor *mg_reciprocal(mg_tensor *x);
mg_tensor *mg_pow_scalar(mg_tensor *x, double p);
mg_tensor *mg_clamp(mg_tensor *x, double low, double high);
mg_tensor *mg_erf(mg_tensor *x);
mg_tensor *mg_sin(mg_tensor *x);
mg_tensor *mg_cos(mg_tensor *x);
mg_tensor *mg_tanh(mg_tensor *x);
mg_tensor *mg_sigmoid(mg_tensor *x);
mg_tensor *mg_relu(mg_tensor *x);
mg_tensor *mg_leaky_relu(mg_tensor *x, double slope);
mg_tensor *mg_rectify(mg_tensor *x, double slope); /* relu where slope is 0, x where it is 1 */
mg_tensor *mg_elu(mg_tensor *x, double alpha, double scale);
mg_tensor *mg_gelu(mg_tensor *x);
mg_tensor *mg_silu(mg_tensor *x);
mg_tensor *mg_softplus(mg_tensor *x);
mg_tensor *mg_clamp_grad(mg_tensor *g, mg_tensor *x, double low, double high);
mg_tensor *mg_tanh_grad(mg_tensor *g, mg_tensor *y);
mg_tensor *mg_sigmoid_grad(mg_tensor *g, mg_tensor *y);
mg_tensor *mg_relu_grad(mg_tensor *g, mg_tensor *y);
mg_tensor *mg_leaky_relu_grad(mg_tensor *g, mg_tensor *y, double slope);
mg_tensor *mg_selu(mg_tensor *x);        /* elu with the constants of Klambauer 2017 */
mg_tensor *mg_log_sigmoid(mg_tensor *x); /* -softplus(-x) */

/* op_binary.c */
mg_tensor *mg_add(mg_tensor *a, mg_tensor *b);
mg_tensor *mg_sub(mg_tensor *a, mg_tensor *b);
mg_tensor *mg_mul(mg_tensor *a, mg_tensor *b);
mg_tensor *mg_div(mg_tensor *a, mg_tensor *b);
mg_tensor *mg_pow(mg_tensor *a, mg_tensor *b);
mg_tensor *mg_maximum(mg_tensor *a, mg_tensor *b);
mg_tensor *mg_minimum(mg_tensor *a, mg_tensor *b);
mg_tensor *mg_eq(mg_tensor *a, mg_tensor *b); /* 1 or 0 */
mg_tensor *mg_ne(mg_tensor *a, mg_tensor *b);
mg_tensor *mg_lt(mg_tensor *a, mg_tensor *b);
mg_tensor *mg_le(mg_tensor *a, mg_tensor *b);
mg_tensor *mg_gt(mg_tensor *a, mg_tensor *b);
mg_tensor *mg_ge(mg_tensor *a, mg_tensor *b);
mg_tensor *mg_where(mg_tensor *condition, mg_tensor *a, mg_tensor *b); /* a where condition is not 0 */

/* op_matmul.c */
/* op(a) op(b): (.., m, k) by (.., k, n), the same leading sizes; ta, tb transpose the last two. */
mg_tensor *mg_matmul(mg_tensor *a, mg_tensor *b, bool ta, bool tb);
mg_tensor *mg_linear(mg_tensor *x, mg_tensor *weight, mg_tensor *bias); /* (.., in), (in, out), (out) or NULL */
mg_tensor *mg_linear_rectified(mg_tensor *x, mg_tensor *weight, mg_tensor *bias, double slope);
/* See ops.def for the shapes; bias and values may be NULL. */
mg_tensor *mg_maxout(mg_tensor *x, mg_tensor *weight, mg_tensor *piece, mg_tensor *bias, mg_tensor *values);
mg_tensor *mg_maxout_input(mg_tensor *g, mg_tensor *weight, mg_tensor *piece);
mg_tensor *mg_maxout_weight(mg_tensor *x, mg_tensor *g, mg_tensor *piece, int64_t pieces);

/* op_conv.c: images (n, h, w, c), weight (kh, kw, c / groups, o), bias NULL or (o) or (c) */
struct mg_geometry;
mg_tensor *mg_conv2d(mg_tensor *x, mg_tensor *weight, mg_tensor *bias, const struct mg_geometry *geometry);
mg_tensor *mg_conv2d_input(mg_tensor *y, mg_tensor *weight, mg_tensor *bias, int64_t height, int64_t width,
                           const struct mg_geometry *geometry);
mg_tensor *mg_conv2d_weight(mg_tensor *x, mg_tensor *y, int64_t kernel_height, int64_t kernel_width,
                            const struct mg_geometry *geometry);

/* op_pool.c: the geometry's groups are 1 */
mg_tensor *mg_max_pool2d(mg_tensor *x, int64_t kernel_height, int64_t kernel_width, const struct mg_geometry *geometry);
mg_tensor *mg_avg_pool2d(mg_tensor *x, int64_t kernel_height, int64_t kernel_width, const struct mg_geometry *geometry);

/* op_resample.c */
mg_tensor *mg_resample(mg_tensor *x, int dim, int64_t size);

/* op_reduce.c: dim -1 is all dimensions */
mg_tensor *mg_sum(mg_tensor *x, int dim, bool keepdim);
mg_tensor *mg_mean(mg_tensor *x, int dim, bool keepdim);
mg_tensor *mg_sum_to(mg_tensor *x, int ndim, const int64_t *shape); /* undo a broadcast */
mg_tensor *mg_argmax(mg_tensor *x, int dim, bool keepdim);          /* 0-based here, 1-based in Lua */
mg_tensor *mg_argmin(mg_tensor *x, int dim, bool keepdim);
mg_tensor *mg_max(mg_tensor *x, int dim, bool keepdim);
mg_tensor *mg_min(mg_tensor *x, int dim, bool keepdim);
mg_tensor *mg_var(mg_tensor *x, int dim, bool unbiased, bool keepdim);
mg_tensor *mg_norm(mg_tensor *x, int dim, bool keepdim, double eps); /* sqrt(sum x^2 + eps) */

/* op_shape.c */
mg_tensor *mg_reshape(mg_tensor *x, int ndim, const int64_t *shape); /* one size may be -1 */
mg_tensor *mg_expand(mg_tensor *x, int ndim, const int64_t *shape);
mg_tensor *mg_permute(mg_tensor *x, const int64_t *dims);
mg_tensor *mg_transpose(mg_tensor *x, int a, int b);
mg_tensor *mg_narrow(mg_tensor *x, int dim, int64_t start, int64_t length);
mg_tensor *mg_pad(mg_tensor *x, int dim, int64_t before, int64_t after); /* zeros around one dimension */
mg_tensor *mg_select(mg_tensor *x, int dim, int64_t index);
mg_tensor *mg_unsqueeze(mg_tensor *x, int dim); /* a new dimension of size 1 */
mg_tensor *mg_cat(mg_tensor *const *xs, int n, int dim);
mg_tensor *mg_stack(mg_tensor *const *xs, int n, int dim);
mg_tensor *mg_flip(mg_tensor *x, int dim);

/* op_index.c: indices are tensors of whole numbers, 0-based here, 1-based in Lua */
mg_tensor *mg_gather(mg_tensor *x, int dim, mg_tensor *index);
mg_tensor *mg_scatter_add(mg_tensor *src, int dim, mg_tensor *index, int64_t size); /* zeros of `size` along dim */
mg_tensor *mg_index_select(mg_tensor *x, int dim, mg_tensor *index);
mg_tensor *mg_index_add(mg_tensor *src, int dim, mg_tensor *index, int64_t size);
mg_tensor *mg_one_hot(mg_tensor *index, int64_t classes);

/* op_softmax.c */
mg_tensor *mg_softmax(mg_tensor *x, int dim);
mg_tensor *mg_log_softmax(mg_tensor *x, int dim);
mg_tensor *mg_logsumexp(mg_tensor *x, int dim, bool keepdim);

/* op_norm.c */
/* (x - mean) / sqrt(var + eps) * gamma + beta over all but the last dimension, with the batch's
 * own moments, which `moments` (2, C), as mg_moments gives them, holds already; then the rectifier of
 * this slope (0: ReLU; 1: none).  The derivative treats the moments as functions of x. */
mg_tensor *mg_batch_norm(mg_tensor *x, mg_tensor *gamma, mg_tensor *beta, mg_tensor *moments, double eps, double slope);
/* The same by x's own moments, which it returns as well. */
mg_tensor *mg_batch_norm_of_batch(mg_tensor *x, mg_tensor *gamma, mg_tensor *beta, double eps, double slope,
                                  mg_tensor **moments);
/* All its gradients in one pass, packed: (rows + 2, C), those of x, then gamma's, then beta's. */
mg_tensor *mg_batch_norm_grad(mg_tensor *g, mg_tensor *x, mg_tensor *gamma, mg_tensor *beta, mg_tensor *moments,
                              double eps, double slope);
/* Rows: mean and biased variance of each feature over all but the last dimension; (2, C). */
mg_tensor *mg_moments(mg_tensor *x);

/* op_group_norm.c */
/* x (n, .., C) normalised within each sample over its positions and each of `groups` groups of neighbouring
 * features, times gamma plus beta by feature. */
mg_tensor *mg_group_norm(mg_tensor *x, mg_tensor *gamma, mg_tensor *beta, int64_t groups, double eps);
/* All its gradients, packed as mg_batch_norm_grad's. */
mg_tensor *mg_group_norm_grad(mg_tensor *g, mg_tensor *x, mg_tensor *gamma, int64_t groups, double eps);

#endif

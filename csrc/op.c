#include "op.h"

#include <stdlib.h>
#include <string.h>

#include "op_rows.h"
#include "profile.h"

const mg_op mg_ops[MG_OP_COUNT] = {
#define OP(name, signature, saves, shape, forward, vjp, compose, doc)                                                  \
  {#name, signature, saves, shape, forward, vjp, compose, doc},
#include "ops.def"
#undef OP
};

static _Thread_local bool recording_off;
static _Thread_local uint64_t sequence;

bool mg_recording(void) { return !recording_off; }

bool mg_set_recording(bool on) {
  bool before = !recording_off;
  recording_off = !on;
  return before;
}

/* ---- nodes --------------------------------------------------------------------------------- */

static _Thread_local mg_node *spare[MG_MAX_INPUTS + 1]; /* released nodes of n inputs, linked through walk */

/* A node of n inputs, all else zero, one reference; NULL with an error set. */
static mg_node *get_node(int n) {
  size_t bytes = sizeof(mg_node) + (size_t)n * sizeof(mg_edge);
  mg_node *node = spare[n];
  if (node) {
    spare[n] = node->walk;
  } else {
    mg_memory()->system_requests++;
    if (!(node = malloc(bytes))) return mg_fail_memory(bytes);
  }
  memset(node, 0, bytes);
  node->refs = 1;
  node->n = n;
  return node;
}

static void put_node(mg_node *node) {
  node->walk = spare[node->n];
  spare[node->n] = node;
}

void mg_node_trim(void) {
  for (int n = 0; n <= MG_MAX_INPUTS; n++)
    while (spare[n]) {
      mg_node *next = spare[n]->walk;
      free(spare[n]);
      spare[n] = next;
    }
}

mg_node *mg_node_retain(mg_node *node) {
  if (node) node->refs++;
  return node;
}

void mg_node_free_saved(mg_node *node) {
  node->freed = true;
  mg_release(node->output);
  node->output = NULL;
  for (int i = 0; i < node->n; i++) {
    mg_tensor *saved = node->edge[i].saved;
    node->edge[i].saved = NULL;
    mg_release(saved);
  }
}

/* Releasing a node releases its inputs' nodes, and so on down the graph.  The nodes that die wait
 * in a list instead of on the C stack: mg_release, called from here, comes back here. */
void mg_node_release(mg_node *node) {
  static _Thread_local mg_node *dying;
  static _Thread_local bool burying;
  if (!node || --node->refs) return;
  node->walk = dying;
  dying = node;
  if (burying) return;
  burying = true;
  while (dying) {
    mg_node *next = dying;
    dying = next->walk;
    mg_node_free_saved(next);
    for (int i = 0; i < next->n; i++) {
      mg_release(next->edge[i].leaf);
      mg_node_release(next->edge[i].node);
    }
    put_node(next);
  }
  burying = false;
}

static bool record(const mg_call *call) {
  mg_node *node = get_node(call->n);
  if (!node) return false;
  node->op = call->op;
  node->sequence = ++sequence;
  node->layer = mg_profile_layer();
  node->attrs = *call->attrs;
  node->shape.ndim = call->out->ndim;
  memcpy(node->shape.size, call->out->shape, sizeof node->shape.size);
  if (call->op->saves & MG_SAVE_OUTPUT) {
    node->output = mg_retain(mg_detach(call->out));
    node->output_version = call->out->storage->version;
    if (!node->output) {
      put_node(node);
      return false;
    }
  }
  for (int i = 0; i < call->n; i++) {
    mg_tensor *in = call->in[i];
    mg_edge *edge = &node->edge[i];
    if (!in) continue;
    edge->shape.ndim = in->ndim;
    memcpy(edge->shape.size, in->shape, sizeof edge->shape.size);
    edge->node = mg_node_retain(in->node);
    if (in->requires_grad && !in->node) edge->leaf = mg_retain(in);
    if (i < 31 && call->op->saves & MG_SAVE(i)) {
      edge->saved = mg_retain(in);
      edge->version = in->storage->version;
    }
  }
  call->out->node = node;
  call->out->requires_grad = true;
  return true;
}

#define FIRST_OPTIONAL 2 /* operations with an optional input (a bias) have it third */

mg_tensor *mg_apply(mg_op_id id, mg_tensor *const *in, int n, const mg_attrs *attrs) {
  static const mg_attrs none;
  if (mg_error()) return NULL;
  mg_call call = {&mg_ops[id], in, n, attrs ? attrs : &none, NULL};
  bool wanted = false;
  for (int i = 0; i < n; i++) {
    if (!in[i] && i < FIRST_OPTIONAL) return NULL;
    wanted |= in[i] && in[i]->requires_grad;
  }
  mg_profile_mark mark = mg_profile_begin();
  if (call.op->shape) {
    mg_shape shape;
    if (call.op->shape(&call, &shape)) call.out = mg_tensor_new(shape.ndim, shape.size);
  }
  if (mg_error() || !call.op->forward(&call)) {
    mg_fail_prefix("%s: ", call.op->name);
    return NULL;
  }
  if (mark.began != 0) mg_profile_close(mark, call.op->name, mg_op_flops(&call), mg_op_bytes(&call));
  if (wanted && mg_recording() && call.op->vjp && !record(&call)) return NULL;
  return call.out;
}

bool mg_inplace_allowed(mg_tensor *t, const char *function) {
  if (mg_error() || !t) return false;
  if (mg_recording() && t->requires_grad)
    return mg_fail("%s: a tensor %s is changed in place only inside no_grad", function,
                   t->node ? "that is part of a graph" : "that requires a gradient"),
           false;
  t->storage->version++;
  return true;
}

/* ---- for vjps ------------------------------------------------------------------------------ */

bool mg_wants(const mg_node *node, int i) { return node->wanted >> i & 1; }

static mg_tensor *check_saved(const mg_node *node, mg_tensor *saved, uint32_t version) {
  if (node->freed)
    return mg_fail("backward: the graph through %s was already freed; pass retain_graph = true to go through it twice",
                   node->op->name);
  if (saved && saved->storage->version != version)
    return mg_fail("backward: a tensor %s that the gradient of %s needs was changed in place", mg_tensor_text(saved),
                   node->op->name);
  return saved;
}

mg_tensor *mg_input(mg_node *node, int i) { return check_saved(node, node->edge[i].saved, node->edge[i].version); }

mg_tensor *mg_output(mg_node *node) {
  mg_tensor *alias = mg_detach(check_saved(node, node->output, node->output_version));
  if (!alias) return NULL;
  alias->node = mg_node_retain(node);
  alias->requires_grad = true;
  return alias;
}

mg_tensor *mg_sum_to_input(mg_node *node, mg_tensor *g, int i) {
  const mg_shape *shape = &node->edge[i].shape;
  return mg_sum_to(g, shape->ndim, shape->size);
}

/* ---- shape rules --------------------------------------------------------------------------- */

bool mg_shape_same(const mg_call *call, mg_shape *result) {
  result->ndim = call->in[0]->ndim;
  memcpy(result->size, call->in[0]->shape, sizeof result->size);
  return true;
}

bool mg_shape_pair(const mg_call *call, mg_shape *result) {
  if (!mg_same_shape(call->in[0], call->in[1]))
    return mg_fail("expected two tensors of one shape, got %s and %s", mg_tensor_text(call->in[0]),
                   mg_tensor_text(call->in[1])),
           false;
  return mg_shape_same(call, result);
}

bool mg_shape_broadcast(const mg_call *call, mg_shape *result) {
  mg_shape_same(call, result);
  for (int k = 1; k < call->n; k++) {
    const mg_tensor *t = call->in[k];
    mg_shape wide = {.ndim = MG_MAX(result->ndim, t->ndim)};
    for (int i = 1; i <= wide.ndim; i++) {
      int64_t a = i <= result->ndim ? result->size[result->ndim - i] : 1;
      int64_t b = i <= t->ndim ? t->shape[t->ndim - i] : 1;
      if (a != b && a != 1 && b != 1)
        return mg_fail("shapes %s and %s do not broadcast", mg_shape_text(result->ndim, result->size),
                       mg_tensor_text(t)),
               false;
      wide.size[wide.ndim - i] = a == 1 ? b : a;
    }
    *result = wide;
  }
  return true;
}

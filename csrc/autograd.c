#include "autograd.h"

#include <stdlib.h>
#include <string.h>

#include "elementwise.h"
#include "profile.h"

/* One node of a walk, and the gradient that has reached it. */
typedef struct step {
  mg_node *node;
  mg_tensor *gradient; /* owned */
  void *outer_walk;    /* of a walk that this one runs inside (mg_vjp_by_composition) */
  uint64_t outer_wanted;
  int target; /* index among the targets, or -1 */
} step;

typedef struct target {
  mg_tensor *tensor;   /* not owned */
  mg_tensor *gradient; /* owned */
} target;

typedef struct walk {
  step *steps; /* nodes that the output depends on, latest first */
  size_t count, step_bytes;
  target *targets; /* what gradients are wanted for */
  int target_count;
  size_t target_bytes;
  bool all_leaves; /* every leaf found becomes a target */
  bool create_graph;
  bool stop_at_targets; /* nothing below a target matters */
} walk;

/* ---- finding the graph --------------------------------------------------------------------- */

static int find_target(const walk *w, const mg_tensor *tensor) {
  for (int i = 0; i < w->target_count; i++)
    if (w->targets[i].tensor == tensor) return i;
  return -1;
}

/* A larger block in place of one of *capacity bytes (NULL: of none); NULL with an error set. */
static void *grow(void *items, size_t *capacity) {
  size_t larger;
  void *grown = mg_scratch_get(*capacity ? 2 * *capacity : 4096, &larger);
  if (!grown) return NULL;
  if (items) memcpy(grown, items, *capacity);
  mg_scratch_put(items, *capacity);
  *capacity = larger;
  return grown;
}

static bool add_target(walk *w, mg_tensor *tensor) {
  if ((size_t)(w->target_count + 1) * sizeof *w->targets > w->target_bytes) {
    target *targets = grow(w->targets, &w->target_bytes);
    if (!targets) return false;
    w->targets = targets;
  }
  w->targets[w->target_count++] = (target){tensor, NULL};
  return true;
}

static bool is_target_node(const walk *w, const mg_node *node) {
  for (int i = 0; i < w->target_count; i++)
    if (w->targets[i].tensor->node == node) return true;
  return false;
}

static bool add_step(walk *w, mg_node *node) {
  if ((w->count + 1) * sizeof *w->steps > w->step_bytes) {
    step *steps = grow(w->steps, &w->step_bytes);
    if (!steps) return false;
    w->steps = steps;
  }
  w->steps[w->count++] = (step){node, NULL, node->walk, node->wanted, -1};
  node->walk = w;
  node->wanted = 0;
  return true;
}

static int latest_first(const void *a, const void *b) {
  uint64_t x = ((const step *)a)->node->sequence, y = ((const step *)b)->node->sequence;
  return x < y ? 1 : x > y ? -1 : 0;
}

/* Collect every node that `root` depends on; afterwards node->walk points at its step. */
static bool collect(walk *w, mg_node *root) {
  if (!root) return true;
  if (!add_step(w, root)) return false;
  for (size_t i = 0; i < w->count; i++) {
    mg_node *node = w->steps[i].node;
    if (w->stop_at_targets && is_target_node(w, node)) continue;
    for (int e = 0; e < node->n; e++) {
      mg_node *below = node->edge[e].node;
      if (below && below->walk != w && !add_step(w, below)) return false;
    }
  }
  qsort(w->steps, w->count, sizeof *w->steps, latest_first);
  for (size_t i = 0; i < w->count; i++) w->steps[i].node->walk = &w->steps[i];
  return true;
}

/* Mark, earliest first, the edges that lead to a target. */
static bool mark_wanted(walk *w) {
  for (int i = 0; i < w->target_count; i++) {
    mg_node *node = w->targets[i].tensor->node;
    /* Only nodes of this walk point into its steps. */
    if (!node) continue;
    for (size_t s = 0; s < w->count; s++)
      if (w->steps[s].node == node && w->steps[s].target < 0) w->steps[s].target = i;
  }
  for (size_t s = w->count; s-- > 0;) {
    mg_node *node = w->steps[s].node;
    bool stopped = w->stop_at_targets && w->steps[s].target >= 0;
    for (int e = 0; e < node->n && !stopped; e++) {
      mg_edge *edge = &node->edge[e];
      bool wanted = false;
      if (edge->leaf) {
        if (w->all_leaves && find_target(w, edge->leaf) < 0 && !add_target(w, edge->leaf)) return false;
        wanted = find_target(w, edge->leaf) >= 0;
      } else if (edge->node) {
        const step *below = edge->node->walk;
        wanted = edge->node->wanted || below->target >= 0;
      }
      if (wanted) node->wanted |= (uint64_t)1 << e;
    }
  }
  return true;
}

/* ---- walking ------------------------------------------------------------------------------- */

/* Whether a gradient may be changed in place: nobody else can see it. */
static bool is_own(const mg_tensor *gradient) { return gradient->refs == 1 && gradient->storage->refs == 1; }

/* slot += g.  In place where nobody else can see the slot's tensor. */
static bool accumulate(mg_tensor **slot, mg_tensor *g, bool create_graph) {
  mg_tensor *have = *slot;
  if (!have) {
    *slot = mg_retain(g);
    return true;
  }
  if (!create_graph && is_own(have) && mg_same_shape(have, g)) {
    mg_accumulate(have, g);
    return true;
  }
  mg_tensor *sum = mg_retain(mg_add(have, g));
  if (!sum) return false;
  mg_release(have);
  *slot = sum;
  return true;
}

static _Thread_local walk *current; /* while a vjp runs: its walk */

mg_tensor *mg_gradient_so_far(const mg_node *node, int i) {
  const mg_edge *edge = &node->edge[i];
  if (!current || current->create_graph || !edge->leaf) return NULL;
  mg_tensor *gradient = current->targets[find_target(current, edge->leaf)].gradient;
  return gradient && is_own(gradient) ? gradient : NULL;
}

static bool run_step(walk *w, step *s) {
  mg_node *node = s->node;
  if (s->target >= 0 && s->gradient && !accumulate(&w->targets[s->target].gradient, s->gradient, w->create_graph))
    return false;
  if (!s->gradient || !node->wanted) return true;
  if (mg_profile_on) mg_profile_enter((mg_profile_place){node->layer, true});
  size_t mark = mg_pool_mark();
  mg_tensor *gradient[MG_MAX_INPUTS] = {NULL};
  mg_tensor *own = mg_temporary(s->gradient);
  s->gradient = NULL;
  if (!own) return false;
  if (node->freed)
    mg_fail("backward: the graph through %s was already freed; pass retain_graph = true to go through it twice",
            node->op->name);
  else {
    walk *outer = current;
    current = w;
    node->op->vjp(node, own, gradient);
    current = outer;
  }
  bool fine = !mg_error();
  for (int e = 0; e < node->n && fine; e++) {
    if (!mg_wants(node, e) || !gradient[e]) continue;
    mg_edge *edge = &node->edge[e];
    mg_tensor **slot =
        edge->leaf ? &w->targets[find_target(w, edge->leaf)].gradient : &((step *)edge->node->walk)->gradient;
    fine = accumulate(slot, gradient[e], w->create_graph);
  }
  mg_pool_drain(mark);
  return fine;
}

static bool run(walk *w, mg_tensor *output, mg_tensor *seed, bool retain_graph) {
  if (output->numel != 1 && !seed)
    return mg_fail("backward: expected an output of one element (or its gradient given), got %s",
                   mg_tensor_text(output)),
           false;
  if (seed && !mg_same_shape(seed, output))
    return mg_fail("backward: expected a gradient of the output's shape %s, got %s", mg_tensor_text(output),
                   mg_tensor_text(seed)),
           false;
  if (!collect(w, output->node) || !mark_wanted(w)) return false;
  if (!seed) seed = mg_tensor_full(output->ndim, output->shape, 1);
  if (!seed) return false;
  if (output->node)
    w->steps[0].gradient = mg_retain(seed);
  else if (find_target(w, output) >= 0)
    w->targets[find_target(w, output)].gradient = mg_retain(seed);
  bool recording = mg_set_recording(w->create_graph), fine = true;
  mg_profile_place place = mg_profile_enter((mg_profile_place){0, true});
  for (size_t i = 0; i < w->count && fine; i++) {
    fine = run_step(w, &w->steps[i]);
    if (fine && !retain_graph && !w->create_graph && w->steps[i].node->wanted) mg_node_free_saved(w->steps[i].node);
  }
  mg_set_recording(recording);
  mg_profile_enter(place);
  return fine;
}

static void finish(walk *w) {
  for (size_t i = 0; i < w->count; i++) {
    step *s = &w->steps[i];
    s->node->walk = s->outer_walk;
    s->node->wanted = s->outer_wanted;
    mg_release(s->gradient);
  }
  for (int i = 0; i < w->target_count; i++) mg_release(w->targets[i].gradient);
  mg_scratch_put(w->steps, w->step_bytes);
  mg_scratch_put(w->targets, w->target_bytes);
}

/* ---- entries ------------------------------------------------------------------------------- */

static bool add_targets(walk *w, mg_tensor *const *inputs, int n, const char *function) {
  for (int i = 0; i < n; i++) {
    if (!inputs[i]->requires_grad)
      return mg_fail("%s: expected inputs that require a gradient, but input %d (%s) does not", function, i + 1,
                     mg_tensor_text(inputs[i])),
             false;
    if (!add_target(w, inputs[i])) return false;
  }
  return true;
}

bool mg_gradients(mg_tensor *output, mg_tensor *seed, mg_tensor *const *inputs, int n, mg_tensor **gradient,
                  mg_backward_options options) {
  if (!output || mg_error()) return false;
  walk w = {.create_graph = options.create_graph};
  bool fine = add_targets(&w, inputs, n, "grad") && run(&w, output, seed, options.retain_graph);
  for (int i = 0; i < n && fine; i++) {
    mg_tensor *first = w.targets[find_target(&w, inputs[i])].gradient;
    gradient[i] = first ? mg_temporary(mg_retain(first)) : mg_tensor_full(inputs[i]->ndim, inputs[i]->shape, 0);
    fine = gradient[i] != NULL;
  }
  finish(&w);
  return fine;
}

/* Add what reached a leaf to its grad, which must not share storage with anything. */
static bool deposit(target *t, bool create_graph) {
  mg_tensor *leaf = t->tensor, *g = t->gradient;
  if (!g) return true;
  if (leaf->grad) {
    if (!create_graph && !leaf->grad->requires_grad) {
      leaf->grad->storage->version++;
      mg_accumulate(leaf->grad, g);
      return true;
    }
    g = mg_retain(mg_add(leaf->grad, g));
    if (!g) return false;
    mg_release(leaf->grad);
    leaf->grad = g;
    return true;
  }
  if (g->refs > 1 || g->storage->refs > 1) {
    g = create_graph ? mg_affine(g, 1, 0) : mg_copy(g);
    if (!g) return false;
    leaf->grad = mg_retain(g);
  } else {
    leaf->grad = g;
    t->gradient = NULL;
  }
  return true;
}

bool mg_backward(mg_tensor *output, mg_tensor *seed, mg_tensor *const *inputs, int n, mg_backward_options options) {
  if (!output || mg_error()) return false;
  if (!output->requires_grad)
    return mg_fail("backward: the output %s does not depend on anything that requires a gradient",
                   mg_tensor_text(output)),
           false;
  size_t mark = mg_pool_mark();
  walk w = {.create_graph = options.create_graph, .all_leaves = inputs == NULL};
  for (int i = 0; i < n; i++)
    if (inputs[i]->node) {
      finish(&w);
      return mg_fail("backward: expected inputs that are leaves, but input %d (%s) was computed; use grad", i + 1,
                     mg_tensor_text(inputs[i])),
             false;
    }
  bool fine = add_targets(&w, inputs, n, "backward");
  if (fine && !inputs && !output->node) fine = add_target(&w, output); /* a leaf is its own only one */
  fine = fine && run(&w, output, seed, options.retain_graph);
  for (int i = 0; i < w.target_count && fine; i++) fine = deposit(&w.targets[i], options.create_graph);
  finish(&w);
  mg_pool_drain(mark);
  return fine;
}

/* ---- fused operations ---------------------------------------------------------------------- */

void mg_vjp_by_composition(mg_node *node, mg_tensor *g, mg_tensor **gradient) {
  mg_tensor *in[MG_MAX_INPUTS] = {NULL};
  walk w = {.create_graph = mg_recording(), .stop_at_targets = true};
  mg_set_recording(true);
  for (int i = 0; i < node->n && !mg_error(); i++) {
    in[i] = mg_input(node, i);
    if (!in[i] || !mg_wants(node, i)) continue;
    /* An alias, so that a tensor that is two inputs at once counts as two. */
    in[i] = mg_reshape(in[i], in[i]->ndim, in[i]->shape);
    if (in[i]) add_target(&w, in[i]);
  }
  mg_tensor *output = mg_error() ? NULL : node->op->compose(in, node->n, &node->attrs);
  mg_set_recording(w.create_graph);
  if (output && run(&w, output, g, true))
    for (int i = 0; i < node->n; i++)
      if (mg_wants(node, i)) gradient[i] = mg_temporary(mg_retain(w.targets[find_target(&w, in[i])].gradient));
  finish(&w);
}

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "examples.h"
#include "idx.h"
#include "image.h"
#include "parallel.h"
#include "profile.h"
#include "random.h"

/* ---- making and freeing ---------------------------------------------------------------------- */

static void free_contents(struct mg_examples *contents) {
  free(contents->bytes);
  mg_release(contents->values);
  mg_image_list_release(contents->files);
  mg_failures_free(contents->skipped);
}

static void release_examples(mg_examples *examples) {
  if (!examples || --examples->refs > 0) return;
  free_contents(examples);
  free(examples);
}

void mg_dataset_free(mg_dataset *set) {
  if (!set) return;
  release_examples(set->examples);
  free(set->row);
  free(set->label);
  free(set);
}

/* A data set without contents yet. */
static mg_dataset *new_dataset(int64_t n, int ndim, const int64_t *shape) {
  mg_dataset *set = calloc(1, sizeof *set);
  if (!set) return mg_fail_memory(sizeof *set);
  set->n = n;
  set->ndim = ndim;
  set->size = 1;
  for (int i = 0; i < ndim; i++) set->size *= set->shape[i] = shape[i];
  return set;
}

mg_dataset *mg_dataset_over(int64_t n, int ndim, const int64_t *shape, struct mg_examples contents, int32_t *labels) {
  mg_dataset *set = new_dataset(n, ndim, shape);
  mg_examples *examples = set ? malloc(sizeof *examples) : NULL;
  if (!examples) {
    free_contents(&contents);
    free(labels);
    mg_dataset_free(set);
    return mg_fail_memory(sizeof *examples);
  }
  *examples = contents;
  examples->refs = 1;
  set->examples = examples;
  set->label = labels;
  return set;
}

mg_dataset *mg_dataset_from_bytes(int64_t n, const int64_t shape[3], uint8_t *bytes, int32_t *labels) {
  return mg_dataset_over(n, 3, shape, (struct mg_examples){.bytes = bytes}, labels);
}

bool mg_dataset_is_bytes(const mg_dataset *set) { return set->examples->values == NULL; }

bool mg_dataset_is_streamed(const mg_dataset *set) { return set->examples->files != NULL; }

const mg_failures *mg_dataset_skipped(const mg_dataset *set) { return set->examples->skipped; }

#define PATH_MEMORY 100 /* about what one more file costs */

size_t mg_dataset_memory(const mg_dataset *set) {
  size_t each = 0;
  if (set->label) each += sizeof *set->label;
  if (set->row) {
    each += sizeof *set->row;
  } else if (set->examples->bytes) {
    each += (size_t)set->size;
  } else if (set->examples->files) {
    each += PATH_MEMORY;
  }
  return (size_t)set->n * each;
}

/* ---- from IDX files -------------------------------------------------------------------------- */

/* Labels of `images` images, or NULL with an error set. */
static int32_t *read_labels(const char *path, const char *images_path, int64_t images, int64_t classes) {
  mg_idx idx;
  if (!mg_idx_read(path, 1, 1, &idx)) return NULL;
  int32_t *labels = NULL;
  if (idx.count != images) {
    mg_fail("%s: expected %lld labels, one for each image in %s, got %lld", path, (long long)images, images_path,
            (long long)idx.count);
  } else if (!(labels = malloc((size_t)images * sizeof *labels))) {
    mg_fail_memory((size_t)images * sizeof *labels);
  }
  for (int64_t i = 0; labels && i < images; i++) {
    labels[i] = idx.bytes[i];
    if (classes == 0 || labels[i] < classes) continue;
    mg_fail("%s: expected labels from 0 to %lld, got %d at place %lld", path, (long long)classes - 1, labels[i],
            (long long)i + 1);
    free(labels);
    labels = NULL;
  }
  free(idx.bytes);
  return labels;
}

mg_dataset *mg_dataset_from_idx(const char *images_path, const char *labels_path, int64_t classes) {
  mg_idx idx;
  if (!mg_idx_read(images_path, 3, 4, &idx)) return NULL;
  int32_t *labels = NULL;
  if (labels_path) {
    labels = read_labels(labels_path, images_path, idx.size[0], classes);
    if (!labels) {
      free(idx.bytes);
      return NULL;
    }
  }
  const int64_t shape[3] = {idx.size[1], idx.size[2], idx.rank == 4 ? idx.size[3] : 1};
  return mg_dataset_from_bytes(idx.size[0], shape, idx.bytes, labels);
}

/* ---- from a tensor --------------------------------------------------------------------------- */

static int32_t *labels_of_tensor(const mg_tensor *t, int64_t n) {
  if (t->ndim != 1 || t->shape[0] != n) {
    return mg_fail("expected labels of shape (%lld), one for each example, got %s", (long long)n, mg_tensor_text(t));
  }
  int32_t *labels = malloc((size_t)n * sizeof *labels);
  if (!labels) return mg_fail_memory((size_t)n * sizeof *labels);
  for (int64_t i = 0; i < n; i++) {
    const double value = (double)t->data[i];
    if (value >= 1 && value <= INT32_MAX && value == (double)(int32_t)value) {
      labels[i] = (int32_t)value - 1;
      continue;
    }
    mg_fail("expected labels that are whole numbers from 1, got %g at place %lld", value, (long long)i + 1);
    free(labels);
    return NULL;
  }
  return labels;
}

mg_dataset *mg_dataset_from_tensor(const mg_tensor *values, const mg_tensor *labels) {
  if (values->ndim < 1 || values->numel == 0) {
    return mg_fail("expected examples (N, ..), at least one, got %s", mg_tensor_text(values));
  }
  const int64_t n = values->shape[0];
  int32_t *copied = NULL;
  if (labels && !(copied = labels_of_tensor(labels, n))) return NULL;
  mg_tensor *shared = mg_detach(values);
  if (!shared) {
    free(copied);
    return NULL;
  }
  const struct mg_examples contents = {.values = mg_retain(shared)};
  return mg_dataset_over(n, values->ndim - 1, values->shape + 1, contents, copied);
}

/* ---- order ----------------------------------------------------------------------------------- */

/* Mixes the bits of x so that each affects all (the finaliser of SplitMix64; Steele et al. 2014). */
static uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

void mg_pick_epoch(int64_t n, uint64_t seed, uint64_t epoch, bool shuffle, bool mirror, mg_pick *picks) {
  /* A generator of its own for every pair, so that an epoch can be entered without the ones before. */
  mg_generator g = {.seed = mix(mix(seed) + 0x9e3779b97f4a7c15u * (epoch + 1))};
  for (int64_t i = 0; i < n; i++) picks[i] = MG_PICK(i, 0);
  for (int64_t i = n - 1; shuffle && i > 0; i--) {
    const int64_t j = (int64_t)mg_random_below(&g, (uint64_t)i + 1);
    const mg_pick other = picks[j];
    picks[j] = picks[i];
    picks[i] = other;
  }
  for (int64_t i = 0; mirror && i < n; i++) picks[i] |= (mg_pick)mg_random_below(&g, 2);
}

/* ---- batches --------------------------------------------------------------------------------- */

typedef struct gathering {
  const mg_dataset *set;
  const mg_pick *picks;
  const uint8_t *decoded; /* the examples' bytes one behind the other, where they came from files */
  real *out;
  double low, high;
} gathering;

/* Reverse each row of pixels of an image in place. */
static void mirror_image(real *pixels, int64_t h, int64_t w, int64_t c) {
  for (int64_t y = 0; y < h; y++, pixels += w * c) {
    for (int64_t x = 0; x < w / 2; x++) {
      for (int64_t k = 0; k < c; k++) {
        real *left = pixels + x * c + k, *right = pixels + (w - 1 - x) * c + k;
        const real kept = *left;
        *left = *right;
        *right = kept;
      }
    }
  }
}

static void gather_examples(void *argument, int64_t begin, int64_t end) {
  const gathering *g = argument;
  const mg_dataset *set = g->set;
  for (int64_t i = begin; i < end; i++) {
    const int64_t example = MG_PICK_EXAMPLE(g->picks[i]), row = set->row ? set->row[example] : example;
    real *out = g->out + i * set->size;
    if (g->decoded) {
      mg_bytes_to_real(set->size, g->decoded + i * set->size, out, g->low, g->high);
    } else if (set->examples->bytes) {
      mg_bytes_to_real(set->size, set->examples->bytes + row * set->size, out, g->low, g->high);
    } else {
      memcpy(out, set->examples->values->data + row * set->size, (size_t)set->size * sizeof *out);
    }
    if (MG_PICK_MIRRORED(g->picks[i]) && set->ndim == 3) mirror_image(out, set->shape[0], set->shape[1], set->shape[2]);
  }
}

static mg_tensor *gather(const mg_dataset *set, const mg_pick *picks, int64_t count, const uint8_t *decoded, bool flat,
                         double low, double high) {
  int64_t shape[MG_MAX_DIM] = {count, set->size};
  if (!flat) memcpy(shape + 1, set->shape, (size_t)set->ndim * sizeof *shape);
  mg_profile_mark mark = mg_profile_begin();
  mg_tensor *t = mg_tensor_new(flat ? 2 : set->ndim + 1, shape);
  if (!t) return NULL;
  gathering g = {set, picks, decoded, t->data, low, high};
  mg_parallel_ranges(count, MG_MAX(MG_GRAIN / set->size, 1), gather_examples, &g);
  size_t stored = set->examples->values ? sizeof(real) : 1;
  mg_profile_end(mark, "batch of data", 0, (double)t->numel * (double)(sizeof(real) + stored));
  return t;
}

/* The rows of the contents that picks stand for, a block for free(). */
static int64_t *rows_of(const mg_dataset *set, const mg_pick *picks, int64_t count) {
  int64_t *rows = malloc((size_t)count * sizeof *rows);
  if (!rows) return mg_fail_memory((size_t)count * sizeof *rows);
  for (int64_t i = 0; i < count; i++) {
    const int64_t example = MG_PICK_EXAMPLE(picks[i]);
    rows[i] = set->row ? set->row[example] : example;
  }
  return rows;
}

mg_decoding *mg_dataset_decode(const mg_dataset *set, const mg_pick *picks, int64_t count) {
  int64_t *rows = rows_of(set, picks, count);
  mg_decoding *decoding = rows ? mg_decoding_new(set->examples->files, rows, count, NULL) : NULL;
  free(rows);
  return decoding;
}

/* Whether a decoding is there that is of just these examples. */
static bool is_ahead(const mg_decoding *ahead, const mg_dataset *set, const mg_pick *picks, int64_t count) {
  int64_t *rows = ahead ? rows_of(set, picks, count) : NULL;
  const bool same = rows && mg_decoding_is(ahead, set->examples->files, rows, count);
  free(rows);
  return same;
}

mg_tensor *mg_dataset_gather(const mg_dataset *set, const mg_pick *picks, int64_t count, mg_decoding *ahead, bool flat,
                             double low, double high) {
  if (!mg_dataset_is_streamed(set)) return gather(set, picks, count, NULL, flat, low, high);
  const bool use = is_ahead(ahead, set, picks, count);
  mg_decoding *own = use ? NULL : mg_dataset_decode(set, picks, count), *decoding = use ? ahead : own;
  mg_tensor *t = NULL;
  if (decoding && mg_decoding_finish_all(decoding)) {
    t = gather(set, picks, count, mg_decoding_bytes(decoding), flat, low, high);
  }
  mg_decoding_free(own);
  return t;
}

mg_tensor *mg_dataset_labels(const mg_dataset *set, const mg_pick *picks, int64_t count) {
  mg_tensor *t = mg_tensor_new(1, &count);
  if (!t) return NULL;
  for (int64_t i = 0; i < count; i++) t->data[i] = (real)(set->label[MG_PICK_EXAMPLE(picks[i])] + 1);
  return t;
}

/* ---- subsets --------------------------------------------------------------------------------- */

mg_dataset *mg_dataset_subset(const mg_dataset *set, const mg_pick *picks, int64_t count) {
  mg_dataset *subset = new_dataset(count, set->ndim, set->shape);
  if (!subset) return NULL;
  subset->examples = set->examples;
  subset->examples->refs++;
  subset->row = malloc((size_t)count * sizeof *subset->row);
  if (set->label) subset->label = malloc((size_t)count * sizeof *subset->label);
  if (!subset->row || (set->label && !subset->label)) {
    mg_dataset_free(subset);
    return mg_fail_memory((size_t)count * sizeof *subset->row);
  }
  for (int64_t i = 0; i < count; i++) {
    const int64_t example = MG_PICK_EXAMPLE(picks[i]);
    subset->row[i] = set->row ? set->row[example] : example;
    if (set->label) subset->label[i] = set->label[example];
  }
  return subset;
}

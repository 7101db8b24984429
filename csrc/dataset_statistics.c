#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "examples.h"
#include "parallel.h"

/* The examples are summed up in this many parts, whatever the number of threads. */
#define PARTS 64
/* Examples of a streamed set that are decoded at a time. */
#define CHUNK 256

/* Sums over examples begin .. end - 1, by parts. */
typedef struct summing {
  const mg_dataset *set;
  const uint8_t *decoded; /* from example `begin` on, where they came from files */
  int64_t begin, end;
  int64_t channels;
  const double *shift; /* taken off each number first, so that squares keep their digits */
  double *sums;        /* (PARTS, 2, channels): of the numbers, of their squares; added to */
} summing;

int64_t mg_dataset_channels(const mg_dataset *set) { return set->ndim > 0 ? set->shape[set->ndim - 1] : 1; }

static int64_t row_of(const mg_dataset *set, int64_t example) { return set->row ? set->row[example] : example; }

static void sum_bytes(const summing *s, const uint8_t *bytes, double *sums) {
  for (int64_t i = 0; i < s->set->size; i += s->channels) {
    for (int64_t k = 0; k < s->channels; k++) {
      const double x = bytes[i + k] - s->shift[k];
      sums[k] += x;
      sums[s->channels + k] += x * x;
    }
  }
}

static void sum_values(const summing *s, const real *values, double *sums) {
  for (int64_t i = 0; i < s->set->size; i += s->channels) {
    for (int64_t k = 0; k < s->channels; k++) {
      const double x = (double)values[i + k] - s->shift[k];
      sums[k] += x;
      sums[s->channels + k] += x * x;
    }
  }
}

static void sum_part(void *argument, int64_t part) {
  const summing *s = argument;
  const mg_dataset *set = s->set;
  const int64_t n = s->end - s->begin;
  double *sums = s->sums + part * 2 * s->channels;
  for (int64_t i = n * part / PARTS; i < n * (part + 1) / PARTS; i++) {
    const int64_t offset = row_of(set, s->begin + i) * set->size;
    if (s->decoded) {
      sum_bytes(s, s->decoded + i * set->size, sums);
    } else if (set->examples->bytes) {
      sum_bytes(s, set->examples->bytes + offset, sums);
    } else {
      sum_values(s, set->examples->values->data + offset, sums);
    }
  }
}

static bool sum_streamed(summing *s) {
  mg_pick picks[CHUNK];
  const int64_t n = s->set->n;
  for (s->begin = 0; s->begin < n; s->begin = s->end) {
    s->end = MG_MIN(s->begin + CHUNK, n);
    for (int64_t i = s->begin; i < s->end; i++) picks[i - s->begin] = MG_PICK(i, 0);
    mg_decoding *d = mg_dataset_decode(s->set, picks, s->end - s->begin);
    const bool done = d && mg_decoding_finish_all(d);
    if (done) {
      s->decoded = mg_decoding_bytes(d);
      mg_parallel(PARTS, sum_part, s);
    }
    mg_decoding_free(d);
    if (!done) return false;
  }
  return true;
}

bool mg_dataset_statistics(const mg_dataset *set, double *mean, double *deviation) {
  const int64_t channels = mg_dataset_channels(set);
  const size_t size = (size_t)((2 * PARTS + 1) * channels) * sizeof(double);
  double *sums = calloc(1, size), *shift = sums ? sums + 2 * PARTS * channels : NULL;
  if (!sums) {
    mg_fail_memory(size);
    return false;
  }
  const real *values = set->examples->values ? set->examples->values->data + row_of(set, 0) * set->size : NULL;
  for (int64_t k = 0; values && k < channels; k++) shift[k] = (double)values[k];
  summing s = {set, NULL, 0, set->n, channels, shift, sums};
  bool done = true;
  if (mg_dataset_is_streamed(set)) {
    done = sum_streamed(&s);
  } else {
    mg_parallel(PARTS, sum_part, &s);
  }
  const double n = (double)set->n * (double)(set->size / channels);
  for (int64_t k = 0; done && k < channels; k++) {
    double total = 0, squares = 0;
    for (int64_t part = 0; part < PARTS; part++) {
      total += sums[part * 2 * channels + k];
      squares += sums[(part * 2 + 1) * channels + k];
    }
    mean[k] = shift[k] + total / n;
    deviation[k] = sqrt(MG_MAX(squares / n - total / n * (total / n), 0));
  }
  free(sums);
  return done;
}

#include "print.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Tensors of more elements are printed with EDGE of them at either end of each dimension. */
#define SUMMARY 1000
#define EDGE 3
#define LINE_WIDTH 80
#define OPENING "tensor("

/* ---- a growing string ---------------------------------------------------------------------- */

typedef struct text {
  char *bytes; /* NULL after memory ran out */
  size_t length, capacity;
} text;

static void put(text *t, const char *bytes, size_t length) {
  if (!t->bytes) return;
  if (t->length + length + 1 > t->capacity) {
    size_t capacity = 2 * (t->length + length + 1);
    char *grown = realloc(t->bytes, capacity);
    if (!grown) {
      free(t->bytes);
      t->bytes = NULL;
      return;
    }
    t->bytes = grown;
    t->capacity = capacity;
  }
  memcpy(t->bytes + t->length, bytes, length);
  t->length += length;
  t->bytes[t->length] = '\0';
}

static void put_string(text *t, const char *string) { put(t, string, strlen(string)); }

static void put_spaces(text *t, int count) {
  while (count-- > 0) put(t, " ", 1);
}

/* ---- the manner of writing numbers, one for the whole tensor -------------------------------- */

typedef enum { WHOLE, FIXED, SCIENTIFIC } notation;

typedef struct style {
  notation notation;
  int width;
  bool summary;
  int per_line; /* elements */
} style;

static int write_number(const style *s, double x, char *buffer, size_t size) {
  if (isnan(x)) return snprintf(buffer, size, "nan");
  if (isinf(x)) return snprintf(buffer, size, x < 0 ? "-inf" : "inf");
  if (s->notation == WHOLE) return snprintf(buffer, size, "%.0f", x);
  return snprintf(buffer, size, s->notation == FIXED ? "%.4f" : "%.4e", x);
}

/* Calls visit for each element that is printed, those of the block of dimensions from `dim` on. */
typedef void visitor(void *state, double x);

static bool is_left_out(const style *s, int64_t size, int64_t i) {
  return s->summary && size > 2 * EDGE && i >= EDGE && i < size - EDGE;
}

static void visit_elements(const mg_tensor *t, const style *s, int dim, int64_t offset, visitor *visit, void *state) {
  if (dim == t->ndim) {
    visit(state, (double)t->data[offset]);
    return;
  }
  for (int64_t i = 0; i < t->shape[dim]; i++) {
    if (is_left_out(s, t->shape[dim], i)) i = t->shape[dim] - EDGE;
    visit_elements(t, s, dim + 1, offset * t->shape[dim] + i, visit, state);
  }
}

/* What the choice rests on: the finite elements other than 0. */
typedef struct survey {
  bool whole;
  double smallest, largest;
} survey;

static void survey_element(void *state, double x) {
  survey *s = state;
  if (!isfinite(x) || x == 0) return;
  x = fabs(x);
  s->whole = s->whole && x == floor(x);
  s->smallest = fmin(s->smallest, x);
  s->largest = fmax(s->largest, x);
}

typedef struct measure {
  const style *style;
  int width;
} measure;

static void measure_element(void *state, double x) {
  measure *m = state;
  char buffer[512];
  m->width = MG_MAX(m->width, write_number(m->style, x, buffer, sizeof buffer));
}

/* Whole numbers without decimals; four decimals; or an exponent where those would not do: the
 * rule and its limits are PyTorch's. */
static style choose_style(const mg_tensor *t) {
  style s = {.summary = t->numel > SUMMARY};
  survey found = {.whole = true, .smallest = INFINITY};
  visit_elements(t, &s, 0, 0, survey_element, &found);
  if (found.whole)
    s.notation = found.largest < 1e8 ? WHOLE : SCIENTIFIC;
  else if (found.largest > 1e8 || found.smallest < 1e-4 || found.largest / found.smallest > 1000)
    s.notation = SCIENTIFIC;
  else
    s.notation = FIXED;
  measure m = {.style = &s};
  visit_elements(t, &s, 0, 0, measure_element, &m);
  s.width = m.width;
  int room = LINE_WIDTH - (int)strlen(OPENING) - t->ndim;
  s.per_line = MG_MAX(1, room / (s.width + 2));
  return s;
}

/* ---- nested brackets ----------------------------------------------------------------------- */

static void put_number(text *out, const style *s, double x) {
  char buffer[512];
  int length = write_number(s, x, buffer, sizeof buffer);
  put_spaces(out, s->width - length);
  put(out, buffer, (size_t)length);
}

/* `depth` brackets are open: start the next line beneath what they hold. */
static void put_line_break(text *out, int count, int depth) {
  while (count-- > 0) put(out, "\n", 1);
  put_spaces(out, (int)strlen(OPENING) + depth);
}

static void put_row(text *out, const mg_tensor *t, const style *s, int64_t offset) {
  int64_t size = t->shape[t->ndim - 1];
  int column = 0;
  for (int64_t i = 0; i < size; i++) {
    bool left_out = is_left_out(s, size, i);
    if (i > 0) put(out, ",", 1);
    if (i > 0 && column % s->per_line == 0)
      put_line_break(out, 1, t->ndim);
    else if (i > 0)
      put(out, " ", 1);
    column++;
    if (left_out) {
      put_string(out, "...");
      i = size - EDGE - 1;
    } else {
      put_number(out, s, (double)t->data[offset + i]);
    }
  }
}

static void put_block(text *out, const mg_tensor *t, const style *s, int dim, int64_t offset) {
  put(out, "[", 1);
  if (dim == t->ndim - 1) {
    put_row(out, t, s, offset * t->shape[dim]);
  } else {
    int breaks = t->ndim - 1 - dim;
    for (int64_t i = 0; i < t->shape[dim]; i++) {
      if (i > 0) {
        put(out, ",", 1);
        put_line_break(out, breaks, dim + 1);
      }
      if (is_left_out(s, t->shape[dim], i)) {
        put_string(out, "...,");
        put_line_break(out, breaks, dim + 1);
        i = t->shape[dim] - EDGE;
      }
      put_block(out, t, s, dim + 1, offset * t->shape[dim] + i);
    }
  }
  put(out, "]", 1);
}

/* A single number with as many digits as it takes to tell it from its neighbours. */
static void put_scalar(text *out, double x) {
  char buffer[64] = "nan";
  for (int digits = 5; digits <= 17 && !isnan(x); digits++) {
    snprintf(buffer, sizeof buffer, "%.*g", digits, x);
    if ((real)strtod(buffer, NULL) == (real)x) break;
  }
  put_string(out, buffer);
}

char *mg_tensor_print(const mg_tensor *t) {
  text out = {.bytes = malloc(256), .capacity = 256};
  put_string(&out, OPENING);
  if (t->ndim == 0) {
    put_scalar(&out, (double)t->data[0]);
  } else if (t->numel == 0) {
    put_string(&out, "[]");
  } else {
    style s = choose_style(t);
    put_block(&out, t, &s, 0, 0);
  }
  if (t->ndim > 0) {
    put_string(&out, ", shape ");
    put_string(&out, mg_shape_text(t->ndim, t->shape));
  }
  put_string(&out, ", " MG_REAL_NAME);
  if (t->requires_grad) put_string(&out, ", requires_grad");
  put(&out, ")", 1);
  return out.bytes;
}

void mg_print_free(char *text) { free(text); }

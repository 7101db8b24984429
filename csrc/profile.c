#include "profile.h"

#include <stdlib.h>
#include <string.h>

_Thread_local bool mg_profile_on;

static _Thread_local struct {
  mg_profile report;
  int operation_room, layer_room;
  int first_layer; /* the number of the first row; those of earlier runs are below it */
  double started, inner;
  mg_profile_place place;
} state;

void mg_profile_start(void) {
  state.first_layer += state.report.layer_count + (state.first_layer == 0);
  state.report.operation_count = state.report.layer_count = 0;
  state.inner = 0;
  state.place = (mg_profile_place){0, false};
  state.started = mg_seconds();
  mg_profile_on = true;
}

const mg_profile *mg_profile_stop(void) {
  if (mg_profile_on) state.report.seconds = mg_seconds() - state.started;
  mg_profile_on = false;
  return &state.report;
}

/* ---- rows ---------------------------------------------------------------------------------- */

static mg_profile_row *find(mg_profile_row *rows, int count, const void *key) {
  for (int i = 0; i < count; i++)
    if (rows[i].key == key) return &rows[i];
  return NULL;
}

/* A new row, or NULL where memory ends: then what it would count is lost, and nothing else. */
static mg_profile_row *add(mg_profile_row **rows, int *count, int *room, const void *key) {
  if (*count == *room) {
    int larger = *room ? 2 * *room : 64;
    mg_profile_row *grown = realloc(*rows, (size_t)larger * sizeof *grown);
    if (!grown) return NULL;
    *rows = grown;
    *room = larger;
  }
  mg_profile_row *row = &(*rows)[(*count)++];
  *row = (mg_profile_row){.key = key};
  return row;
}

static void count(mg_profile_row *row, bool backward, double seconds, double flops, double bytes) {
  row->seconds[backward] += seconds;
  row->flops += flops;
  row->bytes += bytes;
}

/* ---- pieces of work ------------------------------------------------------------------------ */

mg_profile_mark mg_profile_open(void) {
  mg_profile_mark mark = {mg_seconds(), state.inner};
  state.inner = 0;
  return mark;
}

void mg_profile_close(mg_profile_mark mark, const char *name, double flops, double bytes) {
  double seconds = mg_seconds() - mark.began, own = seconds - state.inner;
  mg_profile *report = &state.report;
  state.inner = mark.inner + seconds;
  if (!mg_profile_on) return;
  mg_profile_row *row = find(report->operations, report->operation_count, name);
  if (!row && (row = add(&report->operations, &report->operation_count, &state.operation_room, name)))
    strncpy(row->name, name, sizeof row->name - 1);
  if (row) {
    row->calls++;
    count(row, state.place.backward, own, flops, bytes);
  }
  int layer = state.place.layer - state.first_layer;
  if (layer >= 0 && layer < report->layer_count) count(&report->layers[layer], state.place.backward, own, flops, bytes);
}

/* ---- layers -------------------------------------------------------------------------------- */

mg_profile_place mg_profile_enter(mg_profile_place place) {
  mg_profile_place before = state.place;
  state.place = place;
  return before;
}

int mg_profile_layer(void) { return state.place.layer; }

int mg_profile_number(const void *layer, void (*describe)(const void *layer, char *text, size_t size)) {
  mg_profile *report = &state.report;
  mg_profile_row *row = find(report->layers, report->layer_count, layer);
  if (!row) {
    row = add(&report->layers, &report->layer_count, &state.layer_room, layer);
    if (!row) return 0;
    describe(layer, row->name, sizeof row->name);
  }
  row->calls++;
  return state.first_layer + (int)(row - report->layers);
}

void mg_profile_forget(const void *layer) {
  mg_profile_row *row = find(state.report.layers, state.report.layer_count, layer);
  if (row) row->key = NULL;
}

#include "base.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static _Thread_local struct {
  bool failed, memory;
  char text[1024];
} error;

void *mg_fail(const char *format, ...) {
  if (error.failed) return NULL;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(error.text, sizeof error.text, format, arguments);
  va_end(arguments);
  error.failed = true;
  return NULL;
}

void *mg_fail_memory(size_t bytes) {
  if (!error.failed) {
    mg_fail("not enough memory for %zu bytes", bytes);
    error.memory = true;
  }
  return NULL;
}

void mg_fail_prefix(const char *format, ...) {
  if (!error.failed) return;
  char prefix[sizeof error.text];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(prefix, sizeof prefix, format, arguments);
  va_end(arguments);
  if (length < 0 || (size_t)length >= sizeof prefix) return;
  size_t room = sizeof error.text - (size_t)length - 1;
  size_t kept = MG_MIN(strlen(error.text), room);
  memmove(error.text + length, error.text, kept);
  memcpy(error.text, prefix, (size_t)length);
  error.text[(size_t)length + kept] = 0;
}

const char *mg_error(void) { return error.failed ? error.text : NULL; }

bool mg_error_is_memory(void) { return error.memory; }

void mg_clear_error(void) { error.failed = error.memory = false; }

double mg_seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#include <stdatomic.h>

#include "apart.h"
#include "parallel.h"

#define LINE 64
#define LINES 512
#define TRIALS 5
#define PATIENCE 20000 /* looks for the other thread, some 10 us */
#define SLOW 9e-9      /* seconds a line */
#define LASTS 0.2      /* seconds */
#define RETRY 1e-3     /* seconds, where no other thread came: it may have just been started */

typedef struct probe {
  volatile char *lines;
  atomic_int others; /* threads that have read them */
} probe;

static void read_lines(void *argument, int64_t index) {
  (void)index;
  probe *p = argument;
  for (int i = 0; i < LINES; i++) (void)p->lines[i * LINE];
  if (mg_worker() != 0) atomic_fetch_add(&p->others, 1);
  for (int i = 0; i < PATIENCE && !atomic_load(&p->others); i++) continue;
}

/* Seconds for a write to a line that another thread has read; a negative number where none came to read. */
static double write_time(probe *p) {
  atomic_store(&p->others, 0);
  mg_parallel(2, read_lines, p);
  if (!atomic_load(&p->others)) return -1;
  double began = mg_seconds();
  for (int i = 0; i < LINES; i++) p->lines[i * LINE] = 1;
  return (mg_seconds() - began) / LINES;
}

/* Whether they are; false where no other thread came in time, and the answer stays as it is. */
static bool measure(bool *apart) {
  _Alignas(LINE) volatile char lines[LINE * LINES] = {0};
  probe p = {.lines = lines};
  int slow = 0, trials = 0;
  for (int i = 0; i < TRIALS; i++) {
    double time = write_time(&p);
    trials += time >= 0;
    slow += time > SLOW;
  }
  if (trials) *apart = 2 * slow > trials;
  return trials > 0;
}

bool mg_threads_apart(void) {
  static _Thread_local bool apart;
  static _Thread_local double until; /* when to ask again */
  if (mg_threads() == 1) return false;
  double now = mg_seconds();
  if (now < until) return apart;
  const char *said = getenv("MOONGAN_APART");
  bool told = said && (said[0] == '0' || said[0] == '1');
  if (told) apart = said[0] == '1';
  until = now + (told || measure(&apart) ? LASTS : RETRY);
  return apart;
}

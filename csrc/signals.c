#include <signal.h>

#include "signals.h"

static const struct {
  int number;
  const char *name;
} stops[] = {{SIGINT, "SIGINT"}, {SIGTERM, "SIGTERM"}, {SIGHUP, "SIGHUP"}};
enum { STOPS = sizeof stops / sizeof stops[0] };

static struct sigaction before[STOPS], before_file_limit;
static int catching;
static volatile sig_atomic_t caught;

static void note(int number) {
  if (caught) {
    signal(number, SIG_DFL);
    raise(number); /* delivered when this handler returns */
    return;
  }
  caught = number;
}

void mg_signals_catch(void) {
  if (catching++ > 0) return;
  caught = 0;
  struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART};
  sigemptyset(&action.sa_mask);
  for (int i = 0; i < STOPS; i++) {
    sigaction(stops[i].number, NULL, &before[i]);
    if (before[i].sa_handler != SIG_IGN) sigaction(stops[i].number, &action, NULL);
  }
  action.sa_handler = SIG_IGN;
  sigaction(SIGXFSZ, &action, &before_file_limit);
}

void mg_signals_release(void) {
  if (catching == 0 || --catching > 0) return;
  for (int i = 0; i < STOPS; i++) sigaction(stops[i].number, &before[i], NULL);
  sigaction(SIGXFSZ, &before_file_limit, NULL);
  caught = 0;
}

int mg_signals_caught(void) { return caught; }

const char *mg_signal_name(int number) {
  for (int i = 0; i < STOPS; i++)
    if (stops[i].number == number) return stops[i].name;
  return "signal";
}

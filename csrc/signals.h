/* signals.h: a wish to end, noted when it comes and acted on at a moment of the program's choosing. */
#ifndef MG_SIGNALS_H
#define MG_SIGNALS_H

#include "base.h"

/* From now on the first SIGINT, SIGTERM or SIGHUP is only noted; one more ends the process at once, as
 * if nobody caught it.  What the process was started to ignore stays ignored.  A file that outgrows
 * its limit is an error of write instead of a signal.  Catching may be nested. */
void mg_signals_catch(void);

/* Back to how signals were treated before; what was noted is forgotten. */
void mg_signals_release(void);

/* The number of the signal noted, 0 where there is none. */
int mg_signals_caught(void);

/* "SIGINT", .. for what mg_signals_caught gives. */
const char *mg_signal_name(int number);

#endif

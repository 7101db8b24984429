/* apart.h: whether the threads' processors share no cache.
 *
 * Then a write to what another thread has read waits for that one's cache: 14 to 19 ns a line on a virtual
 * machine whose processors were apart, 4 to 5 ns while they were not, 0.6 ns where nobody had read it.  Results
 * that all threads are about to read are better written past the caches there (kernel.def: stream), and only
 * there. */
#ifndef MG_APART_H
#define MG_APART_H

#include "base.h"

/* Measured, in some 0.1 ms, by the first call and by one that comes 0.2 s or more after the last measurement: a
 * virtual machine may be moved.  false with one thread.  The variable MOONGAN_APART (0 or 1) says it instead.
 * Not to be called in a task. */
bool mg_threads_apart(void);

#endif

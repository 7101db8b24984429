/* parallel.h: the core's thread pool.
 *
 * Each task writes its own part of the result, and work whose bits depend on the cut is cut by the size of the
 * data alone, never by the number of threads: so results have the same bits for any thread count.
 *
 * A line of memory that two processors' caches hold is slow to write, up to twenty times where they share no
 * cache.  So what follows each other in memory should follow each other among the tasks. */
#ifndef MG_PARALLEL_H
#define MG_PARALLEL_H

#include "base.h"

/* Run task(argument, 0) ... task(argument, count - 1), in any order, on the pool's threads and
 * the caller's, each of which begins with an equal run of them; returns when all are done.  Tasks
 * must not call mg_parallel, allocate tensors or set errors. */
typedef void mg_task(void *argument, int64_t index);
void mg_parallel(int64_t count, mg_task *task, void *argument);

/* Run body(argument, begin, end) over [0, n) in ranges of `grain` elements (the last may be
 * shorter).  One range, or one thread, runs in place without waking anybody. */
typedef void mg_range(void *argument, int64_t begin, int64_t end);
void mg_parallel_ranges(int64_t n, int64_t grain, mg_range *body, void *argument);

/* How many elements of elementwise work are worth a range of their own. */
#define MG_GRAIN 16384

/* Inside a task: which of the mg_threads() threads runs it, from 0; for scratch of one's own. */
int mg_worker(void);

int mg_threads(void);
void mg_set_threads(int count); /* 1 .. 256 */

/* End the pool's threads (the next parallel job starts them again): before the library unloads. */
void mg_parallel_stop(void);

#endif

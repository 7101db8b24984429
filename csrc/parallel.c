#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "parallel.h"

/* Workers wait for the next job by spinning for a while (a training step starts thousands of
 * short jobs, and waking a sleeper costs more than most of them), then by sleeping. */
#define SPINS 20000
#define MAX_THREADS 256

#if defined(__x86_64__) || defined(__i386__)
#define PAUSE() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define PAUSE() __asm__ volatile("yield")
#else
#define PAUSE() ((void)0)
#endif

/* A job's tasks are dealt out in equal runs, one for each thread: work on neighbours in memory stays with a
 * thread from job to job, and so in its cache.  Who is done with its own run goes on with the others'.
 *
 * A run is published as one number: the job's count in the upper half, how many of the run's tasks are not yet
 * claimed in the lower.  A thread claims one by lowering it, which fails if anything has changed; so a thread
 * that comes late finds nothing to claim, and nobody has to wait for it.  Once claimed, a task keeps its job's
 * fields from changing until it is counted as done. */
typedef struct run {
  _Alignas(64) atomic_uint_fast64_t ticket;
} run;

static struct {
  pthread_mutex_t lock; /* guards sleeping, starting and stopping */
  pthread_cond_t wake;
  pthread_mutex_t owner; /* one job at a time, whoever asks */
  pthread_t thread[MAX_THREADS];
  int workers; /* running, the caller not counted */
  int wanted;  /* threads, the caller counted; 0: not chosen yet */
  atomic_int sleeping;
  atomic_bool stop;
  mg_task *task;
  void *argument;
  int64_t count;
  run runs[MAX_THREADS]; /* one for each worker, and the caller's: the first */
  _Alignas(64) atomic_int_fast64_t done;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER, .owner = PTHREAD_MUTEX_INITIALIZER};

#define UNCLAIMED(ticket) ((ticket)&0xFFFFFFFFu)
#define JOB(ticket) ((ticket) >> 32)

static _Thread_local int own_index; /* 0 for whoever calls mg_parallel */

int mg_worker(void) { return own_index; }

/* Where the run of a thread begins in the job. */
static int64_t run_start(int64_t thread) { return pool.count * thread / (pool.workers + 1); }

/* Do what is not yet claimed of a run; how many tasks that were. */
static int64_t finish_run(int thread) {
  atomic_uint_fast64_t *ticket = &pool.runs[thread].ticket;
  uint_fast64_t seen = atomic_load_explicit(ticket, memory_order_acquire);
  int64_t tasks = 0;
  while (UNCLAIMED(seen)) {
    if (!atomic_compare_exchange_weak_explicit(ticket, &seen, seen - 1, memory_order_acq_rel, memory_order_acquire))
      continue;
    pool.task(pool.argument, run_start(thread + 1) - (int64_t)UNCLAIMED(seen));
    tasks++;
    seen = atomic_load_explicit(ticket, memory_order_acquire);
  }
  return tasks;
}

/* One's own run first, then the others'.  The addition, a locked instruction, also waits for what the tasks have
 * written past the caches. */
static void run_tasks(void) {
  int64_t tasks = 0;
  for (int i = 0; i <= pool.workers; i++) tasks += finish_run((own_index + i) % (pool.workers + 1));
  if (tasks) atomic_fetch_add_explicit(&pool.done, tasks, memory_order_release);
}

static uint_fast64_t last_job(int thread) { return JOB(atomic_load(&pool.runs[thread].ticket)); }

/* Until a job after `seen` is published. */
static void wait_for_job(uint_fast64_t seen) {
  for (int i = 0; i < SPINS; i++) {
    if (last_job(own_index) != seen) return;
    PAUSE();
  }
  pthread_mutex_lock(&pool.lock);
  atomic_fetch_add(&pool.sleeping, 1);
  while (last_job(own_index) == seen) pthread_cond_wait(&pool.wake, &pool.lock);
  atomic_fetch_sub(&pool.sleeping, 1);
  pthread_mutex_unlock(&pool.lock);
}

typedef struct start {
  uint_fast64_t seen; /* the last job before this worker */
  int index;
} start;

static void *worker(void *argument) {
  uint_fast64_t seen = ((start *)argument)->seen;
  own_index = ((start *)argument)->index;
  for (;;) {
    wait_for_job(seen);
    seen = last_job(own_index);
    if (atomic_load(&pool.stop)) return NULL;
    run_tasks();
  }
}

static void publish(int64_t count) {
  static uint32_t job;
  job++;
  pool.count = count;
  atomic_store_explicit(&pool.done, 0, memory_order_relaxed);
  for (int i = 0; i <= pool.workers; i++)
    atomic_store(&pool.runs[i].ticket, (uint_fast64_t)job << 32 | (uint_fast64_t)(run_start(i + 1) - run_start(i)));
  if (atomic_load(&pool.sleeping)) {
    pthread_mutex_lock(&pool.lock);
    pthread_cond_broadcast(&pool.wake);
    pthread_mutex_unlock(&pool.lock);
  }
}

static void stop_workers(void) {
  if (pool.workers) {
    atomic_store(&pool.stop, true);
    publish(0);
    for (int i = 0; i < pool.workers; i++) pthread_join(pool.thread[i], NULL);
    atomic_store(&pool.stop, false);
  }
  pool.workers = 0;
}

/* A fork leaves the child without workers, whatever it inherits says. */
static void forget_workers(void) {
  pool.workers = 0;
  atomic_store(&pool.sleeping, 0);
}

__attribute__((constructor)) static void heed_forks(void) { pthread_atfork(NULL, NULL, forget_workers); }

static void start_workers(void) {
  static start starts[MAX_THREADS];
  if (pool.workers == pool.wanted - 1) return;
  stop_workers();
  while (pool.workers < pool.wanted - 1) {
    starts[pool.workers] = (start){last_job(pool.workers + 1), pool.workers + 1};
    if (pthread_create(&pool.thread[pool.workers], NULL, worker, &starts[pool.workers])) break; /* fewer will do */
    pool.workers++;
  }
  pool.wanted = pool.workers + 1;
}

static int processors(void) {
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  const char *asked = getenv("MOONGAN_THREADS");
  if (asked && atoi(asked) > 0) online = atoi(asked);
  return (int)MG_MIN(MG_MAX(online, 1), MAX_THREADS);
}

int mg_threads(void) {
  if (!pool.wanted) pool.wanted = processors();
  return pool.wanted;
}

void mg_set_threads(int count) { pool.wanted = MG_MIN(MG_MAX(count, 1), MAX_THREADS); }

void mg_parallel_stop(void) {
  pthread_mutex_lock(&pool.owner);
  stop_workers();
  pthread_mutex_unlock(&pool.owner);
}

void mg_parallel(int64_t count, mg_task *task, void *argument) {
  if (count <= 1 || count > INT32_MAX || mg_threads() == 1 || pthread_mutex_trylock(&pool.owner)) {
    for (int64_t i = 0; i < count; i++) task(argument, i);
    return;
  }
  start_workers();
  pool.task = task;
  pool.argument = argument;
  publish(count);
  run_tasks();
  for (int spins = 0; atomic_load_explicit(&pool.done, memory_order_acquire) < count; spins++) {
    if (spins < SPINS)
      PAUSE();
    else
      usleep(0);
  }
  pthread_mutex_unlock(&pool.owner);
}

typedef struct ranges {
  int64_t n, grain;
  mg_range *body;
  void *argument;
} ranges;

static void run_range(void *argument, int64_t index) {
  const ranges *r = argument;
  int64_t begin = index * r->grain;
  r->body(r->argument, begin, MG_MIN(begin + r->grain, r->n));
}

void mg_parallel_ranges(int64_t n, int64_t grain, mg_range *body, void *argument) {
  ranges r = {n, MG_MAX(grain, 1), body, argument};
  if (n > 0) mg_parallel((n + r.grain - 1) / r.grain, run_range, &r);
}

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

static struct {
  pthread_mutex_t lock; /* guards sleeping, starting and stopping */
  pthread_cond_t wake;
  pthread_mutex_t owner; /* one job at a time, whoever asks */
  pthread_t thread[MAX_THREADS];
  int workers; /* running, the caller not counted */
  int wanted;  /* threads, the caller counted; 0: not chosen yet */
  pid_t process;
  atomic_uint job; /* counts jobs; workers start when it moves */
  atomic_int sleeping;
  atomic_bool stop;
  mg_task *task;
  void *argument;
  int64_t count;
  _Alignas(64) atomic_int_fast64_t next; /* task to claim */
  _Alignas(64) atomic_int busy;          /* workers that have not finished this job */
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER, .owner = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local int own_index; /* 0 for whoever calls mg_parallel */

int mg_worker(void) { return own_index; }

static void run_tasks(void) {
  int64_t index;
  while ((index = atomic_fetch_add_explicit(&pool.next, 1, memory_order_relaxed)) < pool.count)
    pool.task(pool.argument, index);
}

static void wait_for_job(unsigned seen) {
  for (int i = 0; i < SPINS; i++) {
    if (atomic_load_explicit(&pool.job, memory_order_acquire) != seen) return;
    PAUSE();
  }
  pthread_mutex_lock(&pool.lock);
  atomic_fetch_add(&pool.sleeping, 1);
  while (atomic_load(&pool.job) == seen) pthread_cond_wait(&pool.wake, &pool.lock);
  atomic_fetch_sub(&pool.sleeping, 1);
  pthread_mutex_unlock(&pool.lock);
}

typedef struct start {
  unsigned seen; /* the last job before this worker */
  int index;
} start;

static void *worker(void *argument) {
  unsigned seen = ((start *)argument)->seen;
  own_index = ((start *)argument)->index;
  for (;;) {
    wait_for_job(seen);
    seen = atomic_load_explicit(&pool.job, memory_order_acquire);
    if (atomic_load(&pool.stop)) return NULL;
    run_tasks();
    atomic_fetch_sub_explicit(&pool.busy, 1, memory_order_release);
  }
}

static void announce(void) {
  atomic_fetch_add(&pool.job, 1);
  if (atomic_load(&pool.sleeping)) {
    pthread_mutex_lock(&pool.lock);
    pthread_cond_broadcast(&pool.wake);
    pthread_mutex_unlock(&pool.lock);
  }
}

static void stop_workers(void) {
  if (pool.workers && pool.process == getpid()) {
    atomic_store(&pool.stop, true);
    announce();
    for (int i = 0; i < pool.workers; i++) pthread_join(pool.thread[i], NULL);
    atomic_store(&pool.stop, false);
  }
  pool.workers = 0;
}

static void start_workers(void) {
  /* A fork leaves the child without workers, whatever it inherited says. */
  if (pool.workers && pool.process != getpid()) {
    pool.workers = 0;
    atomic_store(&pool.sleeping, 0);
  }
  if (pool.workers == pool.wanted - 1) return;
  stop_workers();
  pool.process = getpid();
  static start starts[MAX_THREADS];
  while (pool.workers < pool.wanted - 1) {
    starts[pool.workers] = (start){atomic_load(&pool.job), pool.workers + 1};
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
  if (count <= 1 || mg_threads() == 1 || pthread_mutex_trylock(&pool.owner)) {
    for (int64_t i = 0; i < count; i++) task(argument, i);
    return;
  }
  start_workers();
  pool.task = task;
  pool.argument = argument;
  pool.count = count;
  atomic_store_explicit(&pool.next, 0, memory_order_relaxed);
  atomic_store_explicit(&pool.busy, pool.workers, memory_order_relaxed);
  announce();
  run_tasks();
  for (int spins = 0; atomic_load_explicit(&pool.busy, memory_order_acquire) > 0; spins++) {
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

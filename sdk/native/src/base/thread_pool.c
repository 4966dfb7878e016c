/* A job is cut into chunks, and `state` holds the job's number and how many chunks are left. Whoever decrements it owns
 * a chunk, so a thread that wakes late finds nothing left, and the job's other fields cannot change under an owner. */
#define _GNU_SOURCE /* sched_getaffinity */
#include "base/thread_pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

enum {
  MAX_WORKERS = 63,
  CHUNKS_PER_THREAD = 8, /* so that a thread which was descheduled costs little */
  CHUNK_BITS = 10,
  CHUNK_MASK = (1 << CHUNK_BITS) - 1,
  SPINS = 2000, /* before a worker sleeps: tens of microseconds, the time between two layers of a network */
};
_Static_assert((MAX_WORKERS + 1) * CHUNKS_PER_THREAD <= CHUNK_MASK, "the number of chunks fits into its bits");

static struct {
  pthread_mutex_t mutex; /* for sleeping */
  pthread_cond_t wake;
  atomic_int users;
  _Atomic pid_t process; /* whose threads the workers are: a fork has none */

  _Atomic pid_t busy; /* the process of the caller that has the pool, 0 if none has; guards all that follows */
  int workers;
  pthread_t threads[MAX_WORKERS];
  void (*run)(void *context, size_t first, size_t end);
  void *context;
  size_t count;
  uint32_t chunks;

  atomic_uint state;    /* job number, chunks left */
  atomic_uint finished; /* chunks */
  atomic_int helpers;   /* workers that may take part: those with a lower number */
  atomic_int sleeping;
  atomic_bool stop;
} pool = {.mutex = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

static inline void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__) || (defined(__arm__) && __ARM_ARCH >= 7)
  __asm__ volatile("yield");
#endif
}

/* Where chunk `number` starts. */
static size_t part(size_t number) { return (size_t)((uint64_t)pool.count * number / pool.chunks); }

/* Computes chunks until none is left. `worker` is -1 for the caller. */
static void take_part(int worker) {
  unsigned state = atomic_load(&pool.state);
  while ((state & CHUNK_MASK) != 0 && worker < atomic_load(&pool.helpers)) {
    if (!atomic_compare_exchange_weak(&pool.state, &state, state - 1)) continue;
    const size_t chunk = pool.chunks - (state & CHUNK_MASK);
    pool.run(pool.context, part(chunk), part(chunk + 1));
    atomic_fetch_add(&pool.finished, 1);
    state = atomic_load(&pool.state);
  }
}

static bool has_work(int worker) {
  return (atomic_load(&pool.state) & CHUNK_MASK) != 0 && worker < atomic_load(&pool.helpers);
}

static void *work(void *argument) {
  const int worker = (int)(intptr_t)argument;
  while (!atomic_load(&pool.stop)) {
    for (int spin = 0; spin < SPINS && !has_work(worker); ++spin) pause_briefly();
    if (!has_work(worker)) {
      pthread_mutex_lock(&pool.mutex);
      atomic_fetch_add(&pool.sleeping, 1);
      while (!has_work(worker) && !atomic_load(&pool.stop)) pthread_cond_wait(&pool.wake, &pool.mutex);
      atomic_fetch_sub(&pool.sleeping, 1);
      pthread_mutex_unlock(&pool.mutex);
    }
    take_part(worker);
  }
  return NULL;
}

static void wake_all(void) {
  pthread_mutex_lock(&pool.mutex);
  pthread_cond_broadcast(&pool.wake);
  pthread_mutex_unlock(&pool.mutex);
}

/* CPUs that the process may use. */
static int cpus(void) {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

/* Signals are for the program's own threads. */
static bool start_worker(int number) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const bool started = pthread_create(&pool.threads[number], NULL, work, (void *)(intptr_t)number) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return started;
}

/* After a fork no worker is there, and locks are as they were. */
static void forget_workers(void) {
  pthread_mutex_init(&pool.mutex, NULL);
  pthread_cond_init(&pool.wake, NULL);
  pool.workers = 0;
  atomic_store(&pool.state, 0);
  atomic_store(&pool.sleeping, 0);
  atomic_store(&pool.stop, false);
}

/* True if the pool is the caller's until it gives it back. A caller that had it when its process forked does not live
 * here. */
static bool enter(void) {
  const pid_t here = getpid();
  pid_t owner = atomic_load(&pool.busy);
  if (owner == here || !atomic_compare_exchange_strong(&pool.busy, &owner, here)) return false;
  const pid_t there = atomic_load(&pool.process);
  if (there != here) {
    if (there != 0) forget_workers();
    atomic_store(&pool.process, here);
  }
  return true;
}

/* Starts workers as far as they are wanted, useful and to be had; returns how many may help. */
static int workers_for(int32_t threads) {
  int wanted = threads - 1 < MAX_WORKERS ? threads - 1 : MAX_WORKERS;
  if (pool.workers < wanted) {
    const int useful = cpus() - 1;
    while (pool.workers < wanted && pool.workers < useful && start_worker(pool.workers)) ++pool.workers;
  }
  return pool.workers < wanted ? pool.workers : wanted;
}

void facesdk_pool_acquire(void) { atomic_fetch_add(&pool.users, 1); }

void facesdk_pool_release(void) {
  if (atomic_fetch_sub(&pool.users, 1) > 1 || atomic_load(&pool.process) != getpid()) return;
  while (!enter()) sched_yield();
  if (atomic_load(&pool.users) == 0) { /* still */
    atomic_store(&pool.stop, true);
    wake_all();
    for (int i = 0; i < pool.workers; ++i) pthread_join(pool.threads[i], NULL);
    pool.workers = 0;
    atomic_store(&pool.stop, false);
  }
  atomic_store(&pool.busy, 0);
}

void facesdk_pool_run(void (*run)(void *context, size_t first, size_t end), void *context, size_t count,
                      int32_t threads) {
  if (threads < 2 || count < 2 || !enter()) {
    run(context, 0, count);
    return;
  }
  if (atomic_load(&pool.users) == 0) { /* asked only now, since who releases the pool last waits for it to end the workers */
    atomic_store(&pool.busy, 0);
    run(context, 0, count);
    return;
  }
  const int helpers = workers_for(threads);
  const size_t most = (size_t)(helpers + 1) * CHUNKS_PER_THREAD;
  pool.run = run;
  pool.context = context;
  pool.count = count;
  pool.chunks = (uint32_t)(helpers == 0 ? 1 : count < most ? count : most);
  atomic_store(&pool.finished, 0);
  atomic_store(&pool.helpers, helpers);
  const unsigned job = (atomic_load(&pool.state) >> CHUNK_BITS) + 1;
  atomic_store(&pool.state, job << CHUNK_BITS | pool.chunks);
  if (helpers > 0 && atomic_load(&pool.sleeping) > 0) wake_all();
  take_part(-1);
  for (int spin = 0; atomic_load(&pool.finished) < pool.chunks; ++spin) {
    if (spin < SPINS) {
      pause_briefly();
    } else {
      sched_yield();
    }
  }
  atomic_store(&pool.busy, 0);
}

typedef struct grid {
  void (*run)(void *context, size_t row, size_t first, size_t end);
  void *context;
  size_t columns;
} grid;

static void run_cells(void *context, size_t first, size_t end) {
  const grid *g = context;
  while (first < end) {
    const size_t row = first / g->columns, start = row * g->columns;
    const size_t stop = start + g->columns < end ? start + g->columns : end;
    g->run(g->context, row, first - start, stop - start);
    first = stop;
  }
}

void facesdk_pool_run_rows(void (*run)(void *context, size_t row, size_t first, size_t end), void *context, size_t rows,
                           size_t columns, int32_t threads) {
  grid g = {run, context, columns};
  facesdk_pool_run(run_cells, &g, rows * columns, threads);
}

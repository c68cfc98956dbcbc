// Threads: run(task, data, n) calls task(data, part, n) for every part at the same time; run_together lets the parts
// wait for each other, so it may take fewer and says how many in task's last argument.
// The tensor library's own OpenMP team does the work where the process has one: its threads spin for a while after
// every product, and a second team would only fight them for the cores. Else a pool of our own, made on first use
// and again after a fork.
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <unistd.h>
#if defined(__x86_64__) || defined(__i386__)
#define REST __builtin_ia32_pause()
#else
#define REST __asm__ volatile("" ::: "memory")
#endif

typedef void (*Task)(void* data, int part, int parts);
enum { MOST = 256, SPINS = 2000 };
struct Pool {
  pthread_mutex_t lock, turn;
  pthread_cond_t wake;
  pid_t owner;
  int threads;
  Task task;
  void* data;
  int wanted;
  int64_t round;
  int64_t done;
};
static Pool pool = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, 0, 0, 0, 0, 0};

static void* work(void* number) {
  const int index = (int)(intptr_t)number;
  int64_t seen = 0;
  pthread_mutex_lock(&pool.lock);
  seen = pool.round - 1;  // the lock was held from this thread's making to its first round
  pthread_mutex_unlock(&pool.lock);
  for (;;) {
    for (int spin = 0; spin < SPINS && __atomic_load_n(&pool.round, __ATOMIC_ACQUIRE) == seen; spin++) REST;
    pthread_mutex_lock(&pool.lock);
    while (pool.round == seen) pthread_cond_wait(&pool.wake, &pool.lock);
    seen = pool.round;
    const bool mine = index < pool.wanted;
    const Task task = pool.task;
    void* data = pool.data;
    pthread_mutex_unlock(&pool.lock);
    if (mine) {
      task(data, index, pool.wanted);
      __atomic_add_fetch(&pool.done, 1, __ATOMIC_RELEASE);
    }
  }
  return 0;
}

typedef void (*Parallel)(void (*body)(void*), void* data, unsigned threads, unsigned flags);
static Parallel parallel = 0;
static int (*number_of_thread)() = 0;
static int (*threads_in_team)() = 0;
struct Job {
  Task task;
  void* data;
  int parts;
  bool together;
};

extern "C" void use_team(Parallel start, int (*number)(), int (*count)()) {
  parallel = start, number_of_thread = number, threads_in_team = count;
}

static void in_team(void* data) {
  const Job& job = *(const Job*)data;
  const int mine = number_of_thread(), team = threads_in_team();
  if (job.together) job.task(job.data, mine, team);
  else
    for (int part = mine; part < job.parts; part += team) job.task(job.data, part, job.parts);
}

static void in_pool(Task task, void* data, int n, bool together) {
  if (pool.owner != getpid()) {
    const Pool fresh = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, getpid(), 0, 0, 0, 0, 0, 0};
    pool = fresh;
  }
  pthread_mutex_lock(&pool.turn);
  pthread_mutex_lock(&pool.lock);
  while (pool.threads < n - 1) {
    pthread_t thread;
    if (pthread_create(&thread, 0, work, (void*)(intptr_t)(pool.threads + 1)) != 0) break;
    pthread_detach(thread);
    pool.threads++;
  }
  const int helpers = pool.threads < n - 1 ? pool.threads : n - 1;
  if (together) n = helpers + 1;
  pool.task = task;
  pool.data = data;
  pool.wanted = n;
  pool.done = 0;
  __atomic_add_fetch(&pool.round, 1, __ATOMIC_RELEASE);
  pthread_cond_broadcast(&pool.wake);
  pthread_mutex_unlock(&pool.lock);
  task(data, 0, n);
  for (int index = helpers + 1; index < n; index++) task(data, index, n);
  for (int64_t spin = 0; __atomic_load_n(&pool.done, __ATOMIC_ACQUIRE) < helpers; spin++) {
    if (spin < SPINS) REST;
    else sched_yield();
  }
  pthread_mutex_unlock(&pool.turn);
}

static void run_job(Task task, void* data, int n, bool together) {
  if (n > MOST) n = MOST;
  if (n <= 1) {
    task(data, 0, 1);
  } else if (parallel) {
    Job job = {task, data, n, together};
    parallel(in_team, &job, (unsigned)n, 0);
  } else {
    in_pool(task, data, n, together);
  }
}
extern "C" void run(Task task, void* data, int n) { run_job(task, data, n, false); }
extern "C" void run_together(Task task, void* data, int n) { run_job(task, data, n, true); }

// A few threads that wait for work: run(task, data, n) calls task(data, 0) .. task(data, n - 1) at the same time.
// One pool per process, made on first use and again after a fork.
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <unistd.h>
#if defined(__x86_64__) || defined(__i386__)
#define REST __builtin_ia32_pause()
#else
#define REST __asm__ volatile("" ::: "memory")
#endif

typedef void (*Task)(void* data, int index);
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
  seen = pool.round - (index < pool.wanted ? 1 : 0);
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
      task(data, index);
      __atomic_add_fetch(&pool.done, 1, __ATOMIC_RELEASE);
    }
  }
  return 0;
}

extern "C" void run(Task task, void* data, int n) {
  if (n <= 1) {
    task(data, 0);
    return;
  }
  if (n > MOST) n = MOST;
  if (pool.owner != getpid()) {
    const Pool fresh = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, getpid(), 0, 0, 0, 0, 0, 0};
    pool = fresh;
  }
  pthread_mutex_lock(&pool.turn);
  pthread_mutex_lock(&pool.lock);
  pool.task = task;
  pool.data = data;
  pool.wanted = n;
  pool.done = 0;
  __atomic_add_fetch(&pool.round, 1, __ATOMIC_RELEASE);
  while (pool.threads < n - 1) {
    pthread_t thread;
    if (pthread_create(&thread, 0, work, (void*)(intptr_t)(pool.threads + 1)) != 0) break;
    pthread_detach(thread);
    pool.threads++;
  }
  const int helpers = pool.threads < n - 1 ? pool.threads : n - 1;
  pthread_cond_broadcast(&pool.wake);
  pthread_mutex_unlock(&pool.lock);
  task(data, 0);
  for (int index = helpers + 1; index < n; index++) task(data, index);
  for (int64_t spin = 0; __atomic_load_n(&pool.done, __ATOMIC_ACQUIRE) < helpers; spin++) {
    if (spin < SPINS) REST;
    else sched_yield();
  }
  pthread_mutex_unlock(&pool.turn);
}

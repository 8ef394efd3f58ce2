#include "ramp/core/backend/threads.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "ramp/core/error.h"

#include <pthread.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace ramp {

namespace {

thread_local bool in_pool = false;  // this thread is working on a job of the pool

/// `epoch_` is odd while a job is open. Workers enter a job only while it is odd, and the owner waits only for the
/// workers that entered, so a sleeping or descheduled worker never delays it.
class Pool {
 public:
  /// If the system grants no more threads, or has no memory for them, the pool has fewer; those share the same work.
  explicit Pool(int workers) {
    threads_.reserve(static_cast<size_t>(workers));
    try {
      for (int i = 0; i < workers; ++i) threads_.emplace_back([this] { serve(); });
    } catch (const std::exception&) {  // std::system_error, or std::bad_alloc
    }
  }
  ~Pool() {
    stop_ = true;
    epoch_.fetch_add(2);
    epoch_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  /// Once every thread has left the job, rethrows the first exception that the work threw on any thread: `context`
  /// belongs to the caller and must outlive the job.
  void run(void (*work)(const void*), const void* context) {
    work_ = work, context_ = context;
    epoch_.fetch_add(1);
    epoch_.notify_all();
    attempt();
    // The job is closed: a worker that enters from here on sees that and leaves without touching it.
    epoch_.fetch_add(1);
    for (int since = 0, inside; (inside = inside_.load()) > 0;)
      if (!detail::spin(since)) inside_.wait(inside);
    if (failed_.exchange(false)) std::rethrow_exception(std::exchange(error_, nullptr));
  }

 private:
  void attempt() noexcept {
    try {
      work_(context_);
    } catch (...) {
      if (!failed_.exchange(true)) error_ = std::current_exception();
    }
  }

  void serve() {
    in_pool = true;
    for (unsigned seen = 0; !stop_;) {
      unsigned now = epoch_.load();
      for (int since = 0; now == seen || now % 2 == 0; now = epoch_.load()) {
        if (stop_) return;
        seen = now;
        if (!detail::spin(since)) epoch_.wait(now), since = 0;
      }
      inside_.fetch_add(1);
      if (epoch_.load() == now) attempt();
      seen = now;
      if (inside_.fetch_sub(1) == 1) inside_.notify_all();
    }
  }

  std::vector<std::thread> threads_;
  std::atomic<bool> stop_{false};
  std::atomic<unsigned> epoch_{0};
  std::atomic<int> inside_{0};
  void (*work_)(const void*) = nullptr;
  const void* context_ = nullptr;
  std::atomic<bool> failed_{false};
  std::exception_ptr error_;  // of the first thread that failed; read when all have left
};

constexpr int most_threads = 1024;

int default_threads() {
  if (const char* wanted = std::getenv("OMP_NUM_THREADS"))
    if (const int n = std::atoi(wanted); n > 0) return std::min(n, most_threads);
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

std::atomic<int> threads{0};  // 0: not determined yet
std::mutex taken;             // held by the thread whose job runs
Pool* pool = nullptr;         // never destroyed at exit, when other threads may still compute; guarded by `taken`
int pool_threads = 1;

/// A child process of fork() has only the thread that forked. It finds no open job and makes a pool of its own.
void survive_fork() {
  [[maybe_unused]] static const int registered = pthread_atfork(
      [] {
        if (!in_pool) taken.lock();
      },
      [] {
        if (!in_pool) taken.unlock();
      },
      [] {
        if (!in_pool) taken.unlock();
        pool = nullptr;  // its threads do not exist here, so it cannot be destroyed
        pool_threads = 1;
      });
}

}  // namespace

void set_num_threads(int n) {
  if (n < 1 || n > most_threads) fail("set_num_threads", "expected 1 to ", most_threads, ", got ", n);
  threads = n;
}

int num_threads() {
  int n = threads.load(std::memory_order_relaxed);
  if (n == 0) threads = n = default_threads();
  return n;
}

bool detail::spin(int& since) {
  constexpr int pauses = 1000;  // about 10 to 50 microseconds: longer than most pauses between two loops of a step
#if defined(__x86_64__)
  _mm_pause();
#endif
  return ++since < pauses;
}

void detail::run_on_pool(void (*work)(const void*), const void* context) {
  const int wanted = num_threads();
  std::unique_lock lock(taken, std::defer_lock);
  if (in_pool || wanted == 1 || !lock.try_lock()) return work(context);
  if (pool_threads != wanted) {
    survive_fork();
    delete std::exchange(pool, nullptr);
    pool_threads = 1;  // in case making the new pool throws
    pool = new Pool(wanted - 1);
    pool_threads = wanted;
  }
  struct Working {
    Working() { in_pool = true; }
    ~Working() { in_pool = false; }
  };
  const Working guard;
  pool->run(work, context);
}

}  // namespace ramp

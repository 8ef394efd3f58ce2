#include "ramp/core/threads.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "ramp/core/error.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace ramp {

namespace {

thread_local bool in_pool = false;  // this thread works on a job of the pool already

/// A job is open between two changes of `epoch_`, from even to odd and back. A thread that finds it open enters, and the
/// owner waits for those inside alone: one that sleeps, or that the system does not let run, delays nobody.
class Pool {
 public:
  /// Fewer threads where the system gives no more: they share out the same pieces.
  explicit Pool(int workers) {
    threads_.reserve(static_cast<size_t>(workers));
    try {
      for (int i = 0; i < workers; ++i) threads_.emplace_back([this] { serve(); });
    } catch (const std::system_error&) {
    }
  }
  ~Pool() {
    stop_ = true;
    epoch_.fetch_add(2);
    epoch_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  void run(void (*work)(const void*), const void* context) {
    work_ = work, context_ = context;
    epoch_.fetch_add(1);
    epoch_.notify_all();
    work(context);
    // Closed: who adds itself from here on sees that and leaves again without having touched the job.
    epoch_.fetch_add(1);
    for (int since = 0, inside; (inside = inside_.load()) > 0;)
      if (!detail::spin(since)) inside_.wait(inside);
  }

 private:
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
      if (epoch_.load() == now) work_(context_);
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
};

constexpr int most_threads = 1024;

int default_threads() {
  if (const char* wanted = std::getenv("OMP_NUM_THREADS"))
    if (const int n = std::atoi(wanted); n > 0) return std::min(n, most_threads);
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

std::atomic<int> threads{0};  // 0: not asked yet
std::mutex taken;             // by the thread whose job it is
Pool* pool = nullptr;         // never destroyed at exit, when other threads may still compute; guarded by `taken`
int pool_threads = 1;

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
  constexpr int pauses = 1000;  // some 10 to 50 microseconds: longer than most pauses between two loops of a step
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
    delete std::exchange(pool, nullptr);
    pool_threads = 1;  // should making the new one throw
    pool = new Pool(wanted - 1);
    pool_threads = wanted;
  }
  in_pool = true;
  pool->run(work, context);
  in_pool = false;
}

}  // namespace ramp

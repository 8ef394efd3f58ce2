#pragma once
// Prefetching: while the caller uses one result, a thread makes the next.

#include <unistd.h>

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "ramp/core/error.h"

namespace ramp::data {

/// Calls make(0), make(1), .., make(count - 1) on a thread of its own and returns the results in order. The thread is
/// never more than one result ahead of next(). It ends with this object, after the call of `make` that is running.
/// Throws std::system_error if no thread can be started.
template <class T>
class Prefetch {
 public:
  Prefetch(int64_t count, std::function<T(int64_t)> make) : left_(count) { work_->begin(count, std::move(make)); }
  /// In a fork of the process the thread does not exist, so it cannot be joined, and the copies of the mutex and
  /// condition variable cannot be destroyed: they are leaked.
  ~Prefetch() {
    if (forked()) static_cast<void>(work_.release());
  }
  Prefetch(const Prefetch&) = delete;
  Prefetch& operator=(const Prefetch&) = delete;

  /// How many results are left.
  int64_t left() const { return left_; }

  /// Returns the next result, after waiting for it if necessary. Throws what `make` threw, in every call from then on,
  /// and Error when no result is left or the process is a fork.
  T next() {
    if (left_ == 0) fail("prefetch", "expected another call of next() while any are left, got one after the last");
    if (forked()) fail("loader", "expected the process that began the pass, got a fork of it; begin another pass");
    T result = work_->take();
    --left_;
    return result;
  }

 private:
  /// The state that the two threads share.
  struct Work {
    void begin(int64_t count, std::function<T(int64_t)> make) {
      worker =
          std::jthread([this, count, make = std::move(make)](const std::stop_token& stop) { run(stop, count, make); });
    }
    void run(const std::stop_token& stop, int64_t count, const std::function<T(int64_t)>& make) {
      try {
        for (int64_t k = 0; k < count; ++k) {
          {
            std::unique_lock lock(mutex);
            if (!changed.wait(lock, stop, [this] { return !made; })) return;
          }
          T result = make(k);
          const std::lock_guard lock(mutex);
          made = std::move(result);
          changed.notify_one();
        }
      } catch (...) {
        const std::lock_guard lock(mutex);
        error = std::current_exception();
        changed.notify_one();
      }
    }
    T take() {
      std::unique_lock lock(mutex);
      changed.wait(lock, [this] { return made || error; });
      if (!made) std::rethrow_exception(error);
      T result = std::move(*made);
      made.reset();
      lock.unlock();
      changed.notify_one();
      return result;
    }

    std::mutex mutex;
    std::condition_variable_any changed;
    std::optional<T> made;     // from the worker, for take()
    std::exception_ptr error;  // the exception that ended the worker
    std::jthread worker;       // last, so that it is joined before the others are destroyed
  };

  bool forked() const { return getpid() != process_; }

  int64_t left_;
  pid_t process_ = getpid();
  std::unique_ptr<Work> work_ = std::make_unique<Work>();
};

}  // namespace ramp::data

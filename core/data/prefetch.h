#pragma once
// One thing made ahead: while the caller uses one, a thread makes the next.

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "ramp/core/error.h"

namespace ramp::data {

/// Calls make(0), make(1), .., make(count - 1) on a thread of its own and hands the results out in order. The thread is
/// never more than one ahead of next(), and ends with the object, after the call of `make` that it is in.
template <class T>
class Prefetch {
 public:
  Prefetch(int64_t count, std::function<T(int64_t)> make)
      : left_(count), make_(std::move(make)), worker_([this, count](std::stop_token stop) { run(stop, count); }) {}
  Prefetch(const Prefetch&) = delete;
  Prefetch& operator=(const Prefetch&) = delete;

  /// How many there still are.
  int64_t left() const { return left_; }

  /// The next one, waited for if need be. Throws what `make` threw, again and again, and Error when none is left.
  T next() {
    if (left_ == 0) fail("prefetch", "expected another call of next() while any are left, got one after the last");
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return made_ || error_; });
    if (!made_) std::rethrow_exception(error_);
    --left_;
    T result = std::move(*made_);
    made_.reset();
    lock.unlock();
    changed_.notify_one();
    return result;
  }

 private:
  void run(std::stop_token stop, int64_t count) {
    try {
      for (int64_t k = 0; k < count; ++k) {
        {
          std::unique_lock lock(mutex_);
          if (!changed_.wait(lock, stop, [this] { return !made_; })) return;
        }
        T result = make_(k);
        std::lock_guard lock(mutex_);
        made_ = std::move(result);
        changed_.notify_one();
      }
    } catch (...) {
      std::lock_guard lock(mutex_);
      error_ = std::current_exception();
      changed_.notify_one();
    }
  }

  int64_t left_;
  std::function<T(int64_t)> make_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::optional<T> made_;     // by the worker, for next() to take
  std::exception_ptr error_;  // what ended the worker
  std::jthread worker_;       // last, so that it starts after the others exist and ends before they go
};

}  // namespace ramp::data

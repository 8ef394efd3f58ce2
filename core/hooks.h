#pragma once
// What the code that runs in a step tells whoever captures that step: all that the lower rooms know of capturing
// (capture/).

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "ramp/core/text.h"

namespace ramp {

class Array;
class Generator;
struct RandomKey;
class Tensor;
struct TensorImpl;

/// Hears of every piece of host state that a step reads while it is captured, since replays run no host code.
class CaptureListener {
 public:
  /// A tensor is read. Its memory is held, for the graph's kernels have its address.
  virtual void see(const std::shared_ptr<TensorImpl>& tensor) = 0;
  /// The same for arrays that are read without a tensor.
  virtual void hold(const Array& x) = 0;
  /// What an optimizer keeps of these parameters, Storage::rounded(), is read: it must be true when a replay begins.
  virtual void rely_on_rounded(const Array& parameters) = 0;
  /// A generator hands out a key.
  virtual void draw(Generator& generator, RandomKey key) = 0;
  /// A flag decides what is done.
  virtual void depend(const std::shared_ptr<const bool>& flag) = 0;
  /// Something else does: replays are refused while same() is false, and forever after `owner` is gone.
  virtual void depend(const std::weak_ptr<const void>& owner, std::function<bool()> same) = 0;
  /// As depend(), for what never becomes again what it was: once same() is false, replays are refused forever. Once for
  /// an owner.
  virtual void depend_forever(const std::weak_ptr<const void>& owner, std::function<bool()> same) = 0;
  /// A variable that holds a tensor is read, and would lead to another tensor if one were assigned to it.
  virtual void depend_on_variable(const std::shared_ptr<const Tensor>& variable) = 0;
  /// Host code changed something that restore() puts back if what was recorded throws.
  virtual void when_undone(std::function<void()> restore) = 0;
  /// The step cannot be captured, or not yet: what was recorded so far runs, and the rest of the step runs eagerly, so
  /// that this call is one step as well. `reason` is an Error's message; empty where a warm-up step more is all that is
  /// needed, and where the step throws.
  virtual void stop(std::string reason) = 0;
  /// The innermost layer that stop() was called in.
  virtual void stopped_in(const std::string& layer) = 0;

  /// The captured step's own number, never 0.
  uint64_t number() const { return number_; }

 protected:
  explicit CaptureListener(uint64_t number) : number_(number) {}
  ~CaptureListener() = default;
  CaptureListener(CaptureListener&&) = default;
  CaptureListener& operator=(CaptureListener&&) = default;

 private:
  uint64_t number_;
};

/// The listener of the step that this thread captures, or null.
inline constinit thread_local CaptureListener* capture_listener = nullptr;
inline CaptureListener* capturing() { return capture_listener; }

/// Has the step that this thread captures, if there is one, run eagerly from here on: `[op] parts...` says why it
/// cannot be captured.
template <class... Parts>
void stop_capture(const char* op, const Parts&... parts) {
  if (CaptureListener* listener = capturing()) listener->stop(text_of('[', op, "] ", parts...));
}

/// A member that tells in which captured step its object was made. A copy is made where it is copied.
class CaptureId {
 public:
  CaptureId() = default;
  CaptureId(const CaptureId&) {}
  CaptureId& operator=(const CaptureId&) { return *this; }

  /// The number of the captured step, 0 for none.
  uint64_t number() const { return number_; }
  /// The number of the step that this thread captures, 0 for none.
  static uint64_t current() { return capture_listener ? capture_listener->number() : 0; }

 private:
  uint64_t number_ = current();
};

}  // namespace ramp

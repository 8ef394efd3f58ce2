#pragma once
// How the code that runs in a step reports to the capture of that step (capture/), if there is one.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "ramp/core/text.h"

namespace ramp {

class Array;
class Generator;
class LoopRecorder;
struct RandomKey;
class Tensor;
struct TensorImpl;

/// Is told of every piece of host state that a step reads while it is captured, because replays run no host code.
class CaptureListener {
 public:
  /// A tensor is read. The listener keeps its memory alive, since the graph's kernels hold its address.
  virtual void see(const std::shared_ptr<TensorImpl>& tensor) = 0;
  /// An array is used without a tensor. The listener keeps its memory alive.
  virtual void hold(const Array& x) = 0;
  /// The bfloat16 copy of these parameters is read (Storage::bfloat16_copy). It must be up to date when a replay
  /// begins.
  virtual void rely_on_bfloat16_copy(const Array& parameters) = 0;
  /// The program asks for the address of an array's numbers with data(). Replays would not run a loop of its own over
  /// them.
  virtual void use_data(const Array& x) = 0;
  /// A generator hands out a key.
  virtual void draw(Generator& generator, RandomKey key) = 0;
  /// The step depends on a flag.
  virtual void depend(const std::shared_ptr<const bool>& flag) = 0;
  /// The step depends on other state. Replays are refused while same() is false, and forever once `owner` is gone.
  virtual void depend(const std::weak_ptr<const void>& owner, std::function<bool()> same) = 0;
  /// Like depend(), for changes that cannot be undone: once same() is false, replays are refused forever. Later calls
  /// for the same owner have no effect.
  virtual void depend_forever(const std::weak_ptr<const void>& owner, std::function<bool()> same) = 0;
  /// The step reads a variable that holds a tensor. Once another tensor is assigned to it, replays are refused forever.
  virtual void depend_on_variable(const std::shared_ptr<const Tensor>& variable) = 0;
  /// The step changes host state. restore() puts it back if what was recorded throws when it runs.
  virtual void when_undone(std::function<void()> restore) = 0;
  /// The step cannot be captured, or not yet. What was recorded so far runs, and the rest of the step runs eagerly, so
  /// that the call is still one step. `reason` is the message of an Error; it is empty if one more warm-up step is
  /// enough, or if the step throws.
  virtual void stop(std::string reason) = 0;
  /// stop() was called in this layer. Of several calls the first, which names the innermost layer, counts.
  virtual void stopped_in(const std::string& layer) = 0;

  /// The captured step's own number, never 0.
  uint64_t number() const { return number_; }
  /// Records the loops of parallel_for() instead of running them; null if they run at once.
  LoopRecorder* loops() const { return loops_; }

 protected:
  CaptureListener(uint64_t number, LoopRecorder* loops) : number_(number), loops_(loops) {}
  ~CaptureListener() = default;

 private:
  uint64_t number_;
  LoopRecorder* loops_;
};

/// What this thread has to do with captured steps.
struct CaptureState {
  bool in_step = false;                 // it runs a captured step: another one that is called inside is a part of it
  CaptureListener* listener = nullptr;  // of the outer step, while that is being captured
};
inline constinit thread_local CaptureState capture_state;

/// The listener of the step that this thread captures, or null.
inline CaptureListener* capturing() { return capture_state.listener; }

/// While one lives, this thread is inside the call of a captured step. If there is a listener, it captures the step.
class CaptureScope {
 public:
  explicit CaptureScope(CaptureListener* listener = nullptr) { capture_state = {true, listener}; }
  ~CaptureScope() { capture_state = before_; }
  CaptureScope(const CaptureScope&) = delete;
  CaptureScope& operator=(const CaptureScope&) = delete;

 private:
  const CaptureState before_ = capture_state;
};

/// If this thread captures a step, makes the rest of that step run eagerly. `[op] parts...` says why it cannot be
/// captured.
template <class... Parts>
void stop_capture(const char* op, const Parts&... parts) {
  if (CaptureListener* listener = capturing()) listener->stop(text_of('[', op, "] ", parts...));
}

/// The captured step in which its owner was made. A copy belongs to the step that copies.
class CaptureId {
 public:
  CaptureId() = default;
  CaptureId(const CaptureId&) {}
  CaptureId& operator=(const CaptureId&) { return *this; }

  /// The number of the captured step, 0 for none.
  uint64_t number() const { return number_; }
  /// The number of the step that this thread captures, 0 for none.
  static uint64_t current() { return capturing() ? capturing()->number() : 0; }

 private:
  uint64_t number_ = current();
};

}  // namespace ramp

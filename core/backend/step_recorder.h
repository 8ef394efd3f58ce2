#pragma once
// What capture/ asks of a backend: something that records a training step and replays it.

#include <functional>
#include <span>
#include <vector>

#include "ramp/core/array/array.h"
#include "ramp/core/random/key.h"

namespace ramp {

class LoopRecorder;

/// Records one step. The calls come in this order: take() and warm_up() in each warm-up step, take() and capture()
/// once, then take() and launch() in each replay.
class StepRecorder {
 public:
  StepRecorder() = default;
  virtual ~StepRecorder() = default;
  StepRecorder(const StepRecorder&) = delete;
  StepRecorder& operator=(const StepRecorder&) = delete;

  /// Passes an input to the step, which reads it in `to`. Returns true if the caller must copy `from` to `to` now, and
  /// false if the replay reads `from` in place.
  virtual bool take(const Array& from, const Array& to) = 0;
  /// Runs the step eagerly.
  virtual void warm_up(const std::function<void()>& step) = 0;
  /// Records what the step does, without doing it. Throws what the step throws.
  virtual void capture(const std::function<void()>& step) = 0;
  /// Called inside capture() by a step that cannot be captured: runs what was recorded, and lets the rest of the step
  /// run eagerly.
  virtual void stop() = 0;
  /// The keys that the recorded step drew random numbers with, in the order of its kernels.
  virtual const std::vector<RandomKey>& drawn() const = 0;
  /// Does what was recorded, drawing with these keys, as many as drawn(). Throws what a kernel finds wrong.
  virtual void launch(std::span<const RandomKey> keys) = 0;
  /// What records the loops of parallel_for() in capture(); null if they run at once even there.
  virtual LoopRecorder* loops() { return nullptr; }
};

}  // namespace ramp

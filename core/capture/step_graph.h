#pragma once
// One recorded step, from its warm-up to its replays.

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ramp/core/backend/precision.h"
#include "ramp/core/backend/step_recorder.h"
#include "ramp/core/capture/capture.h"
#include "ramp/core/capture/trace.h"

namespace ramp {

/// One entry of a StepCache (capture.h): warm-up steps, then a capture, then replays.
class StepGraph {
 public:
  /// Without a recorder the step cannot be captured, and there will be no graph. `wasted` is the number of graphs for
  /// such inputs that were dropped in a row without a replay.
  StepGraph(std::span<const Tensor> inputs, std::unique_ptr<StepRecorder> recorder, int wasted);

  /// Whether it is for inputs of these shapes and dtypes on this device, and for the present precision, default device
  /// and gradient mode.
  bool fits(std::span<const Tensor> inputs) const;
  bool eager() const { return !recorder_; }
  bool captured() const { return trace_ != nullptr; }
  /// Trace::same_objects() and Trace::same_state() of a captured step. A replay needs both.
  bool same_objects() const { return trace_->same_objects(); }
  bool same_state() const { return trace_->same_state(); }
  int warmed_up() const { return warmed_up_; }
  /// `wasted` for the graph that takes the place of this one, which is out of date.
  int wasted_with_this() const { return replays_ == 0 ? wasted_ + 1 : 0; }

  /// Passes the inputs of a call. Must come before each of the functions below.
  void take(std::span<const Tensor> inputs);
  Tensor warm_up(const CapturedStep& step);
  /// Captures the step and runs it. If it cannot be captured, captured() stays false and `why` says why; it is empty
  /// where another warm-up may help.
  Tensor capture(const CapturedStep& step, std::string& why);
  Tensor replay();
  /// A replay, then the step itself from the same state. Throws Error where the two differ.
  Tensor verify(std::span<const Tensor> inputs, const CapturedStep& step);

 private:
  Array run(const CapturedStep& step) const;

  // What the graph is for, beside what its trace holds.
  struct Input {
    Shape shape;
    DType dtype;
  };
  std::vector<Input> kinds_;
  Device device_, default_device_;
  Precision precision_;
  bool records_gradients_;

  std::unique_ptr<StepRecorder> recorder_;  // the members below hold memory of it
  std::vector<Tensor> inputs_;              // where it reads them
  std::unique_ptr<Trace> trace_;            // once captured
  Array result_;
  std::vector<RandomKey> keys_;
  UncountedTensor returned_[2];  // by the last replays: of `loss = step(x, y)` one is still held when the next is made
  int warmed_up_ = 0, replays_ = 0, wasted_;
};

}  // namespace ramp

#pragma once
// What the classes of this room share: the step, how to capture it, and what came of that.

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "ramp/core/autograd/tensor.h"

namespace ramp {

/// A step as a function of its inputs.
using CapturedStep = std::function<Tensor(std::span<const Tensor>)>;

struct CaptureOptions {
  int warmup = 3;  ///< steps that run eagerly before one is captured, for each kind of input; at least 1
  /// Also runs the step itself after each replay, from the same state, and throws Error when the results, or anything
  /// that the step changes, differ by more than rounding. For debugging; the eager results are the ones that stay.
  bool verify = false;
};

struct CaptureReport {
  int64_t graphs = 0;        ///< captured so far
  std::string eager_reason;  ///< why a kind of step runs eagerly; empty when none does
};

}  // namespace ramp

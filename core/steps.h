#pragma once
// The options of the two fused kernels. Plain numbers, so that every backend's kernels can read them.

namespace ramp {

/// One SGD update; the formula is in optim/sgd.h.
struct SgdStep {
  const double* learning_rate;  ///< in the parameters' memory, so that a captured step reads the present one
  double momentum, dampening, weight_decay;
  bool nesterov;
  bool first;  ///< the velocity is not yet set
};

}  // namespace ramp

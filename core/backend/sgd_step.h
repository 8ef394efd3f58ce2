#pragma once
// The numbers of an SGD update. Nothing else is here, since the kernels of every instruction set include it: an inline
// function that they shared with the rest of the library could run on a processor that lacks its instructions.

namespace ramp {

/// One SGD update. The formula is in optim/sgd.h, its arithmetic in cpu/kernels.cpp and cuda/training.cu.
struct SgdStep {
  const double* learning_rate;  ///< in the parameters' memory, so that a captured step reads the present one
  double momentum, dampening, weight_decay;
  bool nesterov;
  bool first;  ///< the velocity is not yet set
};

}  // namespace ramp

#pragma once
// The library's optimizers. What they compute, and their options, stands with their rules in core/formulas/updates.h.

#include "ramp/optim/optimizer.h"

namespace ramp::optim {

/// Stochastic gradient descent, with momentum if asked for: optim::SGD(parameters, {.learning_rate = 0.1}).
using SGD = OptimizerOf<formula::SGD>;
using SGDOptions = formula::SGD;
/// Adam: optim::Adam(parameters, {.learning_rate = 1e-3}).
using Adam = OptimizerOf<formula::Adam>;
using AdamOptions = formula::Adam;
/// Adam with decoupled weight decay.
using AdamW = OptimizerOf<formula::AdamW>;
using AdamWOptions = formula::AdamW;

}  // namespace ramp::optim

#pragma once
// What layers hand to optimizers.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ramp/core/tensor.h"

namespace ramp {

/// A trainable tensor, its name in the model ("2.weight"), and whether weight decay may pull at it.
struct Parameter {
  Parameter(Tensor tensor) : tensor(std::move(tensor)) {}  // NOLINT: a tensor is a parameter without a name
  Parameter(std::string name, Tensor tensor, bool decay)
      : name(std::move(name)), tensor(std::move(tensor)), decay(decay) {}

  std::string name;
  Tensor tensor;
  bool decay = true;
  std::weak_ptr<const Tensor> variable;  ///< the layer's own variable, to notice an assignment to it; none for others
};

}  // namespace ramp

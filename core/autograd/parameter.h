#pragma once
// The parameters that layers pass to optimizers.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ramp/core/autograd/tensor.h"

namespace ramp {

/// A trainable tensor, its name in the model ("2.weight"), and whether weight decay applies to it.
struct Parameter {
  Parameter(Tensor value) : tensor(std::move(value)) {}  // NOLINT(google-explicit-constructor): a tensor will do
  Parameter(std::string full_name, Tensor value, bool may_decay)
      : name(std::move(full_name)), tensor(std::move(value)), decay(may_decay) {}

  std::string name;
  Tensor tensor;
  bool decay = true;
  std::vector<std::weak_ptr<const Tensor>> variables;  ///< the layers' variables that hold it, to detect assignments
};

}  // namespace ramp

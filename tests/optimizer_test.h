#pragma once
// What the tests of the optimizer share.

#include <vector>

#include "ramp/core/autograd/create.h"
#include "ramp/core/autograd/ops.h"
#include "ramp/optim/optimizers.h"

namespace ramp {

inline Tensor parameter(const std::vector<double>& values, DType dtype = float64) {
  Tensor x = from_vector(values, {static_cast<int64_t>(values.size())}).to(dtype).detach();
  return x.set_requires_grad();
}

/// Gives `x` the gradient `g` by backward, as training does.
inline void give_gradient(const Tensor& x, const std::vector<double>& g) {
  sum(x * from_vector(g, x.shape()).to(x.dtype())).backward();
}

inline std::vector<double> values(const Tensor& x) { return x.to(float64).to_vector<double>(); }

}  // namespace ramp

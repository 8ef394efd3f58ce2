#pragma once

#include <functional>
#include <vector>

#include "ramp/core/autograd/tensor.h"

namespace ramp {

struct GradcheckOptions {
  double step = 1e-5;         ///< of the central difference: h = step max(1, |x|)
  double tolerance = 1e-8;    ///< of |analytic - numeric| / max(1, |analytic|, |numeric|)
  std::vector<double> kinks;  ///< input values near which (within 10 h) elements are skipped
  uint64_t seed = 1;          ///< of the random upstream gradient
};

/// Compares the gradients of backward with differences of the function itself. For a random gradient u of the result,
/// each element x of each input that requires a gradient must satisfy d(u . f)/dx = (u . f(x + h) - u . f(x - h)) / 2h,
/// where the difference is extrapolated to fourth order (Richardson); a second call and backward must add the same
/// gradient again. `f` must return the same for the same inputs and may return any shape. Floating-point inputs must be
/// float64. Throws Error with the element and both numbers where they differ.
void gradcheck(const std::function<Tensor(const std::vector<Tensor>&)>& f, const std::vector<Tensor>& inputs,
               const GradcheckOptions& options = {});

}  // namespace ramp

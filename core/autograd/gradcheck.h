#pragma once

#include <functional>
#include <vector>

#include "ramp/core/autograd/tensor.h"

namespace ramp {

struct GradcheckOptions {
  double step = 1e-5;         ///< of the central difference: h = step max(1, |x|)
  double tolerance = 1e-8;    ///< of |analytic - numeric| / max(1, |analytic|, |numeric|)
  std::vector<double> kinks;  ///< input values near which (within 10 h) an element is left out
  uint64_t seed = 1;          ///< of the random upstream gradient
};

/// Compares backward with the function itself. For a random gradient u of the result, each element x of each input that
/// requires a gradient must satisfy d(u . f)/dx = (u . f(x + h) - u . f(x - h)) / 2h, the difference taken to fourth order
/// (Richardson); the second backward of a repeated call must add the same again. `f` must return the same for the same
/// inputs and may return any shape; inputs are float64. Throws Error with the element and both numbers where they differ.
void gradcheck(const std::function<Tensor(const std::vector<Tensor>&)>& f, const std::vector<Tensor>& inputs,
               const GradcheckOptions& options = {});

}  // namespace ramp

#pragma once

#include "ramp/core/autograd/ops.h"
#include "ramp/layers/layer.h"

namespace ramp {

struct PReLUOptions {
  double start = 0.25;       ///< initial value of every slope
  double slope_at_zero = 1;  ///< the derivative at x = 0
  DType dtype = float32;
};

/// Leaky ReLU with a learned slope for x < 0, one for all elements or one for each channel of x [n, channels], the last
/// axis. Weight decay does not apply to the slopes, as it would pull them towards plain ReLU. As a function: prelu(x,
/// slope). He, Zhang, Ren & Sun 2015.
class PReLU : public Layer {
 public:
  /// Throws Error unless channels is at least 1, or when start is not finite.
  explicit PReLU(int64_t channels = 1, const PReLUOptions& options = {});
  std::string describe() const override;
  /// sqrt(2 / (1 + start^2)).
  std::optional<double> gain() const override;

 private:
  int64_t channels_;
  double start_;
  formula::PReLU formula_;

 public:
  Tensor& slope;  ///< [channels]

 private:
  Tensor forward(const Tensor& x) const override;
};

}  // namespace ramp

#pragma once

#include "ramp/core/autograd/ops.h"
#include "ramp/core/random/random.h"
#include "ramp/layers/layer.h"

namespace ramp {

struct RReLUOptions {
  double lower = 1.0 / 8;
  double upper = 1.0 / 3;
  /// What is drawn between lower and upper: the slope or, as in the paper's experiments with {.lower = 3, .upper = 8},
  /// the number by which x is divided.
  enum Law { slope, divisor } draws = slope;
  double slope_at_zero = 1;  ///< the derivative at x = 0

  /// The slope in evaluation: the mean slope, or 1 over the mean divisor.
  double mean_slope() const { return draws == slope ? (lower + upper) / 2 : 2 / (lower + upper); }
};

/// Leaky ReLU whose slope (or divisor) is drawn uniformly from [lower, upper) for each element in training; in
/// evaluation the slope is mean_slope(). Xu, Wang, Chen & Li 2015; the default range is PyTorch's.
class RReLU : public Layer {
 public:
  /// Throws Error unless 0 <= lower <= upper < 1, or 1 < lower <= upper for divisors. The generator must outlive the
  /// layer.
  explicit RReLU(const RReLUOptions& options = {}, Generator& generator = default_generator());
  RReLU(double lower, double upper, Generator& generator = default_generator());
  const RReLUOptions& options() const { return options_; }
  /// sqrt(2 / (1 + E a^2)) over the slopes a: E a^2 = (l^2 + l u + u^2) / 3, or 1 / (l u) for divisors.
  std::optional<double> gain() const override;
  std::string describe() const override;

 private:
  Tensor forward(const Tensor& x) const override;
  RReLUOptions options_;
  Generator* generator_;
};

/// The layer's training mode as a function; backward uses the slopes that forward drew.
Tensor rrelu(const Tensor& x, const RReLUOptions& options = {}, Generator& generator = default_generator());
Tensor rrelu(const Tensor& x, double lower, double upper, Generator& generator = default_generator());

}  // namespace ramp

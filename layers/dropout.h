#pragma once

#include "ramp/core/random/random.h"
#include "ramp/layers/layer.h"

namespace ramp {

/// In training each element is set to 0 with probability p, else divided by 1 - p (inverted dropout, Srivastava et al.
/// 2014). In evaluation x is returned as it is. 1 - p is rounded to a positive multiple of 2^-24 in float32 and of
/// 2^-53 in float64, so that the mean is preserved for every p.
class Dropout : public Layer {
 public:
  /// Throws Error unless 0 <= p < 1. The generator must outlive the layer.
  explicit Dropout(double p = 0.5, Generator& generator = default_generator());
  std::string describe() const override;

 private:
  Tensor forward(const Tensor& x) override;
  double p_;
  Generator* generator_;
};

/// The layer's training mode as a function.
Tensor dropout(const Tensor& x, double p, Generator& generator = default_generator());

/// [n, ...] -> [n, product of the rest].
class Flatten : public Layer {
 public:
  std::string describe() const override { return "Flatten()"; }

 private:
  Tensor forward(const Tensor& x) override;
};

}  // namespace ramp

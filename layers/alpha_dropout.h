#pragma once

#include "ramp/core/random/random.h"
#include "ramp/layers/layer.h"

namespace ramp {

/// Dropout for SELU networks: in training each element becomes a x + b with probability 1 - p, else a s + b, where
/// s = -lambda alpha is the value at which SELU saturates; a = ((1 - p)(1 + p s^2))^(-1/2) and b = -a p s preserve
/// mean 0 and variance 1. In evaluation x is returned as it is. Klambauer, Unterthiner, Mayr & Hochreiter 2017.
class AlphaDropout : public Layer {
 public:
  /// Throws Error unless 0 <= p < 1. The generator must outlive the layer.
  explicit AlphaDropout(double p = 0.5, Generator& generator = default_generator());
  std::string describe() const override;

 private:
  Tensor forward(const Tensor& x) override;
  double p_;
  Generator* generator_;
};

/// The layer's training mode as a function.
Tensor alpha_dropout(const Tensor& x, double p, Generator& generator = default_generator());

}  // namespace ramp

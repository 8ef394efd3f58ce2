#pragma once

#include "ramp/core/random/random.h"
#include "ramp/layers/layer.h"

namespace ramp {

/// Dropout for networks of SELU: in training each element is a x with probability 1 - p, else a s, and b is added,
/// where s = -lambda alpha is the value that SELU saturates at, and a = ((1 - p)(1 + p s^2))^(-1/2), b = -a p s keep
/// mean 0 and variance 1 as they are. In evaluation nothing happens. Klambauer, Unterthiner, Mayr & Hochreiter 2017.
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

/// The training half of the layer as a function.
Tensor alpha_dropout(const Tensor& x, double p, Generator& generator = default_generator());

}  // namespace ramp

#pragma once
// Dropout and its form for SELU networks; and Flatten.

#include "ramp/core/random/random.h"
#include "ramp/layers/layer.h"

namespace ramp {

/// Each element is set to 0 with probability p, else divided by 1 - p (inverted dropout, Srivastava et al.
/// 2014). 1 - p is rounded to a positive multiple of 2^-24 in float32 and of 2^-53 in float64, so that the mean is
/// preserved for every p. Throws Error unless 0 <= p < 1.
Tensor dropout(const Tensor& x, double p, Generator& generator = default_generator());

/// Dropout for SELU networks: each element becomes a x + b with probability 1 - p, else a s + b, where s = -lambda
/// alpha is the value at which SELU saturates; a = ((1 - p)(1 + p s^2))^(-1/2) and b = -a p s preserve mean 0 and
/// variance 1. Throws Error unless 0 <= p < 1. Klambauer, Unterthiner, Mayr & Hochreiter 2017.
Tensor alpha_dropout(const Tensor& x, double p, Generator& generator = default_generator());

/// Applies one of the functions above in training; in evaluation x is returned as it is.
class AnyDropout : public Layer {
 public:
  std::string describe() const override;

 protected:
  using Function = Tensor (*)(const Tensor& x, double p, Generator& generator);
  AnyDropout(const char* name, Function function, double p, Generator& generator);

 private:
  Tensor forward(const Tensor& x) const final;
  const char* name_;
  Function function_;
  double p_;
  Generator* generator_;
};

/// The layer of dropout().
class Dropout : public AnyDropout {
 public:
  /// Throws Error unless 0 <= p < 1. The generator must outlive the layer.
  explicit Dropout(double p = 0.5, Generator& generator = default_generator())
      : AnyDropout("Dropout", dropout, p, generator) {}
};

/// The layer of alpha_dropout().
class AlphaDropout : public AnyDropout {
 public:
  /// Throws Error unless 0 <= p < 1. The generator must outlive the layer.
  explicit AlphaDropout(double p = 0.5, Generator& generator = default_generator())
      : AnyDropout("AlphaDropout", alpha_dropout, p, generator) {}
};

/// [n, ...] -> [n, product of the rest].
class Flatten : public Layer {
 public:
  std::string describe() const override { return "Flatten()"; }

 private:
  Tensor forward(const Tensor& x) const override;
};

}  // namespace ramp

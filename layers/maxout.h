#pragma once
// Activations that change the width.

#include "ramp/core/autograd/ops.h"
#include "ramp/layers/layer.h"

namespace ramp {

/// Concatenates relu(x) and relu(-x) along the last axis: [n, m] -> [n, 2m]. Shang, Sohn, Almeida & Lee 2016.
class CReLU : public Layer {
 public:
  explicit CReLU(const formula::ReLU& relu = {}) : relu_(relu) {}
  std::string describe() const override { return "CReLU()"; }
  /// sqrt(2): one of relu(x) and relu(-x) is 0, which halves the mean square.
  std::optional<double> gain() const override;

 private:
  Tensor forward(const Tensor& x) const override;
  formula::ReLU relu_;
};

/// The maximum of each k neighbours on the last axis, y[i, j] = max(x[i, jk], .., x[i, jk + k - 1]): [n, m k] -> [n,
/// m]. With a Dense(in, m * k) before it, each output is the maximum of k affine functions. At a tie the gradient goes
/// to the first. Goodfellow, Warde-Farley, Mirza, Courville & Bengio 2013.
class Maxout : public Layer {
 public:
  /// `pieces` is k above. Throws Error unless it is at least 1.
  explicit Maxout(int64_t pieces = 2);
  std::string describe() const override;
  /// 1 / sqrt(E max(z_1, .., z_k)^2), z_i ~ N(0, 1): 1 for k = 1 and 2.
  std::optional<double> gain() const override;

 private:
  Tensor forward(const Tensor& x) const override;
  int64_t pieces_;
};

/// The layers as functions. They throw Error when x is a scalar or `pieces` does not divide the size of the last axis.
Tensor crelu(const Tensor& x, const formula::ReLU& f = {});
Tensor maxout(const Tensor& x, int64_t pieces);

}  // namespace ramp

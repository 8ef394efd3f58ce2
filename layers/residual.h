#pragma once

#include "ramp/core/autograd/ops.h"
#include "ramp/layers/layer.h"

namespace ramp {

/// y = x + inner(x): Residual(Sequential{Dense(64, 64), ReLU(), Dense(64, 64)}). The inner layer keeps the shape of its
/// input; a call throws Error if it does not. A Residual of a Residual needs a Sequential between them. He, Zhang, Ren
/// & Sun 2016.
class Residual : public Layer {
 public:
  /// Takes any layer, or a Sequential of several; its name is "inner".
  template <class L>
  requires std::is_base_of_v<Layer, L>
  explicit Residual(L&& layer) : inner(add("inner", std::forward<L>(layer))) {}
  Layer& inner;

  std::string describe() const override { return "Residual"; }

 private:
  Tensor forward(const Tensor& x) const override {
    const Tensor y = inner(x);
    if (y.shape() != x.shape())
      fail("Residual", "the inner layer must keep the shape ", x.shape(), " of its input, got ", y.shape());
    return x + y;
  }
};

}  // namespace ramp

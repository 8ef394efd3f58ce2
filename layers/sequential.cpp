#include "ramp/layers/sequential.h"

#include "ramp/layers/activations.h"
#include "ramp/layers/dense.h"
#include "ramp/layers/prelu.h"

namespace ramp {
namespace {

/// Runs two layers as one node. Returns an undefined tensor if the pair cannot be fused, or if either layer is
/// observed.
Tensor run_together(const Layer& first, const Layer& second, const Tensor& x) {
  const auto* dense = dynamic_cast<const Dense*>(&first);
  if (!dense || first.observed() || second.observed()) return {};
  const Tensor bias = dense->bias ? *dense->bias : Tensor();
  if (const auto* activation = dynamic_cast<const Activation*>(&second))
    return ramp::dense(x, dense->weight, bias, activation->formula());
  const auto* prelu = dynamic_cast<const PReLU*>(&second);
  if (prelu && (prelu->slope.numel() == 1 || prelu->slope.shape() == Shape{dense->out()}))
    return ramp::dense(x, dense->weight, bias, prelu->formula(), prelu->slope);
  return {};
}

}  // namespace

Tensor Sequential::forward(const Tensor& x) {
  const auto& layers = children();
  Tensor y = x;
  for (size_t i = 0; i < layers.size(); ++i) {
    const Tensor together =
        i + 1 < layers.size() ? run_together(*layers[i].second, *layers[i + 1].second, y) : Tensor();
    if (together.defined()) ++i;
    y = together.defined() ? together : (*layers[i].second)(y);
  }
  return y;
}

}  // namespace ramp

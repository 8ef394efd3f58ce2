#pragma once

#include "ramp/layers/layer.h"

namespace ramp {

/// Layers one after another: Sequential{Dense(784, 256), ReLU(), Dense(256, 10)}. Their names are "0", "1", ... Braces make
/// the layers from left to right, and so the same weights from the same seed with every compiler; parentheses need not. A Dense and the activation right behind it
/// run as one operation.
class Sequential : public Layer {
 public:
  Sequential() = default;
  template <class... Layers>
  requires(sizeof...(Layers) > 0 && (std::is_base_of_v<Layer, Layers> && ...)) explicit Sequential(Layers... layers) {
    (push_back(std::move(layers)), ...);
  }

  /// Appends a layer: how a network of variable depth is built.
  template <class L>
  requires std::is_base_of_v<Layer, L> L& push_back(L&& layer) {
    return add(std::to_string(children().size()), std::move(layer));
  }

  std::string describe() const override { return "Sequential"; }

 private:
  Tensor forward(const Tensor& x) override;
};

}  // namespace ramp

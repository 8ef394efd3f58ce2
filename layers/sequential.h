#pragma once

#include "ramp/layers/layer.h"

namespace ramp {

/// Layers one after another: Sequential{Dense(784, 256), ReLU(), Dense(256, 10)}. Their names are "0", "1", ... Use
/// braces: they construct the layers from left to right, so that a seed gives the same weights with every compiler;
/// parentheses do not guarantee this. A layer is fused with the activation directly after it, where it can be
/// (Layer::epilogue); a Dense can.
class Sequential : public Layer {
 public:
  Sequential() = default;
  template <class... Layers>
  requires(sizeof...(Layers) > 0 && (std::is_base_of_v<Layer, Layers> && ...))
  explicit Sequential(Layers... layers) {
    (push_back(std::move(layers)), ...);
  }

  /// Appends a layer, to build a network of variable depth.
  template <class L>
  requires std::is_base_of_v<Layer, L>
  L& push_back(L&& layer) {
    return add(std::to_string(children().size()), std::move(layer));
  }

  std::string describe() const override { return "Sequential"; }

 private:
  Tensor forward(const Tensor& x) override;
};

}  // namespace ramp

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

  Sequential(Sequential&&) = default;
  /// Lets go of this model's layers, hands out those of `other` instead, and leaves `other` moved away. A captured step
  /// that calls this model is captured again.
  // NOLINTNEXTLINE(performance-noexcept-move-constructor): as in layer.h
  Sequential& operator=(Sequential&&) = default;

  /// Appends a layer, to build a network of variable depth.
  template <class L>
  requires std::is_base_of_v<Layer, L>
  L& push_back(L&& layer) {
    return add(std::to_string(size()), std::move(layer));
  }
  /// Appends a layer of a class that is chosen when the program runs. Throws Error for a null pointer.
  Layer& push_back(std::unique_ptr<Layer> layer) { return add(std::to_string(size()), std::move(layer)); }

  /// How many layers there are.
  int64_t size() const { return static_cast<int64_t>(children().size()); }
  /// Layer i; -1 is the last. Throws Error unless -size() <= i < size().
  Layer& operator[](int64_t i) { return at(i); }
  const Layer& operator[](int64_t i) const { return at(i); }

  std::string describe() const override { return "Sequential"; }

 private:
  Layer& at(int64_t i) const;
  Tensor forward(const Tensor& x) const override;
};

}  // namespace ramp

#pragma once
// The activation layers: ReLU(), LeakyReLU(0.2), ReLU({.slope_at_zero = 0}), ... Their formulas, papers and functions
// are in core/formulas/formulas.h.

#include "ramp/core/autograd/ops.h"
#include "ramp/layers/layer.h"

namespace ramp {

/// Applies a formula to every element: the part that is the same for all formulas.
class Activation : public Layer {
 public:
  const Unary& formula() const { return formula_; }
  const Unary* epilogue() const override { return &formula_; }
  std::optional<double> gain() const override;
  std::string describe() const override;

 protected:
  explicit Activation(const Unary& formula);

 private:
  Tensor forward(const Tensor& x) final { return map(formula_, x); }
  Unary formula_;
};

/// The layer of formula F. Throws Error when a parameter is outside the paper's range.
template <class F>
class ActivationOf : public Activation {
 public:
  ActivationOf() : ActivationOf(F{}) {}
  explicit ActivationOf(const F& formula) : Activation(formula) {
    if constexpr (requires { formula.check_layer(); }) formula.check_layer();
  }
  /// Takes the formula's parameters, in the order of its members.
  template <class... More>
  explicit ActivationOf(double first, More... more) : ActivationOf(F{first, static_cast<double>(more)...}) {}
};

#define RAMP_LAYER(Struct, function) using Struct = ActivationOf<formula::Struct>;
RAMP_ACTIVATIONS(RAMP_LAYER)
#undef RAMP_LAYER

}  // namespace ramp

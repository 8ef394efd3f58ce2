#pragma once
// The activation layers: ReLU(), LeakyReLU(0.2), ReLU({.slope_at_zero = 0}), ... Their formulas, papers and functions
// are in core/formulas/formulas.h.

#include "ramp/core/autograd/ops.h"
#include "ramp/layers/layer.h"

namespace ramp {

/// Applies a formula to every element: Activation(formula::ReLU{}), or one that is chosen when the program runs.
class Activation : public Layer {
 public:
  /// Throws Error when a parameter of the formula is outside the paper's range.
  explicit Activation(const Unary& formula);
  const Unary& formula() const { return formula_; }
  const Unary* epilogue() const override { return &formula_; }
  std::optional<double> gain() const override;
  std::string describe() const override;

 private:
  Tensor forward(const Tensor& x) const final { return map(formula_, x); }
  Unary formula_;
};

/// The layer of formula F. Throws Error when a parameter is outside the paper's range.
template <class F>
class ActivationOf : public Activation {
 public:
  ActivationOf() : ActivationOf(F{}) {}
  explicit ActivationOf(const F& formula) : Activation(formula) {}
  /// Takes the formula's parameters, in the order of its members.
  template <class... More>
  explicit ActivationOf(double first, More... more) : ActivationOf(F{first, static_cast<double>(more)...}) {}
};

#define RAMP_LAYER(Struct, function) using Struct = ActivationOf<formula::Struct>;
RAMP_ACTIVATIONS(RAMP_LAYER)
#undef RAMP_LAYER

}  // namespace ramp

#pragma once
// The single definition of every optimizer's arithmetic. An update rule is a struct of options, which is also what a
// user writes down (optim::SGD takes a formula::SGD). operator() updates one element; the CPU's SIMD kernels and the
// CUDA kernel of every rule in the list below, and optim/optimizer.h for a rule of the user's own, call it for each.
//
// A rule has
//   learning_rate; and weight_decay, if it has one: parameters that want none (Parameter::decay) are updated with 0
//   static constexpr const char* name, for messages
//   static constexpr std::array<const char*, N> state_names, N <= 3: numbers kept for each element, 0 before the first
//   int states() const: how many of the state_names these options use
//   Factors factors(double learning_rate, double step) const: at most four doubles, which are computed once a step and
//     read for every element; `step` counts a parameter's updates with state, from 1
//   V operator()(V parameter, V gradient, V* state, const Factors& k) const: the new parameter; updates the state
//   void check() const: throws Error unless the options are in their ranges
//   a defaulted operator==
//
// To add one to the library, write it here, enter it in the list, and name the optimizer in a header of optim/.

#include <array>
#include <cmath>
#include <limits>
#include <variant>

#include "ramp/core/error.h"
#include "ramp/core/formulas/common.h"

// X(struct)
#define RAMP_UPDATE_RULES(X) \
  X(SGD)                     \
  X(Adam)                    \
  X(AdamW)

namespace ramp::formula {

/// Throws Error unless x is finite, at least 0, and finite in float32.
inline void check_rate(const char* op, const char* option, double x) {
  if (!(std::isfinite(x) && x >= 0)) fail(op, "expected a finite ", option, " >= 0, got ", x);
  if (x > std::numeric_limits<float>::max()) fail(op, "expected numbers that are finite in float32, got ", x);
}

/// Stochastic gradient descent with PyTorch's update (Sutskever et al. 2013 include the learning rate in v; the two
/// differ when the rate changes):
///
///   g <- gradient + weight_decay p;   v <- g at a parameter's first step, then momentum v + (1 - dampening) g
///   d <- g + momentum v with Nesterov, v with momentum, else g;   p <- p - learning_rate d
struct SGD {
  double learning_rate = std::numeric_limits<double>::quiet_NaN();  ///< >= 0; required: NaN is rejected
  double momentum = 0;                                              ///< in [0, 1)
  double dampening = 0;
  double weight_decay = 0;  ///< >= 0; applied to parameters whose `decay` is true
  bool nesterov = false;    ///< needs momentum > 0 and dampening 0

  static constexpr const char* name = "sgd";
  static constexpr std::array<const char*, 1> state_names = {"momentum_buffer"};
  int states() const { return momentum > 0; }

  struct Factors {
    double rate, first;
  };
  RAMP_HD Factors factors(double rate, double step) const { return {rate, step == 1 ? 1.0 : 0.0}; }

  template <class V>
  RAMP_HD V operator()(V p, V d, V* state, const Factors& k) const {
    if (weight_decay != 0) d = d + V(weight_decay) * p;
    if (momentum != 0) {
      state[0] = k.first != 0 ? d : V(momentum) * state[0] + V(1 - dampening) * d;
      d = nesterov ? d + V(momentum) * state[0] : state[0];
    }
    return p - V(k.rate) * d;
  }

  void check() const {
    check_rate(name, "learning_rate", learning_rate);
    if (!(momentum >= 0 && momentum < 1)) fail(name, "expected momentum in [0, 1), got ", momentum);
    if (!std::isfinite(dampening)) fail(name, "expected a finite dampening, got ", dampening);
    check_rate(name, "weight_decay", weight_decay);
    if (std::abs(dampening) > std::numeric_limits<float>::max())
      fail(name, "expected numbers that are finite in float32, got ", dampening);
    if (nesterov && momentum == 0) fail(name, "nesterov needs momentum > 0, got ", momentum);
    if (nesterov && dampening != 0) fail(name, "nesterov needs dampening 0, got ", dampening);
  }
  bool operator==(const SGD&) const = default;
};

/// Adam (Kingma & Ba 2015) and, with decoupled weight decay, AdamW (Loshchilov & Hutter 2019); both with AMSGrad
/// (Reddi, Kale & Kumar 2018) on demand. PyTorch's options and update. At a parameter's step t:
///
///   Adam: g <- gradient + weight_decay p;   AdamW: p <- p - learning_rate weight_decay p, g <- gradient
///   m <- m + (1 - beta1) (g - m);   v <- beta2 v + (1 - beta2) g^2;   w <- max(w, v) with AMSGrad, else v
///   p <- p - learning_rate / (1 - beta1^t) m / (sqrt(w) / sqrt(1 - beta2^t) + epsilon)
template <bool decoupled>
struct AdamRule {
  double learning_rate = 1e-3;                 ///< >= 0
  double beta1 = 0.9;                          ///< in [0, 1)
  double beta2 = 0.999;                        ///< in [0, 1)
  double epsilon = 1e-8;                       ///< >= 0
  double weight_decay = decoupled ? 1e-2 : 0;  ///< >= 0; applied to parameters whose `decay` is true
  bool amsgrad = false;

  static constexpr const char* name = decoupled ? "adamw" : "adam";
  static constexpr std::array<const char*, 3> state_names = {"exp_avg", "exp_avg_sq", "max_exp_avg_sq"};
  int states() const { return amsgrad ? 3 : 2; }

  struct Factors {
    double rate, step_size, root;  // root: sqrt(1 - beta2^t)
  };
  RAMP_HD Factors factors(double rate, double step) const {
    return {rate, rate / (1 - std::pow(beta1, step)), std::sqrt(1 - std::pow(beta2, step))};
  }

  template <class V>
  RAMP_HD V operator()(V p, V g, V* state, const Factors& k) const {
    if (weight_decay != 0) {
      if (decoupled) p = p * V(1 - k.rate * weight_decay);
      else g = g + V(weight_decay) * p;
    }
    state[0] = state[0] + V(1 - beta1) * (g - state[0]);
    state[1] = V(beta2) * state[1] + V(1 - beta2) * (g * g);
    V second = state[1];
    if (amsgrad) second = state[2] = max(state[2], state[1]);
    return p - V(k.step_size) * (state[0] / (sqrt(second) / V(k.root) + V(epsilon)));
  }

  void check() const {
    check_rate(name, "learning_rate", learning_rate);
    if (!(beta1 >= 0 && beta1 < 1)) fail(name, "expected beta1 in [0, 1), got ", beta1);
    if (!(beta2 >= 0 && beta2 < 1)) fail(name, "expected beta2 in [0, 1), got ", beta2);
    check_rate(name, "epsilon", epsilon);
    check_rate(name, "weight_decay", weight_decay);
  }
  bool operator==(const AdamRule&) const = default;
};
using Adam = AdamRule<false>;
using AdamW = AdamRule<true>;

}  // namespace ramp::formula

namespace ramp {

#define RAMP_ALTERNATIVE(Struct) , formula::Struct
/// Any update rule of the library. Backends visit it and run the rule inside.
using UpdateRule = detail::Variant<detail::None RAMP_UPDATE_RULES(RAMP_ALTERNATIVE)>::type;
#undef RAMP_ALTERNATIVE

/// The most factors that a rule may have, and the most numbers that it may keep for each element.
inline constexpr int max_factors = 4, max_states = 3;

template <class F>
using FactorsOf = decltype(std::declval<const F&>().factors(0.0, 1.0));

/// Writes the factors of step `step` to where the kernels read them.
template <class F>
RAMP_HD void write_factors(const F& f, double learning_rate, double step, double* to) {
  using Factors = FactorsOf<F>;
  static_assert(sizeof(Factors) <= max_factors * sizeof(double) && std::is_trivially_copyable_v<Factors>);
  *reinterpret_cast<Factors*>(to) = f.factors(learning_rate, step);
}
/// The factors that write_factors() wrote.
template <class F>
RAMP_HD const FactorsOf<F>& read_factors(const F&, const double* from) {
  return *reinterpret_cast<const FactorsOf<F>*>(from);
}

}  // namespace ramp

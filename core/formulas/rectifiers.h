#pragma once
// The ReLU family: piecewise activations.

#include <vector>

#include "ramp/core/error.h"
#include "ramp/core/formulas/common.h"

namespace ramp::formula {

/// max(x, 0): slope 1 for x >= 0, else 0. Nair & Hinton 2010; Glorot, Bordes & Bengio 2011.
struct ReLU {
  double slope_at_zero = 1;
  template <class V>
  RAMP_HD V operator()(V x) const {
    return select(x < V(0.0), V(0.0), x);
  }
  template <class V>
  RAMP_HD V derivative(V x, V) const {
    return step(x, V(0.0), V(1.0), V(slope_at_zero));
  }
  std::vector<double> kinks() const { return {0}; }
};

/// x for x >= 0, alpha x below. Maas, Hannun & Ng 2013. The formula takes any slope; the layer requires 0 <= alpha < 1,
/// as in the paper.
struct LeakyReLU {
  double alpha = 0.01;
  double slope_at_zero = 1;
  template <class V>
  RAMP_HD V operator()(V x) const {
    return select(x >= V(0.0), x, V(alpha) * x);
  }
  template <class V>
  RAMP_HD V derivative(V x, V) const {
    return step(x, V(alpha), V(1.0), V(slope_at_zero));
  }
  void check_layer() const {
    if (!(alpha >= 0 && alpha < 1)) fail("LeakyReLU", "alpha must lie in [0, 1), got ", alpha);
  }
  std::vector<double> kinks() const { return {0}; }
};

/// min(max(x, 0), cap); the slope at the cap is 0, the right branch's. Hannun et al. 2014.
struct ClippedReLU {
  double cap = 6;
  double slope_at_zero = 1;
  template <class V>
  RAMP_HD V operator()(V x) const {
    return select(x < V(0.0), V(0.0), select(x > V(cap), V(cap), x));
  }
  template <class V>
  RAMP_HD V derivative(V x, V) const {
    return select(x >= V(cap), V(0.0), step(x, V(0.0), V(1.0), V(slope_at_zero)));
  }
  void check_layer() const {
    if (!(cap > 0)) fail("ClippedReLU", "cap must be positive, got ", cap);
  }
  std::vector<double> kinks() const { return {0, cap}; }
};

/// min(max(x, 0), 6). Krizhevsky 2010.
struct ReLU6 {
  double slope_at_zero = 1;
  template <class V>
  RAMP_HD V operator()(V x) const {
    return ClippedReLU{6, slope_at_zero}(x);
  }
  template <class V>
  RAMP_HD V derivative(V x, V y) const {
    return ClippedReLU{6, slope_at_zero}.derivative(x, y);
  }
  std::vector<double> kinks() const { return {0, 6}; }
};

/// x for x > theta, else 0: a jump of height theta. At x = theta value and slope are those of the zero side, as in the
/// paper. Konda, Memisevic & Krueger 2015.
struct ThresholdedReLU {
  double theta = 1;
  template <class V>
  RAMP_HD V operator()(V x) const {
    return select(x <= V(theta), V(0.0), x);
  }
  template <class V>
  RAMP_HD V derivative(V x, V) const {
    return select(x <= V(theta), V(0.0), select(x == x, V(1.0), x));
  }
  void check_layer() const {
    if (!(theta >= 0)) fail("ThresholdedReLU", "theta must not be negative, got ", theta);
  }
  std::vector<double> kinks() const { return {theta}; }
};

/// max(x, 0)^2, smooth at 0. So et al. 2021.
struct SquaredReLU {
  template <class V>
  RAMP_HD V operator()(V x) const {
    return select(x < V(0.0), V(0.0), x * x);
  }
};

/// x for x >= 0, alpha (e^x - 1) below: slope alpha on the left of 0, 1 on the right. Clevert, Unterthiner & Hochreiter
/// 2016.
struct ELU {
  double alpha = 1;
  double slope_at_zero = 1;
  template <class V>
  RAMP_HD V operator()(V x) const {
    return select(x < V(0.0), V(alpha) * expm1(negative_part(x)), x);
  }
  template <class V>
  RAMP_HD V derivative(V x, V) const {
    return step(x, V(alpha) * exp(negative_part(x)), V(1.0), V(slope_at_zero));
  }
  void check_layer() const {
    if (!(alpha >= 0)) fail("ELU", "alpha must not be negative, got ", alpha);
  }
  std::vector<double> kinks() const { return {0}; }
};

/// x for x >= 0, alpha (e^(x / alpha) - 1) below: slope 1 on both sides of 0. Barron 2017.
struct CELU {
  double alpha = 1;
  template <class V>
  RAMP_HD V operator()(V x) const {
    return select(x < V(0.0), V(alpha) * expm1(negative_part(x) / V(alpha)), x);
  }
  template <class V>
  RAMP_HD V derivative(V x, V) const {
    return select(x < V(0.0), exp(negative_part(x) / V(alpha)), select(x == x, V(1.0), x));
  }
  void check_layer() const {
    if (!(alpha > 0)) fail("CELU", "alpha must be positive, got ", alpha);
  }
};

/// lambda elu_alpha(x), with the constants that make mean 0 and variance 1 a fixed point of a layer with LeCun normal
/// weights. Klambauer, Unterthiner, Mayr & Hochreiter 2017.
struct SELU {
  static constexpr double alpha = 1.6732632423543772, lambda = 1.0507009873554805;
  double slope_at_zero = lambda;
  template <class V>
  RAMP_HD V operator()(V x) const {
    return select(x < V(0.0), V(lambda * alpha) * expm1(negative_part(x)), V(lambda) * x);
  }
  template <class V>
  RAMP_HD V derivative(V x, V) const {
    return step(x, V(lambda * alpha) * exp(negative_part(x)), V(lambda), V(slope_at_zero));
  }
  std::vector<double> kinks() const { return {0}; }
};

/// min(max((x + 3) / 6, 0), 1); slopes at -3 and 3 are the right branch's, 1/6 and 0. Howard et al. 2019.
struct HardSigmoid {
  template <class V>
  RAMP_HD V operator()(V x) const {
    return select(x < V(-3.0), V(0.0), select(x > V(3.0), V(1.0), (x + V(3.0)) / V(6.0)));
  }
  template <class V>
  RAMP_HD V derivative(V x, V) const {
    return select(x < V(-3.0), V(0.0), select(x >= V(3.0), V(0.0), select(x == x, V(1.0 / 6), x)));
  }
  std::vector<double> kinks() const { return {-3, 3}; }
};

/// x hard_sigmoid(x); slopes at -3 and 3 are the right branch's, -1/2 and 1. Howard et al. 2019.
struct HardSwish {
  template <class V>
  RAMP_HD V operator()(V x) const {
    return select(x < V(-3.0), V(0.0), select(x > V(3.0), x, x * (x + V(3.0)) / V(6.0)));
  }
  template <class V>
  RAMP_HD V derivative(V x, V) const {
    return select(x < V(-3.0), V(0.0), select(x >= V(3.0), V(1.0), (V(2.0) * x + V(3.0)) / V(6.0)));
  }
  std::vector<double> kinks() const { return {-3, 3}; }
};

/// 1 for x >= 0, else 0: the threshold of McCulloch & Pitts 1943. Its derivative is zero, so no gradient passes through
/// it.
struct UnitStep {
  template <class V>
  RAMP_HD V operator()(V x) const {
    return step(x, V(0.0), V(1.0), V(1.0));
  }
  template <class V>
  RAMP_HD V derivative(V x, V) const {
    return select(x == x, V(0.0), x);
  }
  std::vector<double> kinks() const { return {0}; }
};

}  // namespace ramp::formula

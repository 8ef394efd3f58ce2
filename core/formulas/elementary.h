#pragma once
// Arithmetic and elementary functions of one argument.

#include <limits>
#include <vector>

#include "ramp/core/error.h"
#include "ramp/core/formulas/common.h"

namespace ramp::formula {

struct Neg {
  template <class V>
  RAMP_HD V operator()(V x) const {
    return -x;
  }
};

struct Exp {
  template <class V>
  RAMP_HD V operator()(V x) const {
    return exp(x);
  }
  template <class V>
  RAMP_HD V derivative(V, V y) const {
    return y;
  }
};

/// The natural logarithm; log(0) = -inf, NaN for x < 0.
struct Log {
  template <class V>
  RAMP_HD V operator()(V x) const {
    return log(x);
  }
};

struct Sqrt {
  template <class V>
  RAMP_HD V operator()(V x) const {
    return sqrt(x);
  }
  template <class V>
  RAMP_HD V derivative(V, V y) const {
    return V(0.5) / y;
  }
};

struct Square {
  template <class V>
  RAMP_HD V operator()(V x) const {
    return x * x;
  }
};

/// |x|. Its slope at 0 is 0, the middle of the subgradient, so that an L1 penalty does not move a zero.
struct Abs {
  template <class V>
  RAMP_HD V operator()(V x) const {
    return abs(x);
  }
  template <class V>
  RAMP_HD V derivative(V x, V) const {
    return step(x, V(-1.0), V(1.0), V(0.0));
  }
  std::vector<double> kinks() const { return {0}; }
};

/// x to a constant power.
struct Pow {
  double exponent = 1;
  template <class V>
  RAMP_HD V operator()(V x) const {
    return pow(x, V(exponent));
  }
};

/// min(max(x, low), high); the slope at both ends is 1, as inside.
struct Clamp {
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();
  template <class V>
  RAMP_HD V operator()(V x) const {
    return select(x < V(low), V(low), select(x > V(high), V(high), x));
  }
  template <class V>
  RAMP_HD V derivative(V x, V) const {
    return select(x < V(low), V(0.0), select(x > V(high), V(0.0), select(x == x, V(1.0), x)));
  }
  void check() const {
    if (!(low <= high)) fail("clamp", "low must not exceed high, got ", low, " and ", high);
  }
  std::vector<double> kinks() const { return {low, high}; }
};

}  // namespace ramp::formula

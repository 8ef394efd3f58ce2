#pragma once
// Functions that several formulas share.

#include <variant>

#include "ramp/core/formulas/dual.h"
#include "ramp/core/formulas/math.h"

namespace ramp {

namespace detail {
/// The std::variant of a list's formulas. None is not one of them: it precedes the list's leading comma.
struct None {};
template <class First, class... F>
struct Variant {
  using type = std::variant<F...>;
};
}  // namespace detail

}  // namespace ramp

namespace ramp::formula {

using namespace math;

/// The derivative of a function with a kink at 0: `left` for x < 0, `right` for x > 0, `at_zero` at 0, NaN for NaN.
template <class V>
RAMP_HD V step(V x, V left, V right, V at_zero) {
  return select(x > V(0.0), right, select(x < V(0.0), left, select(x == V(0.0), at_zero, x)));
}

/// x if x < 0, else 0: exp of this never overflows.
template <class V>
RAMP_HD V negative_part(V x) {
  return select(x < V(0.0), x, V(0.0));
}
/// 1 / (1 + e^-x), written so that nothing overflows and both tails keep their precision.
template <class V>
RAMP_HD V logistic(V x) {
  const V e = exp(-abs(x));
  return select(x >= V(0.0), V(1.0), e) / (V(1.0) + e);
}
/// Its derivative.
template <class V>
RAMP_HD V logistic_slope(V x) {
  const V e = exp(-abs(x)), sum = V(1.0) + e;
  return e / (sum * sum);
}
/// The slope of a gate, set to its limits 0 and 1 for |x| > 1e4, where x times 0 may be inf times 0.
template <class V>
RAMP_HD V gate_slope(V x, V slope) {
  return select(x < V(-1e4), V(0.0), select(x > V(1e4), V(1.0), slope));
}

}  // namespace ramp::formula

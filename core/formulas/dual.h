#pragma once
// Dual numbers: the exact derivative of a formula from the formula alone.

#include "ramp/core/formulas/math.h"

namespace ramp::math {

/// v + d e with e^2 = 0: carries a value and its derivative through a formula (Clifford 1873). Calling a formula with
/// {x, 1} gives f(x) and f'(x). V may itself be a scalar or a packet.
template <class V>
struct Dual {
  V v, d;

  Dual() = default;
  RAMP_HD explicit Dual(double constant) : v(V(constant)), d(V(0.0)) {}
  RAMP_HD Dual(V value, V derivative) : v(value), d(derivative) {}

  RAMP_HD friend Dual operator-(Dual a) { return {-a.v, -a.d}; }
  RAMP_HD friend Dual operator+(Dual a, Dual b) { return {a.v + b.v, a.d + b.d}; }
  RAMP_HD friend Dual operator-(Dual a, Dual b) { return {a.v - b.v, a.d - b.d}; }
  RAMP_HD friend Dual operator*(Dual a, Dual b) { return {a.v * b.v, a.d * b.v + a.v * b.d}; }
  RAMP_HD friend Dual operator/(Dual a, Dual b) {
    const V q = a.v / b.v;
    return {q, (a.d - q * b.d) / b.v};
  }
  RAMP_HD friend auto operator<(Dual a, Dual b) { return a.v < b.v; }
  RAMP_HD friend auto operator>(Dual a, Dual b) { return a.v > b.v; }
  RAMP_HD friend auto operator<=(Dual a, Dual b) { return a.v <= b.v; }
  RAMP_HD friend auto operator>=(Dual a, Dual b) { return a.v >= b.v; }
  RAMP_HD friend auto operator==(Dual a, Dual b) { return a.v == b.v; }
  RAMP_HD friend auto operator!=(Dual a, Dual b) { return a.v != b.v; }
};

template <class M, class V>
RAMP_HD Dual<V> select(M condition, Dual<V> a, Dual<V> b) {
  return {select(condition, a.v, b.v), select(condition, a.d, b.d)};
}
template <class V>
RAMP_HD Dual<V> min(Dual<V> a, Dual<V> b) {
  return select(a.v < b.v, a, select(a.v != a.v, a, b));
}
template <class V>
RAMP_HD Dual<V> max(Dual<V> a, Dual<V> b) {
  return select(a.v > b.v, a, select(a.v != a.v, a, b));
}
template <class V>
RAMP_HD Dual<V> abs(Dual<V> x) {
  return select(x.v < V(0.0), -x, x);
}
template <class V>
RAMP_HD Dual<V> exp(Dual<V> x) {
  const V y = exp(x.v);
  return {y, y * x.d};
}
template <class V>
RAMP_HD Dual<V> scaled_exp(double factor, Dual<V> x) {
  const V y = scaled_exp(factor, x.v);
  return {y, y * (V(factor) * x.d)};
}
template <class V>
RAMP_HD Dual<V> expm1(Dual<V> x) {
  return {expm1(x.v), exp(x.v) * x.d};
}
template <class V>
RAMP_HD Dual<V> log(Dual<V> x) {
  return {log(x.v), x.d / x.v};
}
template <class V>
RAMP_HD Dual<V> log1p(Dual<V> x) {
  return {log1p(x.v), x.d / (V(1.0) + x.v)};
}
template <class V>
RAMP_HD Dual<V> sqrt(Dual<V> x) {
  const V y = sqrt(x.v);
  return {y, x.d / (V(2.0) * y)};
}
/// The exponent is a constant.
template <class V>
RAMP_HD Dual<V> pow(Dual<V> x, Dual<V> p) {
  return {pow(x.v, p.v), select(p.v == V(0.0), V(0.0), p.v * pow(x.v, p.v - V(1.0))) * x.d};
}
/// 1 - tanh(x)^2 without the cancellation: 4 e / (1 + e)^2, e = e^(-2|x|).
template <class V>
RAMP_HD Dual<V> tanh(Dual<V> x) {
  const V e = exp(V(-2.0) * abs(x.v)), sum = V(1.0) + e;
  return {tanh(x.v), V(4.0) * e / (sum * sum) * x.d};
}
template <class V>
RAMP_HD Dual<V> erfc(Dual<V> x) {
  return {erfc(x.v), V(-1.1283791670955126) * exp(-x.v * x.v) * x.d};  // -2/sqrt(pi) e^(-x^2)
}

template <class V>
RAMP_HD Dual<V> normal_cdf(Dual<V> x) {
  return {normal_cdf(x.v), normal_pdf(x.v) * x.d};
}

}  // namespace ramp::math

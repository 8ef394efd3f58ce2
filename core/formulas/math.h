#pragma once
// The vocabulary in which formulas.h is written. A formula is a template over a number type V, which is a float or
// double (also in CUDA kernels), a Packet (SIMD, cpu/packet.h) or a Dual (dual.h); each defines + - * /, comparisons,
// and the functions below.

#include <cmath>
#include <type_traits>

#ifdef __CUDACC__
#define RAMP_HD __host__ __device__
#else
#define RAMP_HD
#endif

namespace ramp::math {

template <class T>
concept Scalar = std::is_floating_point_v<T>;

/// a where the condition holds, else b. Both are evaluated.
template <Scalar T>
RAMP_HD inline T select(bool condition, T a, T b) {
  return condition ? a : b;
}
/// The smaller (larger); a NaN on either side gives NaN, which std::min does not.
template <Scalar T>
RAMP_HD inline T min(T a, T b) {
  return a < b || a != a ? a : b;
}
template <Scalar T>
RAMP_HD inline T max(T a, T b) {
  return a > b || a != a ? a : b;
}

/// Whether max() over an axis prefers a to b, which are not at the same place: NaN is larger than every number, and of
/// equals the first is larger.
template <class T>
RAMP_HD inline bool ahead(T a, T b, bool a_is_first) {
  if (a != a || b != b) return a != a && (a_is_first || b == b);
  return a > b || (a == b && a_is_first);
}

using std::abs, std::exp, std::expm1, std::log, std::log1p, std::pow, std::sqrt, std::tanh, std::erfc;

/// e^(factor x) where factor x <= 0, corrected for the rounding of the factor and of the product, which would cost as
/// many digits as the product has before the decimal point.
template <Scalar T>
RAMP_HD inline T scaled_exp(double factor, T x) {
  const T f = T(factor), rest = T(factor - static_cast<double>(f));
  const T product = f * x, y = std::exp(product);
  if (!(product > T(-1000))) return y;
  return y + y * (std::fma(f, x, -product) + rest * x);
}

/// The density of the standard normal distribution, e^(-x^2/2) / sqrt(2 pi), corrected for the rounding of x^2, which
/// would cost half of the digits for large |x|.
template <Scalar T>
RAMP_HD inline T normal_pdf(T x) {
  const T density = T(0.3989422804014327) * std::exp(T(-0.5) * x * x);
  if (!(std::abs(x) < T(40))) return density;
  return density - density * (T(0.5) * std::fma(x, x, -(x * x)));
}
/// Its distribution function, erfc(-x / sqrt(2)) / 2, likewise corrected for the rounding of x / sqrt(2).
template <Scalar T>
RAMP_HD inline T normal_cdf(T x) {
  constexpr T c = T(0.7071067811865476);
  constexpr T c_rest = T((0.7071067811865476 - static_cast<double>(c)) - 4.833646656726457e-17);  // of sqrt(1/2)
  const T u = x * c;
  if (!(std::abs(x) < T(40))) return T(0.5) * std::erfc(-u);
  const T rest = std::fma(x, c, -u) + x * c_rest;
  return T(0.5) * std::erfc(-u) + T(0.5641895835477563) * std::exp(-u * u) * rest;
}

}  // namespace ramp::math

#pragma once
// The vocabulary of formulas: what a formula in formulas.h may be written with. A formula is a template over a number
// type V, and V is a float or double (so also a CUDA thread's), a Packet (SIMD, cpu/packet.h) or a Dual (dual.h); each
// gives its own meaning to + - * /, to comparisons, and to the functions below.

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

using std::abs, std::exp, std::expm1, std::log, std::log1p, std::pow, std::sqrt, std::tanh, std::erfc;

}  // namespace ramp::math

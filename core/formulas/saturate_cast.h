#pragma once
// Conversion of an element to another dtype, and to a standardized number.

#include <cstdint>
#include <limits>
#include <type_traits>

#include "ramp/core/formulas/bfloat16.h"

namespace ramp {

// Constants, because CUDA device code can read them but cannot call std::numeric_limits.
template <class T>
inline constexpr T lowest = std::numeric_limits<T>::lowest();
template <class T>
inline constexpr T highest = std::numeric_limits<T>::max();

/// Casts x to To. A cast to an integer type truncates towards zero and saturates; NaN gives 0. A cast to BFloat16 goes
/// through float.
template <class To, class From>
RAMP_HD To saturate_cast(From x) {
  if constexpr (std::is_same_v<To, BFloat16> && !std::is_same_v<From, BFloat16>) {
    return BFloat16(static_cast<float>(x));
  } else if constexpr (std::is_floating_point_v<To> || std::is_same_v<To, From>) {
    return static_cast<To>(x);
  } else {
    if (x != x) return 0;
    const double value = static_cast<double>(x);
    if (value <= static_cast<double>(lowest<To>)) return lowest<To>;
    if (value >= static_cast<double>(highest<To>)) return highest<To>;
    return static_cast<To>(x);
  }
}

/// (x - mean) / stddev. The operations are of kinds that no compiler fuses, so every device gives the same bits.
template <class T>
RAMP_HD double standardized(T x, double mean, double stddev) {
  return (static_cast<double>(x) - mean) / stddev;
}

}  // namespace ramp

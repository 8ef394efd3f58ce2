#pragma once
// What an element becomes in another dtype.

#include <limits>
#include <type_traits>

#include "ramp/core/formulas/math.h"

namespace ramp {

// Outside of the function: CUDA threads may read these constants, but not call what they come from.
template <class T>
inline constexpr T lowest = std::numeric_limits<T>::lowest();
template <class T>
inline constexpr T highest = std::numeric_limits<T>::max();

/// x as To: to an integer type truncated towards zero and saturating, NaN gives 0.
template <class To, class From>
RAMP_HD To converted(From x) {
  if constexpr (std::is_floating_point_v<To> || std::is_same_v<To, From>) {
    return static_cast<To>(x);
  } else {
    if (x != x) return 0;
    const double value = static_cast<double>(x);
    if (value <= static_cast<double>(lowest<To>)) return lowest<To>;
    if (value >= static_cast<double>(highest<To>)) return highest<To>;
    return static_cast<To>(x);
  }
}

}  // namespace ramp

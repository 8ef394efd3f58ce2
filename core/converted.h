#pragma once
// What an element becomes in another dtype.

#include <limits>
#include <type_traits>

#include "ramp/core/math.h"

namespace ramp {

/// x as To: to an integer type truncated towards zero and saturating, NaN gives 0.
template <class To, class From>
RAMP_HD To converted(From x) {
  if constexpr (std::is_floating_point_v<To> || std::is_same_v<To, From>) {
    return static_cast<To>(x);
  } else {
    constexpr To lowest = std::numeric_limits<To>::min(), highest = std::numeric_limits<To>::max();
    if (x != x) return 0;
    const double value = static_cast<double>(x);
    if (value <= static_cast<double>(lowest)) return lowest;
    if (value >= static_cast<double>(highest)) return highest;
    return static_cast<To>(x);
  }
}

}  // namespace ramp

#pragma once
// The number type of the dtype bfloat16.

#include <cstdint>

#include "ramp/core/formulas/math.h"

namespace ramp {

/// The upper half of a float: its sign, its 8 bits of exponent and 7 bits of its mantissa. It is stored, converted,
/// compared and multiplied in matrix products; all else is computed in float.
struct BFloat16 {
  uint16_t bits;

  BFloat16() = default;
  /// Rounds to nearest, ties to even: adds one to the upper half if the lower half is more than half a unit of it, or
  /// exactly half and the upper half is odd. The carry turns values that are too large into infinity. NaNs are made
  /// quiet, because the bits that tell them from infinity may all be in the lower half. (Always inlined, since the
  /// kernels of every instruction set use it: the linker would keep the code of one of them for all.)
  RAMP_HD [[gnu::always_inline]] explicit BFloat16(float x) {
    const auto all = __builtin_bit_cast(uint32_t, x), upper = all >> 16;
    const uint32_t rounded = (all + 0x7fff + (upper & 1)) >> 16;
    bits = static_cast<uint16_t>((all & 0x7fffffff) > 0x7f800000 ? upper | 0x40 : rounded);
  }
  // NOLINTNEXTLINE(google-explicit-constructor): every bfloat16 number is a float
  RAMP_HD operator float() const { return __builtin_bit_cast(float, static_cast<uint32_t>(bits) << 16); }
};

}  // namespace ramp

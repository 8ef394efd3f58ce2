#pragma once
// How a pair of shapes is walked when it broadcasts: the CPU's loops and the CUDA threads both go by these axes.

#include "ramp/core/array/shape.h"

namespace ramp {

/// One axis of a broadcast pair; a stride is 0 where the operand repeats.
struct BroadcastAxis {
  int64_t size, stride_a, stride_b;
};
struct BroadcastAxes {
  BroadcastAxis at[Shape::max_rank + 1];
  int count = 0;
};

/// The axes of `out` with neighbours merged where both operands allow it, innermost first. The innermost strides are 0
/// or 1.
BroadcastAxes merged_axes(const Shape& a, const Shape& b, const Shape& out);

}  // namespace ramp

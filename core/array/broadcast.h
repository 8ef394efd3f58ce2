#pragma once
// How a broadcasting pair of shapes is traversed, by the CPU's loops and the CUDA kernels alike.

#include "ramp/core/array/shape.h"

namespace ramp {

/// One axis of a broadcasting pair. A stride is 0 where an operand repeats.
struct BroadcastAxis {
  int64_t size, stride_a, stride_b;
};
struct BroadcastAxes {
  BroadcastAxis at[Shape::max_rank + 1];
  int count = 0;
};

/// The axes of `out`, innermost first, with neighbours merged where both operands allow it. The innermost strides are 0
/// or 1.
BroadcastAxes merged_axes(const Shape& a, const Shape& b, const Shape& out);

}  // namespace ramp

#pragma once
// Broadcasting: the shape of the result, and how a pair of shapes is traversed by the CPU's loops and the CUDA kernels.

#include "ramp/core/array/shape.h"

namespace ramp {

/// The shape to which both broadcast by NumPy's rule: axes are aligned at the right, and sizes are equal or one of them
/// is 1. Throws Error, prefixed with [op], otherwise.
Shape broadcast(const char* op, const Shape& a, const Shape& b);

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

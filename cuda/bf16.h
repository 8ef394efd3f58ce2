#pragma once
// Operands of matrix products in bfloat16.

#include "ramp/core/array.h"

namespace ramp::cuda {

/// The elements of a float32 matrix, each rounded to the nearest bfloat16, ties to even: two bytes each.
Array to_bf16(const Array& x);

}  // namespace ramp::cuda

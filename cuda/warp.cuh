#pragma once
// Reductions over the 32 threads of a warp; every thread gets the result.

#include "ramp/core/formulas/math.h"

namespace ramp::cuda {

template <class T>
__device__ T warp_sum(T x) {
  for (int distance = 16; distance > 0; distance /= 2) x += __shfl_xor_sync(0xffffffff, x, distance);
  return x;
}
/// NaN if any x is NaN.
template <class T>
__device__ T warp_max(T x) {
  for (int distance = 16; distance > 0; distance /= 2) x = math::max(x, __shfl_xor_sync(0xffffffff, x, distance));
  return x;
}

}  // namespace ramp::cuda

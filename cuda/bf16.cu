// Rounding to bfloat16 for matrix products.

#include <cuda_bf16.h>

#include "ramp/cuda/cuda.h"
#include "ramp/cuda/launch.cuh"

namespace ramp {

namespace {

/// Rounds four numbers at a time.
struct Round {
  const float* from;
  __nv_bfloat16* to;
  __device__ void operator()(int64_t pack) const {
    const float4 x = reinterpret_cast<const float4*>(from)[pack];
    const __nv_bfloat162 low = __floats2bfloat162_rn(x.x, x.y), high = __floats2bfloat162_rn(x.z, x.w);
    reinterpret_cast<__nv_bfloat162*>(to)[2 * pack] = low;
    reinterpret_cast<__nv_bfloat162*>(to)[2 * pack + 1] = high;
  }
};

struct RoundOne {
  const float* from;
  __nv_bfloat16* to;
  __device__ void operator()(int64_t i) const { to[i] = __float2bfloat16_rn(from[i]); }
};

}  // namespace

void Cuda::round_to_bfloat16(const Array& x, const Array& out) {
  const float* from = x.data<const float>();
  auto* to = static_cast<__nv_bfloat16*>(out.data<void>());
  const int64_t n = x.numel();
  if (n % 4 == 0 && cuda::aligned(from)) cuda::each("matmul", n / 4, Round{from, to});
  else cuda::each("matmul", n, RoundOne{from, to});
}

}  // namespace ramp

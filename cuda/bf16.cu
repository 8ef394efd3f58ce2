#include "ramp/cuda/bf16.h"

#include <cuda_bf16.h>

#include "ramp/cuda/launch.cuh"

namespace ramp::cuda {

namespace {

/// Four at a time where `to` and `from` allow it.
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

Array to_bf16(const Array& x) {
  // No dtype stands for bfloat16: bytes, behind the shape that products look at.
  const Array out({x.shape()[0], x.shape()[1], 2}, uint8, x.device());
  const float* from = x.data<float>();
  auto* to = static_cast<__nv_bfloat16*>(out.data<void>());
  const int64_t n = x.numel(), packs = aligned(from) ? n / 4 : 0;
  if (packs * 4 == n) each("matmul", packs, Round{from, to});
  else each("matmul", n, RoundOne{from, to});
  return out;
}

}  // namespace ramp::cuda

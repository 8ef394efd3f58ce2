#pragma once
// For a .cu file with a formula of one's own: there ramp::map (core/map.h) runs it on every device.

#include "ramp/core/map.h"
#include "ramp/cuda/cuda.h"
#include "ramp/cuda/launch.cuh"

namespace ramp::cuda {

struct OwnFormulaLoops {
  template <class T, class F>
  static void zip(Device device, int64_t n, const F& f, T* out, std::same_as<const T*> auto... inputs) {
    if (!device.is_cuda()) return detail::CpuLoops::zip(device, n, f, out, inputs...);
    Cuda::use(device.index);
    cuda::zip("map", n, f, out, Input<T, true>{inputs}...);
  }
};

}  // namespace ramp::cuda

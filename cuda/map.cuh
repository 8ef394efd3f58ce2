#pragma once
// Include this in a .cu file with a formula of your own: ramp::map (core/autograd/map.h) then runs it on every device.

#include "ramp/core/autograd/map.h"
#include "ramp/cuda/cuda.h"
#include "ramp/cuda/launch.cuh"
#include "ramp/cuda/update.cuh"

namespace ramp::cuda {

struct OwnFormulaLoops {
  template <class T, class F>
  static void update(const F& f, const UpdateArrays& x) {
    if (!x.parameter.device().is_cuda()) return detail::CpuLoops::update<T>(f, x);
    Cuda::use(x.parameter.device().index);
    cuda::begin_update(f, x);
    cuda::update<T>(f, x);
  }
  template <class T, class F, std::same_as<Array>... In>
  static void zip(const F& f, const Array& out, const In&... in) {
    if (!out.device().is_cuda()) return detail::CpuLoops::zip<T>(f, out, in...);
    Cuda::use(out.device().index);
    cuda::zip("map", out.numel(), f, out.data<T>(), Input<T, true>{in.template data<const T>()}...);
  }
};

}  // namespace ramp::cuda

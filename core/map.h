#pragma once
// A formula of one's own over the elements of a tensor.

#include <type_traits>

#include "ramp/core/array_ops.h"
#include "ramp/core/autograd.h"

namespace ramp {

namespace cuda {
struct OwnFormulaLoops;  // cuda/map.cuh
}

namespace detail {

/// Loops over elements on the CPU, one number at a time.
struct CpuLoops {
  template <class T, class F>
  static void zip(Device device, int64_t n, const F& f, T* out, std::same_as<const T*> auto... inputs) {
    if (device.is_cuda())
      fail("map",
           "this formula was compiled for the CPU alone; for CUDA put it into a .cu file with ramp/cuda/map.cuh");
    for (int64_t i = 0; i < n; ++i) out[i] = f(inputs[i]...);
  }
};

#ifdef __CUDACC__
using OwnLoops = cuda::OwnFormulaLoops;
#else
using OwnLoops = CpuLoops;
#endif

/// gradient f'(x), where y = f(x).
template <class F>
struct TimesSlope {
  F f;
  template <class T>
  RAMP_HD T operator()(T x, T y, T gradient) const {
    return gradient * derivative(f, x, y);
  }
};

}  // namespace detail

/// f of every element, for a struct with operator()(x) written as those in core/formulas are: a template over the number
/// type, with math.h's vocabulary. Its derivative follows from dual numbers, or from derivative(x, y) with y = f(x) where
/// the struct has one.
///
///   struct Squareplus {
///     double b = 4;
///     template <class V>
///     RAMP_HD V operator()(V x) const { return V(0.5) * (x + math::sqrt(x * x + V(b))); }
///   };
///   Tensor y = map(Squareplus{}, x);
///
/// In a .cpp file it runs on the CPU; in a .cu file, with ramp/cuda/map.cuh, on every device. Throws Error for integers.
template <class F, class Loops = detail::OwnLoops>
requires(!std::is_convertible_v<F, Unary> && requires(const F& f) { f(1.0); }) Tensor map(const F& f, const Tensor& x) {
  const Array input = x.array();
  check_floating("map", {&input});
  const Array y(input.shape(), input.dtype(), input.device());
  const auto run = [](const auto& g, const Array& out, const auto&... in) {
    visit_floating("map", out.dtype(), [&](auto t) {
      using T = decltype(t);
      Loops::zip(out.device(), out.numel(), g, out.template data<T>(), in.template data<const T>()...);
    });
  };
  run(f, y, input);
  return record("map", y, {x}, [run, f, input, y](const Array& gradient, Gradients& inputs) {
    const Array out(input.shape(), input.dtype(), input.device());
    run(detail::TimesSlope<F>{f}, out, input, y, gradient);
    inputs[0] = out;
  });
}

}  // namespace ramp

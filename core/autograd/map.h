#pragma once
// A user's own formula, applied to the elements of a tensor.

#include <type_traits>

#include "ramp/core/array_ops/array_ops.h"
#include "ramp/core/autograd/autograd.h"
#include "ramp/core/cpu/parallel.h"
#include "ramp/core/cpu/update.h"

namespace ramp {

namespace cuda {
struct OwnFormulaLoops;  // cuda/map.cuh
}

namespace detail {

/// T, once for each type of a pack.
template <class T, class>
using Each = T;

/// Loops over elements on the CPU, one number at a time.
struct CpuLoops {
  static void require_cpu(const char* op, const Array& x) {
    if (x.device() != Device::cpu())
      fail(op, "this formula was compiled for the CPU alone; for CUDA put it into a .cu file with ramp/cuda/map.cuh");
  }
  /// An update of an optimizer (UpdateArrays).
  template <class T, class F>
  static void update(const F& f, const UpdateArrays& x) {
    require_cpu(f.name, x.parameter);
    cpu::begin_update(f, x);
    cpu::update<T>(f, x);
  }
  template <class T, class F, std::same_as<Array>... In>
  static void zip(const F& f, const Array& out, const In&... in) {
    require_cpu("map", out);
    parallel_for(
        out.numel(), 1 << 13,
        [f](Each<const T*, In>... x, T* y, int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) y[i] = f(x[i]...);
        },
        part<const T>(in)..., part<T>(out));
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

/// f of every element, for a struct with operator()(x) written like those in core/formulas: a template over the number
/// type, in the vocabulary of math.h. The derivative comes from dual numbers, or from derivative(x, y) with y = f(x) if
/// the struct has one.
///
///   struct Squareplus {
///     double b = 4;
///     template <class V>
///     RAMP_HD V operator()(V x) const { return V(0.5) * (x + math::sqrt(x * x + V(b))); }
///   };
///   Tensor y = map(Squareplus{}, x);
///
/// In a .cpp file it runs on the CPU; in a .cu file, with ramp/cuda/map.cuh, on every device. Throws Error for
/// integers; on the CPU, also whatever the formula throws.
template <class F, class Loops = detail::OwnLoops>
requires(!std::is_convertible_v<F, Unary> && requires(const F& f) { f(1.0); })
Tensor map(const F& f, const Tensor& x) {
  const Array& input = x.array();
  check_floating("map", {&input});
  const Array y(input.shape(), input.dtype(), input.device());
  const auto run = [](const auto& g, const Array& out, const auto&... in) {
    visit_floating("map", out.dtype(), [&](auto t) { Loops::template zip<decltype(t)>(g, out, in...); });
  };
  run(f, y, input);
  return record("map", y, {x}, {input, y}, [run, f, input, y](const Array& gradient, Gradients& inputs) {
    const Array out(input.shape(), input.dtype(), input.device());
    run(detail::TimesSlope<F>{f}, out, input, y, gradient);
    inputs[0] = out;
  });
}

}  // namespace ramp

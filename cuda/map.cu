// Formulas of one argument, and their gradients.

#include "ramp/cuda/cuda.h"
#include "ramp/cuda/launch.cuh"

namespace ramp {

namespace {

template <class T>
using Moving = cuda::Input<T, true>;

/// gradient f'(x), where y = f(x).
template <class F>
struct TimesSlope {
  F f;
  template <class T>
  __device__ T operator()(T x, T y, T gradient) const {
    return gradient * derivative(f, x, y);
  }
};

}  // namespace

void Cuda::map(const Unary& f, const Array& x, const Array& y) {
  const char* op = name(f);
  visit_floating(op, x.dtype(), [&](auto t) {
    using T = decltype(t);
    std::visit([&](const auto& f) { cuda::zip(op, x.numel(), f, y.data<T>(), Moving<T>{x.data<T>()}); }, f);
  });
}

void Cuda::map_gradient(const Unary& f, const Array& x, const Array& y, const Array& gradient, const Array& out) {
  const char* op = name(f);
  visit_floating(op, x.dtype(), [&](auto t) {
    using T = decltype(t);
    std::visit(
        [&]<class F>(const F& f) {
          cuda::zip(op, x.numel(), TimesSlope<F>{f}, out.data<T>(), Moving<T>{x.data<T>()}, Moving<T>{y.data<T>()},
                    Moving<T>{gradient.data<T>()});
        },
        f);
  });
}

}  // namespace ramp

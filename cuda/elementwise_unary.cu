// Formulas of one argument, and their gradients.

#include "ramp/cuda/map.cuh"

namespace ramp {

namespace {

template <class T>
using Moving = cuda::Input<T, true>;

}  // namespace

void Cuda::map(const Unary& f, const Array& x, const Array& y) {
  const char* op = name(f);
  visit_floating(op, x.dtype(), [&](auto t) {
    using T = decltype(t);
    std::visit([&](const auto& f) { cuda::zip(op, x.numel(), f, y.data<T>(), Moving<T>{x.data<const T>()}); }, f);
  });
}

void Cuda::map_gradient(const Unary& f, const Array& x, const Array& y, const Array& gradient, const Array& out) {
  const char* op = name(f);
  visit_floating(op, x.dtype(), [&](auto t) {
    using T = decltype(t);
    std::visit(
        [&]<class F>(const F& f) {
          cuda::zip(op, x.numel(), detail::TimesSlope<F>{f}, out.data<T>(), Moving<T>{x.data<const T>()},
                    Moving<T>{y.data<const T>()}, Moving<T>{gradient.data<const T>()});
        },
        f);
  });
}

}  // namespace ramp

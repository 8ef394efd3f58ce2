// Formulas of one argument, and their gradients.

#include "ramp/cuda/map.cuh"

namespace ramp {

namespace {

template <class T>
using Moving = cuda::Input<T, true>;

/// z[i] += bias[i % columns], y[i] = f(z[i]).
template <class T, class F>
struct BiasMap {
  F f;
  T* z;
  const T* bias;
  T* y;
  int64_t columns;
  __device__ void operator()(int64_t i) const {
    const T sum = z[i] + bias[i % columns];
    z[i] = sum;
    y[i] = f(sum);
  }
};

}  // namespace

void Cuda::bias_map(const Unary& f, const Array& z, const Array& bias, const Array& y) {
  const char* op = name(f);
  visit_floating(op, z.dtype(), [&](auto t) {
    using T = decltype(t);
    std::visit(
        [&]<class F>(const F& f) {
          cuda::each(op, z.numel(), BiasMap<T, F>{f, z.data<T>(), bias.data<T>(), y.data<T>(), bias.numel()});
        },
        f);
  });
}

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
          cuda::zip(op, x.numel(), detail::TimesSlope<F>{f}, out.data<T>(), Moving<T>{x.data<T>()},
                    Moving<T>{y.data<T>()}, Moving<T>{gradient.data<T>()});
        },
        f);
  });
}

}  // namespace ramp

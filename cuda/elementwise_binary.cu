// Formulas of two arguments, which broadcast, and their gradients.

#include <limits>

#include "ramp/core/array/broadcast.h"
#include "ramp/cuda/cuda.h"
#include "ramp/cuda/launch.cuh"

namespace ramp {

namespace {

template <class T>
using Moving = cuda::Input<T, true>;
template <class T>
using Staying = cuda::Input<T, false>;

/// gradient df/da (argument 0) or gradient df/db (argument 1).
template <class F, int argument>
struct TimesPartial {
  F f;
  template <class T>
  __device__ T operator()(T a, T b, T gradient) const {
    return gradient * partial<argument>(f, a, b);
  }
};

/// out[i] = f(a at i, b at i[, c[i]]). Index is 32 bits wide if that is enough, because 64-bit division is slow.
template <class Index, class T, class F, bool three>
struct Strided {
  F f;
  BroadcastAxes axes;
  const T *a, *b, *c;
  T* out;
  __device__ void operator()(int64_t i) const {
    int64_t ia = 0, ib = 0;
    Index rest = static_cast<Index>(i);
    for (int k = 0; k < axes.count; ++k) {
      const Index size = static_cast<Index>(axes.at[k].size), index = rest % size;
      rest /= size;
      ia += index * axes.at[k].stride_a;
      ib += index * axes.at[k].stride_b;
    }
    if constexpr (three) out[i] = f(a[ia], b[ib], c[i]);
    else out[i] = f(a[ia], b[ib]);
  }
};

/// out = f(a, b[, c]), where a and b broadcast to the shape of out.
template <class T, class F, class... Third>
void zip_broadcast(const char* op, const F& f, const Array& a, const Array& b, const Array& out, Third... third) {
  const BroadcastAxes axes = merged_axes(a.shape(), b.shape(), out.shape());
  const T *pa = a.data<const T>(), *pb = b.data<const T>();
  T* to = out.data<T>();
  const int64_t n = out.numel();
  if (axes.count == 1) {
    const bool moves_a = axes.at[0].stride_a, moves_b = axes.at[0].stride_b;
    if (moves_a && moves_b) return cuda::zip(op, n, f, to, Moving<T>{pa}, Moving<T>{pb}, third...);
    if (moves_a) return cuda::zip(op, n, f, to, Moving<T>{pa}, Staying<T>{pb}, third...);
    if (moves_b) return cuda::zip(op, n, f, to, Staying<T>{pa}, Moving<T>{pb}, third...);
    return cuda::zip(op, n, f, to, Staying<T>{pa}, Staying<T>{pb}, third...);
  }
  const T* pc = nullptr;
  ((pc = third.data), ...);
  constexpr bool three = sizeof...(third) == 1;
  if (n <= std::numeric_limits<int32_t>::max())
    return cuda::each(op, n, Strided<uint32_t, T, F, three>{f, axes, pa, pb, pc, to});
  cuda::each(op, n, Strided<uint64_t, T, F, three>{f, axes, pa, pb, pc, to});
}

}  // namespace

void Cuda::map(const Binary& f, const Array& a, const Array& b, const Array& y) {
  const char* op = name(f);
  visit_floating(op, y.dtype(), [&](auto t) {
    using T = decltype(t);
    std::visit([&](const auto& f) { zip_broadcast<T>(op, f, a, b, y); }, f);
  });
}

void Cuda::map_gradient(const Binary& f, int argument, const Array& a, const Array& b, const Array& gradient,
                        const Array& out) {
  const char* op = name(f);
  visit_floating(op, out.dtype(), [&](auto t) {
    using T = decltype(t);
    const Moving<T> upstream{gradient.data<const T>()};
    std::visit(
        [&]<class F>(const F& f) {
          if (argument == 0) zip_broadcast<T>(op, TimesPartial<F, 0>{f}, a, b, out, upstream);
          else zip_broadcast<T>(op, TimesPartial<F, 1>{f}, a, b, out, upstream);
        },
        f);
  });
}

}  // namespace ramp

// The way back through a dense layer's activation and bias, in one pass.

#include "ramp/cuda/columns.cuh"
#include "ramp/cuda/cuda.h"

namespace ramp {

namespace {

/// out = upstream f'(z), computed while its columns are summed.
template <class T, class F>
struct DenseGradient {
  F f;
  const T *z, *y, *upstream;
  T* out;
  template <int width>
  __device__ cuda::Neighbours<T, width> from(int64_t i) const {
    using Some = cuda::Neighbours<T, width>;
    const Some x = *reinterpret_cast<const Some*>(z + i), v = *reinterpret_cast<const Some*>(y + i);
    Some g = *reinterpret_cast<const Some*>(upstream + i);
#pragma unroll
    for (int j = 0; j < width; ++j) g.at[j] *= derivative(f, x.at[j], v.at[j]);
    *reinterpret_cast<Some*>(out + i) = g;
    return g;
  }
};

}  // namespace

void Cuda::dense_gradient(const Unary& f, const Array& z, const Array& y, const Array& upstream, const Array& out,
                          const Array& sums) {
  const char* op = name(f);
  const AxisView view{1, out.shape()[0], out.shape()[1]};
  visit_floating(op, out.dtype(), [&](auto t) {
    using T = decltype(t);
    bool wide = view.inner % cuda::lanes<T> == 0;
    for (const Array* x : {&z, &y, &upstream, &out}) wide = wide && cuda::aligned(x->data<void>());
    std::visit(
        [&]<class F>(const F& f) {
          const DenseGradient<T, F> element{f, z.data<T>(), y.data<T>(), upstream.data<T>(), out.data<T>()};
          cuda::sum_columns<T>(op, view, element, sums.data<T>(), out.device(), wide);
        },
        f);
  });
}

}  // namespace ramp

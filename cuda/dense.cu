// Gradients of a dense layer's activation and bias, in one pass.

#include <algorithm>
#include <initializer_list>

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
  __device__ void add(int64_t i, cuda::Neighbours<T, width>& sum) const {
    using Some = cuda::Neighbours<T, width>;
    const Some x = *reinterpret_cast<const Some*>(z + i), v = *reinterpret_cast<const Some*>(y + i);
    Some g = *reinterpret_cast<const Some*>(upstream + i);
#pragma unroll
    for (int j = 0; j < width; ++j) sum.at[j] += g.at[j] *= derivative(f, x.at[j], v.at[j]);
    *reinterpret_cast<Some*>(out + i) = g;
  }
};

/// Whether columns can be read four or two at a time.
template <class T>
bool wide(int64_t columns, std::initializer_list<const Array*> arrays) {
  return columns % cuda::lanes<T> == 0 &&
         std::all_of(arrays.begin(), arrays.end(), [](const Array* x) { return cuda::aligned(x->data<const void>()); });
}

}  // namespace

void Cuda::dense_gradient(const Unary& f, const Array& z, const Array& y, const Array& upstream, const Array& out,
                          const Array& sums) {
  const char* op = name(f);
  const AxisView view{1, out.shape()[0], out.shape()[1]};
  visit_floating(op, out.dtype(), [&](auto t) {
    using T = decltype(t);
    std::visit(
        [&]<class F>(const F& f) {
          const DenseGradient<T, F> element{f, z.data<const T>(), y.data<const T>(), upstream.data<const T>(),
                                            out.data<T>()};
          cuda::sum_columns<T>(op, view, element, sums.data<T>(), out.device(),
                               wide<T>(view.inner, {&z, &y, &upstream, &out}));
        },
        f);
  });
}

}  // namespace ramp

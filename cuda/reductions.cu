// Reductions. Sums are accumulated in blocks of fixed size and in a fixed order, so their bits depend on the shape
// alone.

#include "ramp/cuda/columns.cuh"
#include "ramp/cuda/cuda.h"
#include "ramp/cuda/warp.cuh"

namespace ramp {

namespace {

constexpr int64_t chunk = 8192;     // elements of a row that one block adds up
constexpr int64_t short_row = 512;  // a row of up to this length is summed by one warp

/// Block b adds up piece b % pieces of row b / pieces into out[b].
template <int size, class T, class In>
__global__ void __launch_bounds__(size) sum_rows_kernel(int64_t rows, int64_t n, int64_t pieces, In x, T* out) {
  __shared__ T of_warps[size / 32];
  for (int64_t b = blockIdx.x; b < rows * pieces; b += gridDim.x) {
    const int64_t begin = b % pieces * chunk, end = min(n, begin + chunk);
    const int64_t row = b / pieces * n;
    T sum = 0;
    for (int64_t i = begin + threadIdx.x; i < end; i += size) sum += x[row + i];
    sum = cuda::warp_sum(sum);
    if constexpr (size == 32) {
      if (threadIdx.x == 0) out[b] = sum;
    } else {
      if (threadIdx.x % 32 == 0) of_warps[threadIdx.x / 32] = sum;
      __syncthreads();
      if (threadIdx.x == 0) {
        for (int w = 1; w < size / 32; ++w) sum += of_warps[w];
        out[b] = sum;
      }
      __syncthreads();
    }
  }
}

/// The square of each element.
template <class T>
struct Squares {
  const T* x;
  __device__ double operator[](int64_t i) const { return static_cast<double>(x[i]) * static_cast<double>(x[i]); }
};

/// The sums of rows of n contiguous elements of x: a pointer, or a struct with operator[].
template <class T, class In>
void sum_rows(In x, int64_t rows, int64_t n, T* out, DType dtype, Device device) {
  const int64_t pieces = (n + chunk - 1) / chunk;
  Array partial;  // may be freed while in use: its next user is queued behind on the same stream
  T* to = out;
  if (pieces > 1) {
    partial = Array({rows * pieces}, dtype, device);
    cuda::context().hold(partial);
    to = partial.data<T>();
  }
  const unsigned grid = cuda::blocks(rows * pieces * cuda::threads);
  if (n <= short_row) cuda::launch("sum", sum_rows_kernel<32, T, In>, grid, 32, rows, n, pieces, x, to);
  else cuda::launch("sum", sum_rows_kernel<cuda::threads, T, In>, grid, cuda::threads, rows, n, pieces, x, to);
  if (pieces > 1) sum_rows<T, const T*>(to, rows, pieces, out, dtype, device);
}

/// A candidate for the maximum.
template <class T>
struct Best {
  T value;
  int64_t index;
  __device__ bool loses_to(const Best& other) const { return math::ahead(other.value, value, other.index < index); }
};

/// A row is shared by `size` threads (1, or those of a block): thread t looks at every size-th element from t on.
template <int size, class T>
__global__ void max_kernel(AxisView view, const T* x, T* values, int32_t* indices) {
  __shared__ Best<T> held[cuda::threads];
  const auto [outer, n, inner] = view;
  const int64_t first = size == 1 ? cuda::first_element() : blockIdx.x;
  const int64_t step = size == 1 ? cuda::grid_stride() : gridDim.x;
  const int thread = size == 1 ? 0 : threadIdx.x;
  for (int64_t at = first; at < outer * inner; at += step) {
    const T* row = x + at / inner * n * inner + at % inner;
    Best<T> best{row[0], 0};
    for (int64_t i = thread; i < n; i += size) {
      const Best<T> next{row[i * inner], i};
      if (best.loses_to(next)) best = next;
    }
    if constexpr (size > 1) {
      held[thread] = best;
      __syncthreads();
      for (int half = size / 2; half > 0; half /= 2) {
        if (thread < half && held[thread].loses_to(held[thread + half])) held[thread] = held[thread + half];
        __syncthreads();
      }
      best = held[0];
      __syncthreads();
    }
    if (thread == 0) {
      values[at] = best.value;
      indices[at] = static_cast<int32_t>(best.index);
    }
  }
}

}  // namespace

void Cuda::sum(const Array& x, AxisView view, const Array& out) {
  visit_floating("sum", x.dtype(), [&](auto t) {
    using T = decltype(t);
    const T* from = x.data<const T>();
    T* to = out.data<T>();
    // The sums of columns are the gradients of biases.
    const cuda::OnSideStream scope(view.outer == 1 && view.inner > 1, {&x}, out);
    if (view.inner == 1) return sum_rows(from, view.outer, view.n, to, x.dtype(), x.device());
    const bool wide = view.inner % cuda::lanes<T> == 0 && cuda::aligned(from);
    cuda::sum_columns<T>("sum", view, cuda::Elements<T>{from}, to, x.device(), wide);
  });
}

void Cuda::sum_squares(const Array& x, const Array& out) {
  visit_floating("sum_squares", x.dtype(), [&](auto t) {
    using T = decltype(t);
    sum_rows(Squares<T>{x.data<const T>()}, 1, x.numel(), out.data<double>(), float64, x.device());
  });
}

void Cuda::max(const Array& x, AxisView view, const Array& values, const Array& indices) {
  const int64_t rows = view.outer * view.inner;
  visit(x.dtype(), [&](auto t) {
    using T = decltype(t);
    const bool of_threads = view.n <= 64 || view.inner > 1;  // one row per thread
    cuda::launch("max", of_threads ? max_kernel<1, T> : max_kernel<cuda::threads, T>,
                 cuda::blocks(of_threads ? rows : rows * cuda::threads), cuda::threads, view, x.data<const T>(),
                 values.data<T>(), indices.data<int32_t>());
  });
}

}  // namespace ramp

#pragma once
// Sums over the columns of matrices whose elements are read or computed on the fly. They are accumulated in pieces of
// fixed size and in a fixed order, so their bits depend on the shape alone.

#include <type_traits>

#include "ramp/core/array/array.h"
#include "ramp/cuda/launch.cuh"

namespace ramp::cuda {

/// `width` neighbours in a row, read and written as one.
template <class T, int width>
struct alignas(sizeof(T) * width) Neighbours {
  T at[width];
};

constexpr int column_lanes = 32;       // threads of a block along a row
constexpr int column_rows = 32;        // threads of a block along a column
constexpr int64_t column_piece = 256;  // rows that one block adds up

/// For a matrix [outer, n, inner]: each block adds up one piece of the rows, for column_lanes * width columns, into out
/// [outer, pieces, inner]. element.add(i, sum) adds the `width` elements from index i on to `sum`.
template <int width, class T, class Element>
__global__ void __launch_bounds__(column_lanes* column_rows)
    sum_columns_kernel(AxisView view, int64_t pieces, Element element, T* out) {
  __shared__ Neighbours<T, width> sums[column_rows][column_lanes];
  const auto [outer, n, inner] = view;
  const int64_t tile = column_lanes * width, tiles = (inner + tile - 1) / tile;
  for (int64_t b = blockIdx.x; b < outer * pieces * tiles; b += gridDim.x) {
    const int64_t column = b % tiles * tile + threadIdx.x * width, at = b / tiles, o = at / pieces;
    const int64_t begin = at % pieces * column_piece, end = min(n, begin + column_piece);
    Neighbours<T, width> sum{};
    if (column < inner)
      for (int64_t i = begin + threadIdx.y; i < end; i += column_rows)
        element.template add<width>((o * n + i) * inner + column, sum);
    sums[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    for (int half = column_rows / 2; half > 0; half /= 2) {
      if (threadIdx.y < half)
#pragma unroll
        for (int j = 0; j < width; ++j)
          sums[threadIdx.y][threadIdx.x].at[j] += sums[threadIdx.y + half][threadIdx.x].at[j];
      __syncthreads();
    }
    if (threadIdx.y == 0 && column < inner)
      *reinterpret_cast<Neighbours<T, width>*>(out + at * inner + column) = sums[0][threadIdx.x];
    // No barrier is needed: only this thread writes, in the next round, what it reads here.
  }
}

/// An `element` that reads the elements of an array.
template <class T>
struct Elements {
  const T* x;
  template <int width>
  __device__ void add(int64_t i, Neighbours<T, width>& sum) const {
    const auto more = *reinterpret_cast<const Neighbours<T, width>*>(x + i);
#pragma unroll
    for (int j = 0; j < width; ++j) sum.at[j] += more.at[j];
  }
};

/// out [outer, inner] = the sums over n of [outer, n, inner]. `wide`: every row of the arrays that `element` accesses
/// is aligned to 16 bytes.
template <class T, class Element>
void sum_columns(const char* op, AxisView view, const Element& element, T* out, Device device, bool wide) {
  const int64_t pieces = (view.n + column_piece - 1) / column_piece;
  Array partial;  // may be freed while in use: its next user is queued behind on the same stream
  T* to = out;
  if (pieces > 1) {
    partial = Array({view.outer * pieces * view.inner}, dtype_of<T>(), device);
    context().hold(partial);
    to = partial.data<T>();
  }
  const auto launch = [&]<int width>(std::integral_constant<int, width>) {
    const int64_t tile = column_lanes * width, tiles = view.outer * pieces * ((view.inner + tile - 1) / tile);
    cuda::launch(op, sum_columns_kernel<width, T, Element>, blocks(tiles * threads), dim3(column_lanes, column_rows),
                 view, pieces, element, to);
  };
  // With few rows every column gets a thread of its own: the time is then that of a single thread's work.
  if (wide && view.n > 2048 && aligned(to)) launch(std::integral_constant<int, lanes<T>>{});
  else launch(std::integral_constant<int, 1>{});
  if (pieces > 1)
    sum_columns<T>(op, {view.outer, pieces, view.inner}, Elements<T>{to}, out, device, wide && aligned(out));
}

}  // namespace ramp::cuda

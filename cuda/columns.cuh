#pragma once
// Sums over the columns of matrices, of numbers that are read or computed on the way. They are gathered in pieces of fixed
// extents and in a fixed order, so their bits depend on the shape alone.

#include "ramp/core/array_ops.h"
#include "ramp/cuda/launch.cuh"

namespace ramp::cuda {

/// `width` neighbours in a row, read and written as one.
template <class T, int width>
struct alignas(sizeof(T) * width) Neighbours {
  T at[width];
};

constexpr int column_lanes = 32;       // threads beside one another, along a row
constexpr int column_rows = 32;        // threads above one another
constexpr int64_t column_piece = 256;  // rows that one block adds up

/// x [outer, n, inner]: each block adds up a piece of the rows of column_lanes * width columns into out [outer, pieces,
/// inner]. `element` gives the numbers from index i on.
template <int width, class T, class Element>
__global__ void __launch_bounds__(column_lanes* column_rows)
    sum_columns_kernel(AxisView view, int64_t pieces, Element element, T* out) {
  __shared__ Neighbours<T, width> held[column_rows][column_lanes];
  const auto [outer, n, inner] = view;
  const int64_t tile = column_lanes * width, tiles = (inner + tile - 1) / tile;
  for (int64_t b = blockIdx.x; b < outer * pieces * tiles; b += gridDim.x) {
    const int64_t column = b % tiles * tile + threadIdx.x * width, at = b / tiles, o = at / pieces;
    const int64_t begin = at % pieces * column_piece, end = min(n, begin + column_piece);
    Neighbours<T, width> sum{};
    if (column < inner)
      for (int64_t i = begin + threadIdx.y; i < end; i += column_rows) {
        const Neighbours<T, width> x = element.template from<width>((o * n + i) * inner + column);
#pragma unroll
        for (int j = 0; j < width; ++j) sum.at[j] += x.at[j];
      }
    held[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    for (int half = column_rows / 2; half > 0; half /= 2) {
      if (threadIdx.y < half)
#pragma unroll
        for (int j = 0; j < width; ++j)
          held[threadIdx.y][threadIdx.x].at[j] += held[threadIdx.y + half][threadIdx.x].at[j];
      __syncthreads();
    }
    if (threadIdx.y == 0 && column < inner)
      reinterpret_cast<Neighbours<T, width>*>(out + at * inner + column)[0] = held[0][threadIdx.x];
    __syncthreads();
  }
}

/// The elements of an array.
template <class T>
struct Elements {
  const T* x;
  template <int width>
  __device__ Neighbours<T, width> from(int64_t i) const {
    return *reinterpret_cast<const Neighbours<T, width>*>(x + i);
  }
};

/// out [outer, inner] = the sums over n of element(i), i in [outer, n, inner]. `wide` says that rows begin on 16 bytes, of
/// what `element` reads too.
template <class T, class Element>
void sum_columns(const char* op, AxisView view, const Element& element, T* out, Device device, bool wide) {
  const int64_t pieces = (view.n + column_piece - 1) / column_piece;
  Array partial;  // freed while it is in use: the stream keeps its next user waiting
  T* to = out;
  if (pieces > 1) {
    partial = Array({view.outer * pieces * view.inner}, dtype_of<T>(), device);
    to = partial.data<T>();
  }
  const auto launch = [&]<int width>(std::integral_constant<int, width>) {
    const int64_t tile = column_lanes * width, tiles = view.outer * pieces * ((view.inner + tile - 1) / tile);
    sum_columns_kernel<width>
        <<<blocks(tiles * threads), dim3(column_lanes, column_rows), 0, context().stream>>>(view, pieces, element, to);
    check_launch(op);
  };
  // Of few rows every column gets a thread of its own: there the time is that of one thread's work.
  if (wide && view.n > 2048 && aligned(to)) launch(std::integral_constant<int, lanes<T>>{});
  else launch(std::integral_constant<int, 1>{});
  if (pieces > 1)
    sum_columns<T>(op, {view.outer, pieces, view.inner}, Elements<T>{to}, out, device, wide && aligned(out));
}

}  // namespace ramp::cuda

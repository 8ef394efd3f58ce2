// Moving elements: copies, transposes, gathering and scattering.

#include "ramp/cuda/cuda.h"
#include "ramp/cuda/device_error.h"
#include "ramp/cuda/launch.cuh"

namespace ramp {

namespace {

template <class T>
struct CopyBlocks {
  BlockCopy blocks;
  const T* from;
  T* to;
  __device__ void operator()(int64_t i) const {
    const int64_t block = i / blocks.size, at = i % blocks.size;
    to[blocks.to_offset + block * blocks.to_stride + at] = from[blocks.from_offset + block * blocks.from_stride + at];
  }
};

constexpr int tile = 32, tile_rows = 8;

/// Tiles go through shared memory, so that x is read and out is written along their rows.
template <class T>
__global__ void __launch_bounds__(tile* tile_rows) transpose_kernel(int64_t m, int64_t n, const T* x, T* out) {
  __shared__ T held[tile][tile + 1];  // one more column, so that a column's elements lie in different banks
  const int64_t across = (n + tile - 1) / tile, tiles = across * ((m + tile - 1) / tile);
  for (int64_t t = blockIdx.x; t < tiles; t += gridDim.x) {
    const int64_t row = t / across * tile, column = t % across * tile;
    for (int r = threadIdx.y; r < tile; r += tile_rows)
      if (row + r < m && column + threadIdx.x < n) held[r][threadIdx.x] = x[(row + r) * n + column + threadIdx.x];
    __syncthreads();
    for (int r = threadIdx.y; r < tile; r += tile_rows)
      if (column + r < n && row + threadIdx.x < m) out[(column + r) * m + row + threadIdx.x] = held[threadIdx.x][r];
    __syncthreads();
  }
}

/// Copies rows of `width` words each.
template <class Word>
struct Gather {
  int64_t n, width;
  const Word* x;
  const int32_t* indices;
  Word* out;
  cuda::DeviceError* device_error;
  __device__ void operator()(int64_t i) const {
    const int64_t row = i / width, index = indices[row];
    if (index < 0 || index >= n) cuda::report(device_error, row);
    else out[i] = x[index * width + i % width];
  }
};

struct CheckIndices {
  int64_t n;
  const int32_t* indices;
  cuda::DeviceError* device_error;
  __device__ void operator()(int64_t i) const {
    if (indices[i] < 0 || indices[i] >= n) cuda::report(device_error, i);
  }
};

/// One thread per column adds the rows in order: indices may repeat, and the sums must be deterministic. The indices
/// are checked again because, in a replay, the gather before this may have set the error flag, which is read later.
template <class T>
struct ScatterAdd {
  int64_t n, rows, width;
  const T* x;
  const int32_t* indices;
  T* out;
  __device__ void operator()(int64_t column) const {
    for (int64_t i = 0; i < rows; ++i)
      if (indices[i] >= 0 && indices[i] < n) out[indices[i] * width + column] += x[i * width + column];
  }
};

template <class T>
struct ScatterAxis {
  AxisView view;
  const T* x;
  const int32_t* indices;
  T* out;
  __device__ void operator()(int64_t at) const {
    const int64_t o = at / view.inner, i = at % view.inner;
    out[(o * view.n + indices[at]) * view.inner + i] = x[at];
  }
};

template <class Word>
void gather_words(const Array& x, const Array& indices, const Array& out, int64_t row_bytes) {
  const int64_t width = row_bytes / static_cast<int64_t>(sizeof(Word));
  cuda::each(
      "gather", indices.numel() * width,
      Gather<Word>{x.shape()[0], width, static_cast<const Word*>(x.data<const void>()), indices.data<const int32_t>(),
                   static_cast<Word*>(out.data<void>()), cuda::context().device_error});
}

}  // namespace

void Cuda::copy(const Array& from, const Array& to) {
  const auto bytes = static_cast<size_t>(from.bytes());
  const cudaStream_t stream = cuda::context().stream;
  const bool local = from.device().is_cuda() && to.device().is_cuda();
  if (!local) cuda::leave_capture("copy", "a copy between the CPU and a CUDA device (item() is one)");
  // A copy to another device first waits for the work that is queued there.
  if (local && from.device() != to.device()) {
    use(to.device().index);
    synchronize();
    use(from.device().index);
  }
  cuda::check("copy", cudaMemcpyAsync(to.data<void>(), from.data<const void>(), bytes, cudaMemcpyDefault, stream));
  if (!local || from.device() != to.device()) {
    cuda::check("copy", cudaStreamSynchronize(stream));
    cuda::throw_device_error();
  }
}

void Cuda::copy_blocks(const Array& from, const Array& to, const BlockCopy& blocks) {
  visit(from.dtype(), [&](auto t) {
    using T = decltype(t);
    cuda::each("copy_blocks", blocks.blocks * blocks.size, CopyBlocks<T>{blocks, from.data<const T>(), to.data<T>()});
  });
}

void Cuda::transpose(const Array& x, const Array& out) {
  const int64_t m = x.shape()[0], n = x.shape()[1];
  if (m == 0 || n == 0) return;
  const int64_t tiles = (m + tile - 1) / tile * ((n + tile - 1) / tile);
  visit(x.dtype(), [&](auto t) {
    using T = decltype(t);
    cuda::launch("transpose", transpose_kernel<T>, cuda::blocks(tiles * cuda::threads), dim3(tile, tile_rows), m, n,
                 x.data<const T>(), out.data<T>());
  });
}

void Cuda::gather(const Array& x, const Array& indices, const Array& out) {
  const int64_t k = indices.numel();
  if (k == 0) return;
  const int64_t row = out.bytes() / k;
  const auto fits = [&](int64_t width) {
    return row % width == 0 && reinterpret_cast<uintptr_t>(x.data<const void>()) % static_cast<uintptr_t>(width) == 0 &&
           reinterpret_cast<uintptr_t>(out.data<const void>()) % static_cast<uintptr_t>(width) == 0;
  };
  if (row == 0)
    cuda::each("gather", k, CheckIndices{x.shape()[0], indices.data<const int32_t>(), cuda::context().device_error});
  else if (fits(16)) gather_words<uint4>(x, indices, out, row);
  else if (fits(4)) gather_words<uint32_t>(x, indices, out, row);
  else gather_words<uint8_t>(x, indices, out, row);
  cuda::check_positions("gather", "indices", x.shape()[0], indices, "position");
}

void Cuda::scatter_add(const Array& x, const Array& indices, const Array& out) {
  if (out.numel() == 0) return;
  fill(out, 0);
  if (x.numel() == 0) return;
  const int64_t k = indices.numel(), width = x.numel() / k;
  visit_floating("gather", x.dtype(), [&](auto t) {
    using T = decltype(t);
    const ScatterAdd<T> add{out.shape()[0], k, width, x.data<const T>(), indices.data<const int32_t>(), out.data<T>()};
    cuda::each("gather", width, add);
  });
}

void Cuda::scatter_axis(const Array& x, const Array& indices, AxisView view, const Array& out) {
  if (out.numel() == 0) return;
  fill(out, 0);
  visit_floating("max", x.dtype(), [&](auto t) {
    using T = decltype(t);
    cuda::each("max", view.outer * view.inner,
               ScatterAxis<T>{view, x.data<const T>(), indices.data<const int32_t>(), out.data<T>()});
  });
}

}  // namespace ramp

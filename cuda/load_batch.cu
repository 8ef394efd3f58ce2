// Batches: rows of two arrays gathered in one pass, the first standardized on the way.

#include "ramp/core/formulas/saturate_cast.h"
#include "ramp/cuda/cuda.h"
#include "ramp/cuda/device_error.h"
#include "ramp/cuda/launch.cuh"

namespace ramp {

namespace {

/// A table of the result for each value of a byte, computed once per block.
struct Bytes {
  using To = float;
  float of[256];
  __device__ void prepare(const double* mean, const double* stddev) {
    for (int i = threadIdx.x; i < 256; i += blockDim.x) of[i] = standardized(static_cast<uint8_t>(i), *mean, *stddev);
  }
  __device__ float operator()(uint8_t x, int64_t) const { return of[x]; }
};
/// One mean and standard deviation for all elements, or one for each element of a row.
template <class Result, bool same>
struct Standardize {
  using To = Result;
  const double *mean, *stddev;
  __device__ void prepare(const double* m, const double* s) {
    if (threadIdx.x == 0) mean = m, stddev = s;
  }
  template <class T>
  __device__ To operator()(T x, int64_t column) const {
    const int64_t j = same ? 0 : column;
    return static_cast<To>(standardized(x, mean[j], stddev[j]));
  }
};
/// Words of any dtype's rows, as they are.
template <class Word>
struct Copy {
  using To = Word;
  __device__ void prepare(const double*, const double*) {}
  __device__ Word operator()(Word x, int64_t) const { return x; }
};

template <class T, class To>
struct Load {
  int64_t n, rows, x_width, y_width;  // y's in words of 4 bytes, or in bytes
  const T* x;
  const void* y;
  const int32_t* indices;
  const double *mean, *stddev;
  To* to_x;
  void* to_y;
  bool y_words;
  cuda::DeviceError* device_error;
};

/// Each thread loads `width` neighbours in a row of x at a time, or one word of y.
template <int width, class T, class Values>
__global__ void __launch_bounds__(cuda::threads) load_batch_kernel(Load<T, typename Values::To> load) {
  using To = typename Values::To;
  __shared__ Values values;
  values.prepare(load.mean, load.stddev);
  __syncthreads();
  constexpr int step = width % cuda::lanes<To> == 0 ? cuda::lanes<To> : 1;
  struct alignas(sizeof(T) * width) Some {
    T at[width];
  };
  struct alignas(sizeof(To) * step) Result {
    To at[step];
  };
  const int64_t packs = load.x_width / width, of_x = load.rows * packs, all = of_x + load.rows * load.y_width;
  for (int64_t p = cuda::first_element(); p < all; p += cuda::grid_stride()) {
    const int64_t i = p < of_x ? p / packs : (p - of_x) / load.y_width, row = load.indices[i];
    if (row < 0 || row >= load.n) {
      cuda::report(load.device_error, i);
      continue;
    }
    if (p >= of_x) {
      const int64_t to = p - of_x, from = row * load.y_width + to % load.y_width;
      if (load.y_words) static_cast<uint32_t*>(load.to_y)[to] = static_cast<const uint32_t*>(load.y)[from];
      else static_cast<uint8_t*>(load.to_y)[to] = static_cast<const uint8_t*>(load.y)[from];
      continue;
    }
    const int64_t at = p % packs * width;
    const Some x = *reinterpret_cast<const Some*>(load.x + row * load.x_width + at);
    To* to = load.to_x + i * load.x_width + at;
#pragma unroll
    for (int j = 0; j < width; j += step) {
      Result y;
#pragma unroll
      for (int lane = 0; lane < step; ++lane) y.at[lane] = values(x.at[j + lane], at + j + lane);
      *reinterpret_cast<Result*>(to + j) = y;
    }
  }
}

/// Whether rows of so many bytes can be read and written in words of 4 bytes.
bool in_words(int64_t row_bytes, const void* from, const void* to) {
  return row_bytes % 4 == 0 && reinterpret_cast<uintptr_t>(from) % 4 == 0 && reinterpret_cast<uintptr_t>(to) % 4 == 0;
}

}  // namespace

void Cuda::load_batch(const Array& x, const Array& y, const Array& indices, const Array& mean, const Array& stddev,
                      const Array& to_x, const Array& to_y) {
  const int64_t k = indices.numel(), x_bytes = to_x.bytes() / k, y_bytes = to_y.bytes() / k;
  const auto run = [&]<class T, class Values>(T, Values*) {
    using To = typename Values::To;
    const bool y_words = in_words(y_bytes, y.data<const void>(), to_y.data<void>());
    const Load<T, To> load{
        .n = x.shape()[0],
        .rows = k,
        .x_width = x_bytes / static_cast<int64_t>(sizeof(To)),
        .y_width = y_words ? y_bytes / 4 : y_bytes,
        .x = static_cast<const T*>(x.data<const void>()),
        .y = y.data<const void>(),
        .indices = indices.data<const int32_t>(),
        .mean = mean.defined() ? mean.data<const double>() : nullptr,
        .stddev = mean.defined() ? stddev.data<const double>() : nullptr,
        .to_x = static_cast<To*>(to_x.data<void>()),
        .to_y = to_y.data<void>(),
        .y_words = y_words,
        // The host does not wait for the loader's kernels: they set the flag of throw_device_error().
        .device_error = cuda::context().device_errors + 1};
    constexpr int width = cuda::lanes<T>;
    const bool wide = load.x_width % width == 0 && cuda::aligned(load.x) && cuda::aligned(load.to_x);
    cuda::launch("load_batch", wide ? load_batch_kernel<width, T, Values> : load_batch_kernel<1, T, Values>,
                 cuda::blocks(k * (load.x_width / (wide ? width : 1) + load.y_width)), cuda::threads, load);
  };
  const auto standardize = [&]<class T, class To>(T, To) {
    if (mean.numel() == 1) run(T(), static_cast<Standardize<To, true>*>(nullptr));
    else run(T(), static_cast<Standardize<To, false>*>(nullptr));
  };
  if (!mean.defined() && in_words(x_bytes, x.data<const void>(), to_x.data<void>()))
    run(uint32_t(), static_cast<Copy<uint32_t>*>(nullptr));
  else if (!mean.defined()) run(uint8_t(), static_cast<Copy<uint8_t>*>(nullptr));
  else if (x.dtype() == uint8 && mean.numel() == 1) run(uint8_t(), static_cast<Bytes*>(nullptr));
  else if (x.dtype() == uint8) standardize(uint8_t(), float());
  else if (x.dtype() == int32) standardize(int32_t(), float());
  else if (x.dtype() == float32) standardize(float(), float());
  else standardize(double(), double());
}

}  // namespace ramp

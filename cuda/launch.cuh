#pragma once
// Launches of kernels over many elements. The loops are grid-stride, so every grid size is correct, and results never
// depend on it.

#include <algorithm>
#include <cstdint>

#include "ramp/core/formulas/math.h"
#include "ramp/cuda/check.h"
#include "ramp/cuda/context.h"

namespace ramp::cuda {

constexpr int threads = 256;  // per block

/// Enough blocks for n threads, but no more than 32 per multiprocessor.
inline unsigned blocks(int64_t n) {
  const int64_t wanted = (n + threads - 1) / threads, useful = int64_t{context().processors} * 32;
  return static_cast<unsigned>(std::clamp<int64_t>(wanted, 1, useful));
}

/// Queues kernel(arguments...) on the current stream of the context. Kernels are launched only here.
template <class... Parameters, class... Arguments>
void launch(const char* op, void (*kernel)(Parameters...), unsigned blocks, dim3 threads,
            const Arguments&... arguments) {
  cudaLaunchConfig_t config{};
  config.gridDim = blocks;
  config.blockDim = threads;
  config.stream = context().stream;
  check(op, cudaLaunchKernelEx(&config, kernel, arguments...));
  check_launch(op);
}

__device__ inline int64_t first_element() { return int64_t{blockIdx.x} * blockDim.x + threadIdx.x; }
__device__ inline int64_t grid_stride() { return int64_t{gridDim.x} * blockDim.x; }

template <class F>
__global__ void __launch_bounds__(threads) each_kernel(int64_t n, F f) {
  for (int64_t i = first_element(); i < n; i += grid_stride()) f(i);
}

/// Calls f(i) for each i in [0, n), in any order. F is a struct with a __device__ operator().
template <class F>
void each(const char* op, int64_t n, const F& f) {
  if (n == 0) return;
  launch(op, each_kernel<F>, blocks(n), threads, n, f);
}

// ---- Sixteen bytes at a time ----------------------------------------------------------------------------------------

template <class T>
constexpr int lanes = 16 / sizeof(T);

template <class T>
struct alignas(16) Lanes {
  T at[lanes<T>];
};

inline bool aligned(const void* data) { return reinterpret_cast<uintptr_t>(data) % 16 == 0; }

/// An input of zip(): an array, or a single number for all elements.
template <class T, bool moves>
struct Input {
  const T* data;
  __device__ Lanes<T> load(int64_t pack) const {
    if constexpr (moves) {
      return reinterpret_cast<const Lanes<T>*>(data)[pack];
    } else {
      Lanes<T> all;
      for (T& x : all.at) x = *data;
      return all;
    }
  }
  __device__ T operator[](int64_t i) const { return moves ? data[i] : *data; }
  bool fits() const { return !moves || aligned(data); }
};

template <class T, class F, class... Inputs>
__global__ void __launch_bounds__(threads) zip_kernel(int64_t n, int64_t packs, F f, T* out, Inputs... inputs) {
  for (int64_t p = first_element(); p < packs; p += grid_stride()) {
    Lanes<T> y;
    const auto all = [&](const auto&... x) {
#pragma unroll
      for (int j = 0; j < lanes<T>; ++j) y.at[j] = f(x.at[j]...);
    };
    all(inputs.load(p)...);
    reinterpret_cast<Lanes<T>*>(out)[p] = y;
  }
  for (int64_t i = packs * lanes<T> + first_element(); i < n; i += grid_stride()) out[i] = f(inputs[i]...);
}

/// out[i] = f(inputs[i]...) for i in [0, n). `out` may be one of the inputs.
template <class T, class F, class... Inputs>
void zip(const char* op, int64_t n, const F& f, T* out, Inputs... inputs) {
  if (n == 0) return;
  const bool fit = aligned(out) && (inputs.fits() && ...);
  const int64_t packs = fit ? n / lanes<T> : 0;
  launch(op, zip_kernel<T, F, Inputs...>, blocks(fit ? packs : n), threads, n, packs, f, out, inputs...);
}

}  // namespace ramp::cuda

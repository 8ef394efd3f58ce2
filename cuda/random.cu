// Random numbers, bit for bit those of the CPU backend.

#include <algorithm>

#include "ramp/core/random/philox.h"
#include "ramp/cuda/cuda.h"
#include "ramp/cuda/launch.cuh"

namespace ramp {

namespace {

/// Writes block i of the stream's uniform numbers, each passed through f.
template <class T, class F>
struct FromUniform {
  RandomKey key;
  const RandomKey* replayed;  // in a captured step, the address of the current key, else null
  F f;
  int64_t n;
  T* out;
  __device__ void operator()(int64_t block) const { write_block(replayed ? *replayed : key, block, n, f, out); }
};

template <class T, class F>
void from_uniform(const char* op, const Array& out, RandomKey key, const F& f) {
  constexpr int64_t size = UniformBlock<T>::size;
  cuda::each(op, (out.numel() + size - 1) / size,
             FromUniform<T, F>{key, cuda::replay_key(op, key), f, out.numel(), out.data<T>()});
}

/// Passed by value, so that nothing on the host has to outlive the call.
struct Keys {
  static constexpr int most = 64;
  RandomKey at[most];
};
__global__ void write_keys_kernel(Keys keys, int n, RandomKey* to) {
  if (static_cast<int>(threadIdx.x) < n) to[threadIdx.x] = keys.at[threadIdx.x];
}

}  // namespace

void cuda::write_keys(std::span<const RandomKey> keys, RandomKey* to) {
  for (size_t done = 0; done < keys.size(); done += Keys::most) {
    Keys some{};
    const size_t n = std::min<size_t>(keys.size() - done, Keys::most);
    std::copy_n(keys.begin() + static_cast<std::ptrdiff_t>(done), n, some.at);
    launch("capture", write_keys_kernel, 1, Keys::most, some, static_cast<int>(n), to + done);
  }
}

void Cuda::uniform(const Array& out, double low, double high, RandomKey key) {
  visit_floating("uniform", out.dtype(),
                 [&]<class T>(T) { from_uniform<T>("uniform", out, key, UniformBetween<T>(low, high)); });
}

void Cuda::dropout_mask(const Array& out, double keep, RandomKey key) {
  visit_floating("dropout", out.dtype(),
                 [&]<class T>(T) { from_uniform<T>("dropout", out, key, DropoutMask<T>(keep)); });
}

}  // namespace ramp

// Random numbers, bit for bit those of the CPU backend. As there, each operation is rounded by itself: a fused
// multiply-add would give other bits.

#include <cmath>

#include "ramp/core/random/philox.h"
#include "ramp/cuda/cuda.h"
#include "ramp/cuda/launch.cuh"

namespace ramp {

namespace {

__device__ float multiply_add(float a, float b, float c) { return __fadd_rn(__fmul_rn(a, b), c); }
__device__ double multiply_add(double a, double b, double c) { return __dadd_rn(__dmul_rn(a, b), c); }

template <class T>
struct Uniform {
  T base, span, last;
  __device__ T operator()(T u) const {
    const T x = multiply_add(span, u, base);
    return last < x ? last : x;
  }
};

template <class T>
struct Mask {
  T threshold, scale;
  __device__ T operator()(T u) const { return u < threshold ? scale : T(0); }
};

/// Writes block i of the stream's uniform numbers, each passed through f.
template <class T, class F>
struct FromUniform {
  RandomKey key;
  const RandomKey* replayed;  // in a captured step, the address of the current key, else null
  F f;
  int64_t n;
  T* out;
  __device__ void operator()(int64_t block) const {
    using Block = UniformBlock<T>;
    const Block numbers{random_words(replayed ? *replayed : key, static_cast<uint64_t>(block))};
    for (int j = 0; j < Block::size; ++j)
      if (block * Block::size + j < n) out[block * Block::size + j] = f(numbers[j]);
  }
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
  visit_floating("uniform", out.dtype(), [&](auto t) {
    using T = decltype(t);
    const T base = static_cast<T>(low), span = static_cast<T>(high - low);
    from_uniform<T>("uniform", out, key, Uniform<T>{base, span, std::nextafter(static_cast<T>(high), base)});
  });
}

void Cuda::dropout_mask(const Array& out, double keep, RandomKey key) {
  visit_floating("dropout", out.dtype(), [&](auto t) {
    using T = decltype(t);
    const double kept = share_below<T>(keep);
    from_uniform<T>("dropout", out, key, Mask<T>{static_cast<T>(kept), static_cast<T>(1 / kept)});
  });
}

}  // namespace ramp

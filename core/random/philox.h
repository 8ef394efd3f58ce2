#pragma once
// How random words become random numbers. The CPU and the CUDA kernels share this, so that both give the same bits.

#include <Random123/philox.h>

#include "ramp/core/formulas/math.h"
#include "ramp/core/random/key.h"

namespace ramp {

using RandomWords = r123::Philox4x32::ctr_type;  // four 32-bit words

/// Words 4 * block .. 4 * block + 3 of the stream of `key`.
RAMP_HD inline RandomWords random_words(RandomKey key, uint64_t block) {
  const auto low = [](uint64_t x) { return static_cast<uint32_t>(x); };
  const auto high = [](uint64_t x) { return static_cast<uint32_t>(x >> 32); };
  const RandomWords counter = {{low(block), high(block), low(key.ticket), high(key.ticket)}};
  return r123::Philox4x32{}(counter, {{low(key.seed), high(key.seed)}});
}

/// In [0, 1), a multiple of 2^-24: exact in float.
RAMP_HD inline float unit_float(uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24f; }
/// In [0, 1), a multiple of 2^-53: exact in double.
RAMP_HD inline double unit_double(uint32_t low, uint32_t high) {
  return static_cast<double>(((static_cast<uint64_t>(high) << 32 | low) >> 11)) * 0x1p-53;
}

/// The uniform numbers of T from one block of words: a float takes one word, a double two.
template <class T>
struct UniformBlock {
  static constexpr int size = sizeof(T) == 4 ? 4 : 2;  // numbers per block of four words
  RandomWords words;
  RAMP_HD T operator[](int i) const {
    if constexpr (sizeof(T) == 4) return unit_float(words[i]);
    else return unit_double(words[2 * i], words[2 * i + 1]);
  }
};

/// Writes f(u) for the numbers u of one block of the stream of `key`, to out[i] for those whose position i is below n.
template <class T, class F>
RAMP_HD void write_block(RandomKey key, int64_t block, int64_t n, const F& f, T* out) {
  using Block = UniformBlock<T>;
  const Block numbers{random_words(key, static_cast<uint64_t>(block))};
  const int64_t first = block * Block::size;
  for (int j = 0; j < Block::size && first + j < n; ++j) out[first + j] = f(numbers[j]);
}

/// From [0, 1) to [low, high). Each operation is rounded by itself, since a fused multiply-add would give other bits;
/// the CPU's are compiled with -ffp-contract=off.
template <class T>
struct UniformBetween {
  T base, span, last;
  UniformBetween(double low, double high)
      : base(static_cast<T>(low)),
        span(static_cast<T>(high - low)),
        last(std::nextafter(static_cast<T>(high), base)) {}  // rounding may give base + span u = `high`
  RAMP_HD T operator()(T u) const {
#ifdef __CUDA_ARCH__
    T x;
    if constexpr (sizeof(T) == 4) x = __fadd_rn(__fmul_rn(span, u), base);
    else x = __dadd_rn(__dmul_rn(span, u), base);
#else
    const T x = span * u + base;
#endif
    return last < x ? last : x;
  }
};

/// `keep` rounded to a multiple of 2^-24 (float) or 2^-53 (double), but at least one of them: exactly this share of T's
/// uniform numbers lies below it.
template <class T>
double share_below(double keep) {
  constexpr double numbers = sizeof(T) == 4 ? 0x1p24 : 0x1p53;
  return std::fmax(std::round(keep * numbers), 1) / numbers;
}

/// From [0, 1) to the mask of inverted dropout: 1 / keep with probability `keep`, else 0.
template <class T>
struct DropoutMask {
  T threshold, scale;
  explicit DropoutMask(double keep)
      : threshold(static_cast<T>(share_below<T>(keep))), scale(static_cast<T>(1 / share_below<T>(keep))) {}
  RAMP_HD T operator()(T u) const { return u < threshold ? scale : T(0); }
};

}  // namespace ramp

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

/// `keep` rounded to a multiple of 2^-24 (float) or 2^-53 (double), but at least one of them: exactly this share of T's
/// uniform numbers lies below it.
template <class T>
double share_below(double keep) {
  constexpr double numbers = sizeof(T) == 4 ? 0x1p24 : 0x1p53;
  return std::fmax(std::round(keep * numbers), 1) / numbers;
}

}  // namespace ramp

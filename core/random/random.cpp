#include "ramp/core/random/random.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "ramp/core/error.h"
#include "ramp/core/hooks.h"
#include "ramp/core/random/philox.h"

namespace ramp {

RandomKey Generator::next() {
  if (CaptureListener* listener = capturing()) listener->draw(*this, {seed_, ticket_});
  return {seed_, ticket_++};
}

void Generator::set_state(uint64_t seed, uint64_t ticket) {
  stop_capture("generator", "setting its state cannot be part of a captured step");
  seed_ = seed, ticket_ = ticket;
}

Generator& default_generator() {
  static Generator generator;
  return generator;
}

void manual_seed(uint64_t seed) { default_generator().set_state(seed, 0); }

std::vector<int32_t> random_permutation(int64_t n, Generator& generator) {
  if (n < 0 || n > std::numeric_limits<int32_t>::max()) fail("random_permutation", "n must fit 31 bits, got ", n);
  stop_capture("random_permutation", "a shuffle cannot be part of a captured step; pass its result in as an input");
  const RandomKey key = generator.next();
  std::vector<int32_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  for (int64_t i = n - 1; i > 0; --i) {
    // 64 random bits scaled to [0, i]: the bias is at most i / 2^64.
    const RandomWords words = random_words(key, static_cast<uint64_t>(i));
    const uint64_t bits = static_cast<uint64_t>(words[1]) << 32 | words[0];
    const auto j = static_cast<int64_t>(static_cast<unsigned __int128>(bits) * static_cast<uint64_t>(i + 1) >> 64);
    std::swap(order[static_cast<size_t>(i)], order[static_cast<size_t>(j)]);
  }
  return order;
}

}  // namespace ramp

#include <algorithm>
#include <cmath>

#include "ramp/core/cpu/cpu.h"
#include "ramp/core/cpu/parallel.h"
#include "ramp/core/random/philox.h"

namespace ramp {

namespace {

/// out[i] = f(u_i), where u_i is the i-th uniform number of the key's stream.
template <class T, class F>
void from_uniform(const Array& out, RandomKey key, F f) {
  using Block = UniformBlock<T>;
  const int64_t n = out.numel();
  // Replays of a captured step read their own key here.
  const RandomKey* replayed = cpu::replay_key(key);
  parallel_for((n + Block::size - 1) / Block::size, 1 << 11,
               [n, key, replayed, f](T* to, int64_t begin, int64_t end) {
                 for (int64_t block = begin; block < end; ++block) {
                   const Block numbers{random_words(replayed ? *replayed : key, static_cast<uint64_t>(block))};
                   for (int64_t j = 0; j < Block::size && block * Block::size + j < n; ++j)
                     to[block * Block::size + j] = f(numbers[static_cast<int>(j)]);
                 }
               },
               Access<T>{out, n % Block::size != 0});
}

}  // namespace

void Cpu::uniform(const Array& out, double low, double high, RandomKey key) {
  visit_floating("uniform", out.dtype(), [&](auto t) {
    using T = decltype(t);
    const T base = static_cast<T>(low), span = static_cast<T>(high - low);
    // Rounding may give base + span u = `high`, but the interval is half open.
    const T last = std::nextafter(static_cast<T>(high), base);
    from_uniform<T>(out, key, [=](T u) { return std::min(base + span * u, last); });
  });
}

void Cpu::dropout_mask(const Array& out, double keep, RandomKey key) {
  visit_floating("dropout", out.dtype(), [&](auto t) {
    using T = decltype(t);
    const double kept = share_below<T>(keep);
    const T threshold = static_cast<T>(kept), scale = static_cast<T>(1 / kept);
    from_uniform<T>(out, key, [=](T u) { return u < threshold ? scale : T(0); });
  });
}

}  // namespace ramp

#include "ramp/core/cpu/cpu.h"
#include "ramp/core/cpu/parallel.h"
#include "ramp/core/random/philox.h"

namespace ramp {

namespace {

/// out[i] = f(u_i), where u_i is the i-th uniform number of the key's stream.
template <class T, class F>
void from_uniform(const Array& out, RandomKey key, const F& f) {
  constexpr int64_t size = UniformBlock<T>::size;
  const int64_t n = out.numel();
  // Replays of a captured step read their own key here.
  const RandomKey* replayed = cpu::replay_key(key);
  parallel_for((n + size - 1) / size, 1 << 11,
               [n, key, replayed, f](T* to, int64_t begin, int64_t end) {
                 for (int64_t block = begin; block < end; ++block)
                   write_block(replayed ? *replayed : key, block, n, f, to);
               },
               Access<T>{out, n % size != 0});
}

}  // namespace

void Cpu::uniform(const Array& out, double low, double high, RandomKey key) {
  visit_floating("uniform", out.dtype(), [&]<class T>(T) { from_uniform<T>(out, key, UniformBetween<T>(low, high)); });
}

void Cpu::dropout_mask(const Array& out, double keep, RandomKey key) {
  visit_floating("dropout", out.dtype(), [&]<class T>(T) { from_uniform<T>(out, key, DropoutMask<T>(keep)); });
}

}  // namespace ramp

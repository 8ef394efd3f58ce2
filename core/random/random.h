#pragma once
// Counter-based random numbers: Philox4x32-10 (Salmon et al. 2011, from Random123). A random array is a pure function
// of (seed, ticket, element), so the same seed gives the same numbers on any number of threads, on CPU and CUDA, with
// any standard library.

#include <cstdint>
#include <vector>

#include "ramp/core/hooks.h"
#include "ramp/core/random/key.h"

namespace ramp {

/// Gives each random operation a new key. Not for use by several threads at once.
class Generator {
 public:
  explicit Generator(uint64_t seed = 0) : seed_(seed) {}
  RandomKey next();

  uint64_t seed() const { return seed_; }
  /// The number of keys given out. Together with the seed it is the whole state.
  uint64_t ticket() const { return ticket_; }
  /// Cannot be part of a captured step (capture.h).
  void set_state(uint64_t seed, uint64_t ticket);
  const CaptureId& capture_id() const { return capture_id_; }

 private:
  uint64_t seed_;
  uint64_t ticket_ = 0;
  CaptureId capture_id_;
};

/// The generator of operations that are not given one. Its seed is 0 at the start.
Generator& default_generator();
/// Restarts the default generator: the same seed gives the same weights, masks and shuffles.
void manual_seed(uint64_t seed);

/// A uniform shuffle of 0 .. n-1 (Fisher & Yates).
std::vector<int32_t> random_permutation(int64_t n, Generator& generator = default_generator());

}  // namespace ramp

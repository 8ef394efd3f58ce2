#pragma once

#include <cstdint>

namespace ramp {

/// The key of one random operation.
struct RandomKey {
  uint64_t seed;
  uint64_t ticket;
};

}  // namespace ramp

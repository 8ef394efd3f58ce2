#pragma once

#include <cstdint>

namespace ramp {

/// What one random operation is keyed by.
struct RandomKey {
  uint64_t seed;
  uint64_t ticket;
};

}  // namespace ramp

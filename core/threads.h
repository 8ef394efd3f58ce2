#pragma once
// How many threads the CPU backend uses: one pool, OpenMP's.

#include <cstdint>

namespace ramp {

/// At least 1; throws Error otherwise. Without OpenMP there is always one.
void set_num_threads(int threads);
int num_threads();

}  // namespace ramp

#pragma once
// Loops over the pool's threads.

#include <algorithm>
#include <cstdint>

#include "ramp/core/threads.h"

namespace ramp {

/// Calls body(begin, end) over [0, n) in pieces of `grain` (the last may be shorter), on several threads when there are
/// several pieces. The pieces do not depend on the number of threads. The body must not throw.
template <class Body>
void parallel_for(int64_t n, int64_t grain, const Body& body) {
  const int64_t pieces = (n + grain - 1) / grain;
  if (pieces <= 1 || num_threads() == 1) {
    for (int64_t begin = 0; begin < n; begin += grain) body(begin, std::min(n, begin + grain));
    return;
  }
#pragma omp parallel for schedule(static) num_threads(static_cast <int>(std::min <int64_t>(pieces, num_threads())))
  for (int64_t piece = 0; piece < pieces; ++piece) body(piece * grain, std::min(n, (piece + 1) * grain));
}

}  // namespace ramp

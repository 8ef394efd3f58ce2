#include "ramp/core/cpu/parallel.h"

#include <algorithm>
#include <atomic>

#include "ramp/core/backend/threads.h"
#include "ramp/core/random/key.h"

namespace ramp {

int64_t pieces(double grains, int64_t rows) {
  const int64_t threads = num_threads();
  if (threads == 1) return 1;
  const auto one_each = static_cast<int64_t>(std::min(grains, static_cast<double>(threads)));
  // At least half a millisecond each, and enough rows for the kernel of a matrix product to run at full speed.
  const int64_t more = std::min({static_cast<int64_t>(grains / 50), 4 * threads, rows / 64});
  return std::clamp<int64_t>(std::max(one_each, more), 1, rows);
}

const RandomKey* cpu::replay_key(RandomKey key) {
  LoopRecorder* const recorder = loop_recorder();
  return recorder ? recorder->replay_key(key) : nullptr;
}

void cpu::refuse(int64_t n, int64_t grain) {
  fail("parallel_for", "expected n >= 0 and grain >= 1, got ", n, " and ", grain);
}

void cpu::run(int64_t n, int64_t grain, Call* call, const void* body, void* const* data) {
  const int64_t count = pieces(static_cast<double>(n) / static_cast<double>(grain), n);
  if (count == 1) return call(body, data, 0, n);
  std::atomic<int64_t> next{0};
  run_on_pool([&] {
    for (int64_t piece; (piece = next.fetch_add(1)) < count;)
      call(body, data, piece * n / count, (piece + 1) * n / count);
  });
}

}  // namespace ramp

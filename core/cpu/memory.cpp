// The CPU's cached allocator: freed blocks wait in lists by size for the next tensor that wants one.

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "ramp/core/cpu/cpu.h"

namespace ramp {

namespace {

constexpr int64_t alignment = 256;

/// Sizes come in steps of an eighth of their power of two (at least 256 bytes): at most 1/8 is wasted, and a shape that
/// changes a little still finds its block.
int64_t rounded(int64_t bytes) {
  int64_t step = alignment;
  while (step * 16 <= bytes) step *= 2;
  return std::max(alignment, (bytes + step - 1) / step * step);
}

struct Cache {
  std::mutex mutex;  // a loader's thread allocates too
  std::unordered_map<int64_t, std::vector<void*>> free;
  MemoryStats stats;
};
/// Never destroyed: tensors in static variables may outlive any static of ours.
Cache& cache() {
  static Cache& instance = *new Cache;
  return instance;
}

}  // namespace

void* Cpu::allocate(int64_t bytes) {
  const int64_t size = rounded(bytes);
  Cache& c = cache();
  std::lock_guard lock(c.mutex);
  auto& blocks = c.free[size];
  void* data;
  if (!blocks.empty()) {
    data = blocks.back();
    blocks.pop_back();
    c.stats.cached_bytes -= size;
  } else {
    data = std::aligned_alloc(alignment, static_cast<size_t>(size));
    if (!data) fail("allocate", "out of memory: asked for ", size, " bytes with ", c.stats.live_bytes, " in use");
    ++c.stats.system_allocations;
  }
  c.stats.live_bytes += size;
  return data;
}

void Cpu::deallocate(void* data, int64_t bytes) {
  const int64_t size = rounded(bytes);
  Cache& c = cache();
  std::lock_guard lock(c.mutex);
  c.free[size].push_back(data);
  c.stats.live_bytes -= size;
  c.stats.cached_bytes += size;
}

MemoryStats Cpu::memory_stats() {
  std::lock_guard lock(cache().mutex);
  return cache().stats;
}

void Cpu::release_cached_memory() {
  Cache& c = cache();
  std::lock_guard lock(c.mutex);
  for (auto& [size, blocks] : c.free)
    for (void* data : blocks) std::free(data);
  c.free.clear();
  c.stats.cached_bytes = 0;
}

}  // namespace ramp

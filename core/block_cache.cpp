#include "ramp/core/block_cache.h"

#include <algorithm>

namespace ramp {

int64_t BlockCache::rounded(int64_t bytes) {
  int64_t step = alignment;
  while (step * 16 <= bytes) step *= 2;
  return std::max(alignment, (bytes + step - 1) / step * step);
}

void* BlockCache::take_cached(int64_t bytes) {
  const int64_t size = rounded(bytes);
  std::vector<void*>& blocks = free_[size];
  if (blocks.empty()) return nullptr;
  void* block = blocks.back();
  blocks.pop_back();
  stats_.cached_bytes -= size;
  stats_.live_bytes += size;
  return block;
}

void* BlockCache::take(int64_t bytes) {
  if (void* block = take_cached(bytes)) return block;
  const int64_t size = rounded(bytes);
  void* block = allocate_(size);
  if (!block && stats_.cached_bytes > 0) {
    release();
    block = allocate_(size);
  }
  if (!block) return nullptr;
  ++stats_.system_allocations;
  stats_.live_bytes += size;
  return block;
}

void BlockCache::give(void* block, int64_t bytes) {
  const int64_t size = rounded(bytes);
  free_[size].push_back(block);
  stats_.live_bytes -= size;
  stats_.cached_bytes += size;
}

void BlockCache::release() {
  for (auto& [size, blocks] : free_)
    for (void* block : blocks) deallocate_(block);
  free_.clear();
  stats_.cached_bytes = 0;
}

}  // namespace ramp

#include "ramp/core/block_cache.h"

#include <algorithm>
#include <utility>

namespace ramp {

int64_t BlockCache::rounded(int64_t bytes) {
  int64_t step = alignment;
  while (step * 16 <= bytes) step *= 2;
  return std::max(alignment, (bytes + step - 1) / step * step);
}

void* BlockCache::take_cached(int64_t bytes) {
  const auto found = sizes_.find(rounded(bytes));
  if (found == sizes_.end() || found->second.free.empty()) return nullptr;
  const int64_t size = found->first;
  std::vector<void*>& free = found->second.free;
  void* block = free.back();
  free.pop_back();
  stats_.cached_bytes -= size;
  stats_.live_bytes += size;
  most_live_ = std::max(most_live_, stats_.live_bytes);
  return block;
}

void* BlockCache::take(int64_t bytes) {
  if (void* block = take_cached(bytes)) return block;
  const int64_t size = rounded(bytes), live = stats_.live_bytes + size;
  release_above(2 * std::max(most_live_, live) + slack_ - live);
  Blocks& blocks = sizes_[size];
  if (blocks.free.capacity() <= blocks.total) blocks.free.reserve(2 * blocks.total + 1);
  void* block = allocate_(size);
  if (!block && stats_.cached_bytes > 0) {
    release();
    block = allocate_(size);
  }
  if (!block) return nullptr;
  ++blocks.total;
  ++stats_.system_allocations;
  stats_.live_bytes = live;
  most_live_ = std::max(most_live_, live);
  return block;
}

void BlockCache::give(void* block, int64_t bytes) noexcept {
  const int64_t size = rounded(bytes);
  sizes_.find(size)->second.free.push_back(block);
  stats_.live_bytes -= size;
  stats_.cached_bytes += size;
}

void BlockCache::release_above(int64_t bytes) {
  while (stats_.cached_bytes > bytes) {
    // The largest, found without memory, as there may be none.
    const auto largest = std::max_element(sizes_.begin(), sizes_.end(), [](const auto& a, const auto& b) {
      return std::pair(!a.second.free.empty(), a.first) < std::pair(!b.second.free.empty(), b.first);
    });
    Blocks& blocks = largest->second;
    for (; !blocks.free.empty() && stats_.cached_bytes > bytes; blocks.free.pop_back()) {
      deallocate_(blocks.free.back());
      --blocks.total;
      stats_.cached_bytes -= largest->first;
    }
  }
}

}  // namespace ramp

#include "ramp/core/array/block_cache.h"

#include <algorithm>
#include <bit>

namespace ramp {

BlockCache::SizeClass BlockCache::size_class(int64_t bytes) {
  // Sizes are multiples of a step, which is an eighth of their power of two and at least 256 bytes. Every power takes
  // eight indices.
  const int power = std::max(0, static_cast<int>(std::bit_width(static_cast<uint64_t>(bytes))) - 12);
  const int64_t step = alignment << power;
  const int64_t steps = std::max<int64_t>(1, (bytes + step - 1) >> (8 + power));
  return {static_cast<size_t>(8 * power + steps), steps * step};
}

void* BlockCache::take_cached(int64_t bytes) {
  const auto [index, size] = size_class(bytes);
  if (index >= sizes_.size() || sizes_[index].free.empty()) return nullptr;
  std::vector<void*>& free = sizes_[index].free;
  void* block = free.back();
  free.pop_back();
  stats_.cached_bytes -= size;
  stats_.live_bytes += size;
  most_live_ = std::max(most_live_, stats_.live_bytes);
  return block;
}

void* BlockCache::take(int64_t bytes) {
  if (void* block = take_cached(bytes)) return block;
  const auto [index, size] = size_class(bytes);
  const int64_t live = stats_.live_bytes + size;
  release_above(2 * std::max(most_live_, live) + slack_ - live);
  if (index >= sizes_.size()) sizes_.resize(index + 1);
  Blocks& blocks = sizes_[index];
  blocks.bytes = size;
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
  const auto [index, size] = size_class(bytes);
  sizes_[index].free.push_back(block);
  stats_.live_bytes -= size;
  stats_.cached_bytes += size;
}

void BlockCache::release_above(int64_t bytes) {
  for (size_t i = sizes_.size(); i > 0 && stats_.cached_bytes > bytes; --i) {
    Blocks& blocks = sizes_[i - 1];
    for (; !blocks.free.empty() && stats_.cached_bytes > bytes; blocks.free.pop_back()) {
      deallocate_(blocks.free.back());
      --blocks.total;
      stats_.cached_bytes -= blocks.bytes;
    }
  }
}

}  // namespace ramp

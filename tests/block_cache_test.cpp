// The allocators' common cache, against a system that counts.

#include "ramp/core/array/block_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

namespace ramp {
namespace {

/// A system with so many bytes, which hands out addresses that nobody may touch.
struct FakeSystem {
  int64_t left;
  int allocations = 0, deallocations = 0;
  std::map<void*, int64_t> blocks = {};

  BlockCache cache() {
    return {[this](int64_t bytes) -> void* {
              if (bytes > left) return nullptr;
              left -= bytes;
              void* block = reinterpret_cast<void*>(static_cast<uintptr_t>(++allocations) << 32);
              blocks[block] = bytes;
              return block;
            },
            [this](void* block) {
              ++deallocations;
              left += blocks.at(block);
              blocks.erase(block);
            }};
  }
};

TEST(BlockCache, RoundsToEighthsOfThePowerOfTwo) {
  EXPECT_EQ(BlockCache::rounded(0), 256);
  EXPECT_EQ(BlockCache::rounded(1), 256);
  EXPECT_EQ(BlockCache::rounded(257), 512);
  EXPECT_EQ(BlockCache::rounded(4096), 4096);
  EXPECT_EQ(BlockCache::rounded(4097), 4608);
  for (int64_t bytes = 2048; bytes < 3'000'000; bytes = bytes * 9 / 8 + 1) {
    const int64_t size = BlockCache::rounded(bytes);
    EXPECT_EQ(size % 256, 0) << bytes;
    EXPECT_GE(size, bytes);
    EXPECT_LE(static_cast<double>(size), 1.125 * static_cast<double>(bytes)) << bytes;
    EXPECT_EQ(BlockCache::rounded(size), size) << "a rounded size stays";
  }
}

TEST(BlockCache, AsksTheSystemOnlyForWhatItHasNot) {
  FakeSystem system{.left = 1 << 20};
  BlockCache cache = system.cache();
  void *a = cache.take(1000), *b = cache.take(1000);
  EXPECT_NE(a, b);
  EXPECT_EQ(system.allocations, 2);
  cache.give(a, 1000);
  EXPECT_EQ(cache.stats().live_bytes, 1024);
  EXPECT_EQ(cache.stats().cached_bytes, 1024);
  EXPECT_EQ(cache.take(900), a) << "of the same size class";
  EXPECT_EQ(system.allocations, 2);
  EXPECT_EQ(cache.take_cached(900), nullptr);
  EXPECT_EQ(cache.stats().system_allocations, 2);
  EXPECT_EQ(cache.stats().live_bytes, 2048);
  EXPECT_EQ(cache.stats().cached_bytes, 0);
}

TEST(BlockCache, GivesCachedBlocksBackBeforeItGivesUp) {
  FakeSystem system{.left = 10'240};
  BlockCache cache = system.cache();
  void* small = cache.take(4096);
  void* other = cache.take(4096);
  cache.give(small, 4096);
  EXPECT_NE(cache.take(6144), nullptr) << "fits once the cached block went back";
  EXPECT_EQ(system.deallocations, 1);
  EXPECT_EQ(cache.take(4096), nullptr) << "nothing is left";
  EXPECT_EQ(cache.stats().live_bytes, 4096 + 6144) << "a failed request leaves the books as they were";
  cache.give(other, 4096);
  EXPECT_EQ(cache.take(4096), other) << "and the cache usable";
}

TEST(BlockCache, ReleasesWhatIsCachedAndOnlyThat) {
  FakeSystem system{.left = 1 << 20};
  BlockCache cache = system.cache();
  void *a = cache.take(100), *b = cache.take(100'000);
  cache.give(b, 100'000);
  cache.release();
  EXPECT_EQ(system.deallocations, 1);
  EXPECT_EQ(system.blocks.size(), 1U);
  EXPECT_EQ(system.blocks.count(a), 1U);
  EXPECT_EQ(cache.stats().cached_bytes, 0);
  EXPECT_EQ(cache.stats().live_bytes, 256);
}

TEST(BlockCache, HoldsAtMostTwiceWhatWasEverLiveAndSome) {
  FakeSystem system{.left = int64_t{1} << 40};
  BlockCache cache = system.cache();
  const int64_t mega = 1 << 20;
  int64_t most = 0;
  const auto check = [&] {
    const MemoryStats& stats = cache.stats();
    most = std::max(most, stats.live_bytes);
    ASSERT_LE(stats.live_bytes + stats.cached_bytes, 2 * most + cache.slack());
    int64_t held = 0;
    for (const auto& [block, bytes] : system.blocks) held += bytes;
    ASSERT_EQ(held, stats.live_bytes + stats.cached_bytes);
  };
  for (int64_t n = 100; n <= 800; n += 100) {  // one at a time, each larger than the last one
    void* block = cache.take(n * mega);
    check();
    cache.give(block, n * mega);
    check();
  }
  for (int64_t n = 800; n >= 1; --n) {
    void* block = cache.take(n * mega);
    check();
    cache.give(block, n * mega);
  }
  // What a training step uses again and again stays, of however many sizes.
  const auto step = [&] {
    std::vector<std::pair<void*, int64_t>> blocks;
    for (int64_t n = 1; n <= 40; ++n) blocks.emplace_back(cache.take(n * mega), n * mega);
    for (const auto& [block, bytes] : blocks) cache.give(block, bytes);
  };
  step();
  const int before = system.allocations;
  for (int i = 0; i < 10; ++i) step();
  EXPECT_EQ(system.allocations, before);
}

}  // namespace
}  // namespace ramp

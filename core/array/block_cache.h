#pragma once
// The cache behind a device's allocator: freed blocks wait in lists by size for the next array that wants one. It knows
// nothing of devices; the two functions that ask the system for memory and give it back are handed in.

#include <functional>
#include <vector>

#include "ramp/core/array/memory.h"

namespace ramp {

/// Not for use by several threads at once: its owner locks.
class BlockCache {
 public:
  static constexpr int64_t alignment = 256;

  /// `allocate` returns null when the system has no more memory. `slack`: see take().
  BlockCache(std::function<void*(int64_t)> allocate, std::function<void(void*)> deallocate,
             int64_t slack = int64_t{64} << 20)
      : allocate_(std::move(allocate)), deallocate_(std::move(deallocate)), slack_(slack) {}

  /// What a request is rounded up to. Sizes come in steps of an eighth of their power of two (at least 256 bytes): at
  /// most 1/8 is wasted, and a shape that changes a little still finds its block.
  static int64_t rounded(int64_t bytes) { return size_class(bytes).bytes; }

  /// A block of at least `bytes`: a cached one, else the system's, if need be after all that is cached went back to it.
  /// Null when even then there is none. Before the system is asked, cached blocks go back to it, the largest first, as
  /// far as is needed to hold no more than twice the most bytes that were ever live at once, plus `slack`.
  void* take(int64_t bytes);
  /// A cached block, or null: never asks the system.
  void* take_cached(int64_t bytes);
  /// Takes back a block that was taken for `bytes`. Needs no memory, so that destructors may call it.
  void give(void* block, int64_t bytes) noexcept;
  /// Gives all cached blocks back to the system.
  void release() { release_above(0); }

  int64_t slack() const { return slack_; }
  const MemoryStats& stats() const { return stats_; }

 private:
  struct SizeClass {
    size_t index;   // the next larger size has the next index
    int64_t bytes;  // of every block
  };
  static SizeClass size_class(int64_t bytes);
  /// The blocks of one size. `free` has room for all of them, so that giving one back never allocates.
  struct Blocks {
    std::vector<void*> free;
    size_t total = 0;   // free and in use
    int64_t bytes = 0;  // of each
  };
  /// Gives cached blocks back to the system until at most `bytes` are cached.
  void release_above(int64_t bytes);

  std::function<void*(int64_t)> allocate_;
  std::function<void(void*)> deallocate_;
  std::vector<Blocks> sizes_;  // by the index of their size
  int64_t slack_;
  MemoryStats stats_;
  int64_t most_live_ = 0;
};

}  // namespace ramp

// The CPU's allocator: aligned memory of the C library behind a cache.

#include <pthread.h>

#include <cstdlib>
#include <mutex>

#include "ramp/core/array/block_cache.h"
#include "ramp/core/cpu/cpu.h"
#include "ramp/core/cpu/kernels.h"

namespace ramp {

namespace {

struct Memory {
  std::mutex mutex;  // a loader's thread allocates too
  BlockCache cache{[](int64_t bytes) { return std::aligned_alloc(BlockCache::alignment, static_cast<size_t>(bytes)); },
                   [](void* block) { std::free(block); }};
};
/// Never destroyed: tensors in static variables may outlive any static of ours. fork() waits until no other thread
/// holds the mutex, so that the child process does not find it locked for ever.
Memory& memory() {
  static Memory& instance = *[] {
    pthread_atfork([] { memory().mutex.lock(); }, [] { memory().mutex.unlock(); }, [] { memory().mutex.unlock(); });
    return new Memory;
  }();
  return instance;
}

}  // namespace

void* Cpu::allocate(int64_t bytes) {
  instruction_set();  // may throw: called here, before a loop on the pool's threads needs the choice
  Memory& m = memory();
  std::lock_guard lock(m.mutex);
  void* block = m.cache.take(bytes);
  if (!block)
    fail("allocate", "out of memory: asked for ", bytes, " bytes with ", m.cache.stats().live_bytes, " in use");
  return block;
}

void Cpu::deallocate(void* data, int64_t bytes) {
  Memory& m = memory();
  std::lock_guard lock(m.mutex);
  m.cache.give(data, bytes);
}

MemoryStats Cpu::memory_stats() {
  std::lock_guard lock(memory().mutex);
  return memory().cache.stats();
}

void Cpu::release_cached_memory() {
  std::lock_guard lock(memory().mutex);
  memory().cache.release();
}

}  // namespace ramp

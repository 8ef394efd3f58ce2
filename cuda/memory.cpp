// The allocator: cudaMalloc behind the same cache as on the CPU. A freed block may go to the next array at once, even
// while kernels that use it are still queued: its next user is queued behind them on the same stream.

#include <array>
#include <mutex>
#include <unordered_map>

#include "ramp/core/array/block_cache.h"
#include "ramp/core/hooks.h"
#include "ramp/cuda/check.h"
#include "ramp/cuda/context.h"
#include "ramp/cuda/cuda.h"
#include "ramp/cuda/pool.h"

namespace ramp {

namespace {

void* driver_allocate(int64_t bytes) {
  void* block = nullptr;
  const cudaError_t status = cudaMalloc(&block, static_cast<size_t>(bytes));
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();  // clears the error, which is handled here: the next check must not see it
    return nullptr;
  }
  cuda::check("allocate", status);
  return block;
}

void driver_free(void* block) { cudaFree(block); }  // unchecked: at exit the driver may be gone

}  // namespace

struct cuda::Memory {
  std::mutex mutex;
  BlockCache cache{driver_allocate, driver_free};
  std::unordered_map<void*, BlockCache*> owners;  // for the blocks that belong to pools
};

namespace {

/// The current device's; never destroyed, as tensors in static variables may outlive it.
cuda::Memory& memory() {
  static auto& all = *new std::array<cuda::Memory, max_cuda_devices>;
  return all[static_cast<size_t>(cuda::context().device)];
}

}  // namespace

cuda::Pool::Pool()
    : memory_(memory()),
      cache_(
          [this](int64_t size) {
            void* block = memory_.cache.take(size);
            if (block) {
              sizes_[block] = size;
              memory_.owners[block] = &cache_;
            }
            return block;
          },
          [this](void* block) {
            memory_.owners.erase(block);
            const auto size = sizes_.extract(block);
            memory_.cache.give(block, size.mapped());
          },
          most_bytes) {}  // keeps all blocks: a capture may take only what its warm-up left here

cuda::Pool::~Pool() {
  std::lock_guard lock(memory_.mutex);
  cache_.release();
  for (const auto& [block, size] : sizes_) memory_.owners.erase(block);
}

void* Cuda::allocate(int64_t bytes) {
  cuda::Memory& m = memory();
  const cuda::Context& c = cuda::context();
  if (c.capturing) {
    {
      std::lock_guard lock(m.mutex);
      if (void* block = c.pool->cache_.take_cached(bytes)) return block;
    }
    stop_capture("allocate", bytes, " bytes that the warm-up steps did not need cannot be part of a captured step");
  }
  std::lock_guard lock(m.mutex);
  void* block = (c.pool ? c.pool->cache_ : m.cache).take(bytes);
  if (!block) {
    size_t free = 0, total = 0;
    cudaMemGetInfo(&free, &total);
    fail("allocate", "out of CUDA memory: asked for ", bytes, " bytes, ", free, " of ", total, " are free, ",
         m.cache.stats().live_bytes, " in use by arrays");
  }
  return block;
}

void Cuda::deallocate(void* data, int64_t bytes) {
  cuda::Memory& m = memory();
  std::lock_guard lock(m.mutex);
  const auto owner = m.owners.find(data);
  (owner == m.owners.end() ? m.cache : *owner->second).give(data, bytes);
}

MemoryStats Cuda::memory_stats() {
  std::lock_guard lock(memory().mutex);
  return memory().cache.stats();
}

void Cuda::release_cached_memory() {
  cuda::leave_capture("release_cached_memory", "giving memory back");
  std::lock_guard lock(memory().mutex);
  memory().cache.release();
}

}  // namespace ramp

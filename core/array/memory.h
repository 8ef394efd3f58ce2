#pragma once
// Memory on a device, and what its allocator has done. Defined in core/dispatch/devices.cpp, which knows the backends.

#include <cstdint>

#include "ramp/core/array/device.h"

namespace ramp {

/// What one block may have: small enough that no arithmetic on it overflows, and larger than any memory.
inline constexpr int64_t most_bytes = int64_t{1} << 56;

/// At least `bytes` bytes on a device, aligned to 256 and uninitialised. Throws Error with their number when the device
/// has no more memory.
void* allocate(int64_t bytes, Device device);
/// Gives back what allocate() returned for as many bytes.
void deallocate(void* data, int64_t bytes, Device device);

/// What a device's allocator has handed out and kept.
struct MemoryStats {
  int64_t live_bytes = 0;          ///< held by storages now, rounded up to the allocator's sizes
  int64_t cached_bytes = 0;        ///< freed by storages, kept for the next ones
  int64_t system_allocations = 0;  ///< how often the system (or driver) was asked since the start
};
MemoryStats memory_stats(Device device = {});
/// Gives the cached blocks of a device back to the system.
void release_cached_memory(Device device = {});

}  // namespace ramp

#include "ramp/core/storage.h"

#include "ramp/core/backend.h"

namespace ramp {

Storage::Storage(int64_t bytes, Device device)
    : data_(on(device, [&](auto b) { return b.allocate(bytes); })), bytes_(bytes), device_(device) {}

Storage::~Storage() {
  always_on(device_, [&](auto b) { b.deallocate(data_, bytes_); });
}

MemoryStats memory_stats(Device device) {
  return on(device, [](auto b) { return b.memory_stats(); });
}

void release_cached_memory(Device device) {
  on(device, [](auto b) { b.release_cached_memory(); });
}

}  // namespace ramp

// What lower rooms need of the backends: memory (core/array/memory.h) and precisions (core/backend/precision.h).

#include "ramp/core/array/memory.h"

#include "ramp/core/dispatch/on.h"

namespace ramp {

void* allocate(int64_t bytes, Device device) {
  if (bytes < 0 || bytes > most_bytes) fail("allocate", "expected 0 to 2^56 bytes, got ", bytes);
  if (device != Device::cpu()) check_device(device);
  return on(device, [&](auto b) { return b.allocate(bytes); });
}

void deallocate(void* data, int64_t bytes, Device device) {
  always_on(device, [&](auto b) { b.deallocate(data, bytes); });
}

MemoryStats memory_stats(Device device) {
  return on(check_device(device), [](auto b) { return b.memory_stats(); });
}

void release_cached_memory(Device device) {
  on(check_device(device), [](auto b) { b.release_cached_memory(); });
}

void set_precision(Device device, Precision precision) {
  stop_capture("set_precision", "changing the precision cannot be part of a captured step");
  if (precision > Precision::bf16)
    fail("set_precision", "expected float32, tf32 or bf16, got number ", static_cast<int>(precision));
  std::atomic<Precision>& chosen = detail::precision_of(device);
  on(device, [&](auto b) { b.require(precision); });
  chosen = precision;
}

}  // namespace ramp

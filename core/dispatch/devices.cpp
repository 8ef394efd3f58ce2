// What lower rooms need of the backends: memory (core/array/memory.h) and the list of devices (core/array/device.h).

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

int cuda_device_count() {
#ifdef RAMP_CUDA
  return Cuda::device_count();
#else
  return 0;
#endif
}

Device Device::cuda(int index) {
#ifdef RAMP_CUDA
  const int count = cuda_device_count();
  if (count == 0) fail("device", "no CUDA device: ", Cuda::why_none());
  if (index < 0 || index >= count) fail("device", "expected a CUDA device in [0, ", count, "), got ", index);
  return {Kind::cuda, index};
#else
  fail("device", "this build of ramp has no CUDA, asked for cuda:", index,
       "; install the CUDA Toolkit and configure with -DRAMP_CUDA=ON");
#endif
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

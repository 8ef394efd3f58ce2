#include "ramp/core/backend/precision.h"

#include <ostream>

#include "ramp/core/error.h"

namespace ramp {

std::atomic<Precision>& detail::precision_of(Device device) {
  static std::atomic<Precision> precisions[1 + max_cuda_devices];  // the CPU's first
  if (device == Device::cpu()) return precisions[0];
  check_device(device);
  if (device.index < 0 || device.index >= max_cuda_devices)
    fail("set_precision", "expected one of the first ", max_cuda_devices, " CUDA devices, got ", device);
  return precisions[1 + device.index];
}

const char* name(Precision precision) {
  switch (precision) {
    case Precision::float32: return "float32";
    case Precision::tf32: return "tf32";
    default: return "bf16";
  }
}

std::ostream& operator<<(std::ostream& out, Precision precision) { return out << name(precision); }

Precision precision(Device device) { return detail::precision_of(device).load(std::memory_order_relaxed); }

}  // namespace ramp

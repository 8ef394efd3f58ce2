#include "ramp/core/precision.h"

#include <atomic>
#include <ostream>

#include "ramp/core/backend.h"
#include "ramp/core/trace.h"

namespace ramp {

namespace {

constexpr const char* op = "set_precision";
constexpr int most_devices = 64;  // of CUDA

std::atomic<Precision> precisions[1 + most_devices];  // the CPU's first

std::atomic<Precision>& of(Device device) {
  if (device == Device::cpu()) return precisions[0];
  check_device(device);
  if (device.index < 0 || device.index >= most_devices)
    fail(op, "expected one of the first ", most_devices, " CUDA devices, got ", device);
  return precisions[1 + device.index];
}

}  // namespace

const char* name(Precision precision) {
  switch (precision) {
    case Precision::float32: return "float32";
    case Precision::tf32: return "tf32";
    default: return "bf16";
  }
}

std::ostream& operator<<(std::ostream& out, Precision precision) { return out << name(precision); }

void set_precision(Device device, Precision precision) {
  stop_capture(op, "changing the precision cannot be part of a captured step");
  if (precision > Precision::bf16) fail(op, "expected float32, tf32 or bf16, got number ", static_cast<int>(precision));
  std::atomic<Precision>& chosen = of(device);
  on(device, [&](auto b) { b.require(precision); });
  chosen = precision;
}

Precision precision(Device device) { return of(device).load(std::memory_order_relaxed); }

}  // namespace ramp

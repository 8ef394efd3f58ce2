#pragma once
// Where an array lives.

#include <iosfwd>
#include <string>
#include <vector>

namespace ramp {

struct Device {
  enum class Kind { cpu, cuda };
  Kind kind = Kind::cpu;
  int index = 0;

  static Device cpu() { return {}; }
  /// A CUDA device. Throws Error when this build has no CUDA or the machine has no such device, and says which.
  static Device cuda(int index = 0);
  /// The first CUDA device when there is one, else the CPU.
  static Device best();
  /// From `cpu`, `cuda`, `cuda:1` or `auto` (best()); throws Error otherwise.
  static Device parse(const std::string& text);

  bool is_cuda() const { return kind == Kind::cuda; }
  bool operator==(const Device&) const = default;
};

/// The device itself. Throws Error unless this build and machine have it, for a Device may be made by hand.
Device check_device(Device device);

/// Where a tensor is made that is given no device: the CPU, unless set otherwise.
Device default_device();
/// Throws Error, and changes nothing, unless this build and machine have the device.
void set_default_device(Device device);

/// How many CUDA devices this build and machine have.
int cuda_device_count();
/// Every device of this build and machine, the CPU first.
std::vector<Device> devices();

std::string to_string(Device device);
std::ostream& operator<<(std::ostream& out, Device device);

}  // namespace ramp

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
  /// A CUDA device. Throws Error, with the reason, when this build has no CUDA or the machine has no such device.
  static Device cuda(int index = 0);
  /// The first CUDA device when there is one, else the CPU.
  static Device best();
  /// From `cpu`, `cuda`, `cuda:1` or `auto` (best()); throws Error otherwise.
  static Device parse(const std::string& text);

  bool is_cuda() const { return kind == Kind::cuda; }
  bool operator==(const Device&) const = default;
};

/// Returns `device`. Throws Error unless this build and machine have it, since a Device can be made by hand.
Device check_device(Device device);

/// The device of tensors that are created without one: the CPU, unless set otherwise.
Device default_device();
/// Throws Error, and changes nothing, unless this build and machine have the device.
void set_default_device(Device device);

/// The most CUDA devices that a process can use.
inline constexpr int max_cuda_devices = 64;

/// How many CUDA devices this build and machine have.
int cuda_device_count();
/// Every device of this build and machine, the CPU first.
std::vector<Device> devices();

std::string to_string(Device device);
std::ostream& operator<<(std::ostream& out, Device device);

}  // namespace ramp

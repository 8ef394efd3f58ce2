#include "ramp/core/array/device.h"

#include <ostream>

#include "ramp/core/error.h"

namespace ramp {

namespace {

Device default_device_of_process;

}  // namespace

Device default_device() { return default_device_of_process; }
void set_default_device(Device device) { default_device_of_process = check_device(device); }

Device check_device(Device device) {
  if (device.is_cuda()) return Device::cuda(device.index);
  if (device != Device::cpu())
    fail("device", "the CPU is device 0 of kind 0, got device ", device.index, " of kind ",
         static_cast<int>(device.kind));
  return device;
}

Device Device::best() { return cuda_device_count() > 0 ? cuda(0) : cpu(); }

Device Device::parse(const std::string& text) {
  if (text == "cpu") return cpu();
  if (text == "auto") return best();
  if (text == "cuda") return cuda(0);
  if (text.size() == 6 && text.starts_with("cuda:") && text[5] >= '0' && text[5] <= '9') return cuda(text[5] - '0');
  fail("device", "expected cpu, cuda, cuda:N or auto, got '", text, "'");
}

std::vector<Device> devices() {
  std::vector<Device> all{Device::cpu()};
  for (int i = 0; i < cuda_device_count(); ++i) all.push_back({Device::Kind::cuda, i});
  return all;
}

std::string to_string(Device device) { return device.is_cuda() ? "cuda:" + std::to_string(device.index) : "cpu"; }

std::ostream& operator<<(std::ostream& out, Device device) { return out << to_string(device); }

}  // namespace ramp

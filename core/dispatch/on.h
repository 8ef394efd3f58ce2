#pragma once
// The seam between what an operation means and how a device computes it: `on` is the one place where a backend is
// chosen. backend/functions.inc says what every backend offers. Private to the library's .cpp files; a program never
// needs it.

#include "ramp/core/cpu/cpu.h"
#include "ramp/core/hooks.h"
#ifdef RAMP_CUDA
#include "ramp/cuda/cuda.h"
#endif

namespace ramp {

/// Calls f with the backend of a device, whatever is being captured.
template <class F>
decltype(auto) always_on(Device device, F&& f) {
#ifdef RAMP_CUDA
  if (device.is_cuda()) {
    Cuda::use(device.index);
    return f(Cuda{});
  }
#endif
  (void)device;
  return f(Cpu{});
}

/// Calls f with the backend of a device.
template <class F>
decltype(auto) on(Device device, F&& f) {
  if (cpu::loop_recorder() && device.is_cuda())
    stop_capture("capture", "a step whose inputs are on the CPU cannot use ", device);
  return always_on(device, f);
}

}  // namespace ramp

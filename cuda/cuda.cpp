#include "ramp/cuda/cuda.h"

#include "ramp/core/error.h"
#include "ramp/cuda/check.h"
#include "ramp/cuda/context.h"

namespace ramp {

int cuda_device_count() { return cuda::found_devices().count; }

Device Device::cuda(int index) {
  const auto& [count, why_none] = cuda::found_devices();
  if (count == 0) fail("device", "no CUDA device: ", why_none);
  if (index < 0 || index >= count) fail("device", "expected a CUDA device in [0, ", count, "), got ", index);
  return {Kind::cuda, index};
}

void Cuda::use(int index) { cuda::use(index); }

void Cuda::synchronize() {
  cuda::leave_capture("synchronize", "waiting");
  cuda::check("synchronize", cudaStreamSynchronize(cuda::context().stream));
}

}  // namespace ramp

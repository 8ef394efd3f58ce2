// The list of CUDA devices in a build without CUDA; cuda/cuda.cpp has it in a build with CUDA.

#include "ramp/core/array/device.h"
#include "ramp/core/error.h"

namespace ramp {

int cuda_device_count() { return 0; }

Device Device::cuda(int index) {
  fail("device", "this build of ramp has no CUDA, asked for cuda:", index,
       "; install the CUDA Toolkit and configure with -DRAMP_CUDA=ON");
}

}  // namespace ramp

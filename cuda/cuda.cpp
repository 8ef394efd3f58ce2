#include "ramp/cuda/cuda.h"

#include "ramp/cuda/check.h"
#include "ramp/cuda/context.h"

namespace ramp {

int Cuda::device_count() { return cuda::found_devices().count; }
std::string Cuda::why_none() { return cuda::found_devices().why_none; }

void Cuda::use(int index) { cuda::use(index); }

void Cuda::synchronize() {
  cuda::leave_capture("synchronize", "waiting");
  cuda::check("synchronize", cudaStreamSynchronize(cuda::context().stream));
}

}  // namespace ramp

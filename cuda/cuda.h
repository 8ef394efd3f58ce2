#pragma once
// The CUDA backend; core/backend/functions.inc states what each function means. Everything is queued on one stream a
// device, in the order of the calls; only copies to and from the CPU, and the checks of indices and labels, wait for it.
// No CUDA header is needed to read this one.

#include <string>

#include "ramp/core/backend/options.h"
#include "ramp/core/backend/step_recorder.h"
#include "ramp/core/formulas/formulas.h"
#include "ramp/cuda/graph.h"

namespace ramp {

struct Cuda {
  using Graph = cuda::Graph;

  /// 0 when there is no driver, no device, or one that does not answer; then why_none() says which.
  static int device_count();
  static std::string why_none();
  /// Makes a device the calling thread's current one: all the functions below work there.
  static void use(int index);
  /// Waits until everything queued on the current device is done. Throws Error with CUDA's message when it failed.
  static void synchronize();

#include "ramp/core/backend/functions.inc"
};
static_assert(StepRecorder<Cuda::Graph>);

}  // namespace ramp

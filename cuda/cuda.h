#pragma once
// The CUDA backend; core/backend/functions.inc states what each function means. Work is queued on one stream per
// device, in the order of the calls; in the steps of a graph, some of it on a side stream. Only copies to and from the
// CPU or another device, and the checks of indices, labels and ranges, wait for it. This header includes no CUDA
// header.

#include "ramp/core/backend/options.h"
#include "ramp/core/formulas/formulas.h"
#include "ramp/cuda/graph.h"

namespace ramp {

struct Cuda {
  using Graph = cuda::Graph;

  /// Makes a device the calling thread's current one, on which all the functions below work.
  static void use(int index);
  /// Waits until everything queued on the current device is done. Throws Error with CUDA's message if any of it failed.
  static void synchronize();

#include "ramp/core/backend/functions.inc"
};

}  // namespace ramp

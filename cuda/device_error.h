#pragma once
// Errors that only a kernel can find, such as indices and labels out of range: the kernel sets a flag, the host throws.

#include <cuda_runtime.h>

#include <cstdint>
#include <string>

#include "ramp/core/array/array.h"
#include "ramp/cuda/context.h"

namespace ramp::cuda {

#ifdef __CUDACC__
__device__ inline void report(DeviceError* device_error, int64_t position) {
  atomicMin(&device_error->position, static_cast<unsigned long long>(position));
}
#endif

/// Waits for the kernel that checked `x` and throws Error if it set its error flag: `[op] RULE, got VALUE at WHERE
/// POSITION`, or without the position if `where` is empty. Does nothing while a step is being captured.
void check_device_error(const char* op, const std::string& rule, const Array& x, const char* where);
/// The same for indices: the rule is `WHAT must lie in [0, limit)`.
void check_positions(const char* op, const char* what, int64_t limit, const Array& indices, const char* where);
/// Throws Error if a replay or load_batch(), for which the host does not wait, has set the error flag. Called after
/// each copy that the host waits for, and before each replay.
void throw_device_error();

}  // namespace ramp::cuda

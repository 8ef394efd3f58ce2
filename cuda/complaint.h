#pragma once
// Indices and labels out of range: a kernel finds them, the host throws.

#include <cuda_runtime.h>

#include <cstdint>
#include <string>

#include "ramp/core/array/array.h"
#include "ramp/cuda/context.h"

namespace ramp::cuda {

#ifdef __CUDACC__
__device__ inline void complain(Complaint* complaint, int64_t position) {
  atomicMin(&complaint->position, static_cast<unsigned long long>(position));
}
#endif

/// Waits for the kernel that checked `x` and throws Error if it complained: `[op] RULE, got VALUE at WHERE POSITION`. While a
/// step is being captured, and in its replays, nobody waits: there raise_complaint() throws, at the next copy to the CPU or
/// replay.
void check_complaint(const char* op, const std::string& rule, const Array& x, const char* where);
/// The same for indices: `WHAT must lie in [0, limit)`.
void check_positions(const char* op, const char* what, int64_t limit, const Array& indices, const char* where);
void raise_complaint();

}  // namespace ramp::cuda

#pragma once
// What the backend keeps for each device.

#include <cublasLt.h>
#include <cuda_runtime.h>

#include <cstddef>

#include "ramp/cuda/complaint.h"

namespace ramp::cuda {

class Graph;
class Pool;

/// One device: made at its first use, never destroyed, since static tensors may outlive any static of ours.
struct Context {
  int device;
  int processors;       // streaming multiprocessors
  cudaStream_t stream;  // non-blocking; the only one
  cublasLtHandle_t blas;
  void* workspace;         // of the matrix products, which follow one another on the stream
  Complaint* complaints;   // two: of eager kernels, and of captured ones
  Complaint* complaint;    // the one that the next kernel gets
  bool capturing = false;  // the stream records a graph instead of running
  Graph* graph = nullptr;  // whose step runs or is recorded
  Pool* pool = nullptr;    // where its arrays come from

  static constexpr size_t workspace_bytes = std::size_t{32} << 20;
};

/// The current device's.
Context& context();

/// Throws Error in the name of `op`, saying `what` cannot be part of a captured step, when one is being captured.
void forbid_in_capture(const char* op, const char* what);

}  // namespace ramp::cuda

#pragma once
// Turns CUDA's error codes into Errors that name the operation.

#include <cublasLt.h>
#include <cuda_runtime.h>

namespace ramp::cuda {

/// Throws Error, naming `op`, with CUDA's own message, unless the status is success.
void check(const char* op, cudaError_t status);
void check(const char* op, cublasStatus_t status);

/// Call this after each launch: throws Error if the launch failed. A failure inside a kernel shows only at some later
/// call, unless the environment variable RAMP_CUDA_SYNC=1 makes this call wait for the kernel.
void check_launch(const char* op);
void check_launch(const char* op, cudaStream_t stream);  // for a kernel on another stream than the context's

}  // namespace ramp::cuda

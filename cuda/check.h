#pragma once
// Turning CUDA's error codes into Errors that name the operation.

#include <cublasLt.h>
#include <cuda_runtime.h>

namespace ramp::cuda {

/// Throws Error in the name of `op` with CUDA's own message.
void check(const char* op, cudaError_t status);
void check(const char* op, cublasStatus_t status);

/// To be called after each launch: throws when it failed. A kernel's own failure shows at some later call, unless the
/// environment has RAMP_CUDA_SYNC=1, which waits for each kernel here.
void check_launch(const char* op);
void check_launch(const char* op, cudaStream_t stream);  // on another stream than the context's

}  // namespace ramp::cuda

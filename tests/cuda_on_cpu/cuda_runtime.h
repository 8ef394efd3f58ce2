#pragma once
// The part of CUDA's runtime that ramp uses, on the CPU, so that the CUDA backend can be tested without a GPU. Its
// kernels run as they are written, thread by thread (threads.h); streams, events and graphs obey CUDA's rules
// (runtime.cpp). None of this shows how fast a GPU is, what its memory model permits, or what its compiler makes of the
// code.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "threads.h"

// ---- The language ---------------------------------------------------------------------------------------------------

#define __host__
#define __device__
#define __global__
#define __shared__ static  // of the running block; there is one at a time
#define __launch_bounds__(threads)

struct uint4 {
  unsigned x, y, z, w;
};
struct float4 {
  float x, y, z, w;
};

inline void __syncthreads() { cuda_on_cpu::wait_for_block(); }
inline void __threadfence() {}
template <class T>
T __shfl_xor_sync(unsigned, T x, int distance) {
  static_assert(sizeof(T) <= sizeof(uint64_t));
  uint64_t bits = 0;
  std::memcpy(&bits, &x, sizeof x);
  bits = cuda_on_cpu::exchange_in_warp(bits, distance);
  std::memcpy(&x, &bits, sizeof x);
  return x;
}
template <class T>
T __ldcg(const T* from) {
  return *from;
}
inline unsigned atomicAdd(unsigned* to, unsigned value) { return std::exchange(*to, *to + value); }
inline unsigned long long atomicMin(unsigned long long* to, unsigned long long value) {
  return std::exchange(*to, std::min(*to, value));
}
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline double __dadd_rn(double a, double b) { return a + b; }
inline double __dmul_rn(double a, double b) { return a * b; }
using std::min;

// ---- The runtime ----------------------------------------------------------------------------------------------------

#define CUDART_VERSION 13000

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorCudartUnloading = 4,
  cudaErrorInvalidConfiguration = 9,
  cudaErrorIllegalAddress = 700,
  cudaErrorLaunchFailure = 719,
  cudaErrorStreamCaptureUnsupported = 900,
  cudaErrorStreamCaptureInvalidated = 901,
  cudaErrorStreamCaptureUnjoined = 904,
  cudaErrorStreamCaptureIsolation = 905,
};
const char* cudaGetErrorName(cudaError_t error);
const char* cudaGetErrorString(cudaError_t error);
cudaError_t cudaGetLastError();

using cudaStream_t = struct cuda_on_cpu_stream*;
using cudaEvent_t = struct cuda_on_cpu_event*;
using cudaGraph_t = struct cuda_on_cpu_graph*;
using cudaGraphNode_t = struct cuda_on_cpu_node*;
using cudaGraphExec_t = struct CUgraphExec_st*;

enum cudaDeviceAttr { cudaDevAttrMultiProcessorCount, cudaDevAttrComputeCapabilityMajor };
cudaError_t cudaGetDeviceCount(int* count);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device);

constexpr unsigned cudaHostAllocMapped = 2;
cudaError_t cudaMalloc(void** to, size_t bytes);
template <class T>
cudaError_t cudaMalloc(T** to, size_t bytes) {
  return cudaMalloc(reinterpret_cast<void**>(to), bytes);
}
cudaError_t cudaFree(void* block);
cudaError_t cudaHostAlloc(void** to, size_t bytes, unsigned flags);
cudaError_t cudaMemGetInfo(size_t* free, size_t* total);

enum cudaMemcpyKind { cudaMemcpyDeviceToDevice = 3, cudaMemcpyDefault = 4 };
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream);
cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t stream);

constexpr unsigned cudaStreamNonBlocking = 1, cudaEventDisableTiming = 2;
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event);

struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  size_t dynamicSmemBytes = 0;
  cudaStream_t stream = nullptr;
};
cudaError_t cuda_on_cpu_launch(const cudaLaunchConfig_t& config, std::function<void()> kernel);
template <class... Parameters, class... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                               Arguments&&... arguments) {
  // Parameters are copied bitwise when a kernel is queued.
  static_assert((std::is_trivially_copyable_v<Parameters> && ...));
  return cuda_on_cpu_launch(*config,
                            [kernel, all = std::tuple<Parameters...>(arguments...)] { std::apply(kernel, all); });
}

enum cudaStreamCaptureMode { cudaStreamCaptureModeThreadLocal = 1 };
enum cudaGraphNodeType { cudaGraphNodeTypeKernel = 0, cudaGraphNodeTypeMemcpy = 1, cudaGraphNodeTypeMemset = 2 };
struct cudaMemcpy3DParms {
  cudaMemcpyKind kind;
};
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph);
cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, size_t* count);
cudaError_t cudaGraphNodeGetType(cudaGraphNode_t node, cudaGraphNodeType* type);
cudaError_t cudaGraphMemcpyNodeGetParams(cudaGraphNode_t node, cudaMemcpy3DParms* parameters);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long flags);
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);

// ---- What cublasLt.h needs besides ----------------------------------------------------------------------------------

/// Whether the calling thread is capturing.
bool cuda_on_cpu_capturing();
/// Queues `work` as if it were a kernel.
cudaError_t cuda_on_cpu_queue(cudaStream_t stream, std::function<void()> work);

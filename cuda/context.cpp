#include "ramp/cuda/context.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "ramp/core/error.h"
#include "ramp/core/hooks.h"
#include "ramp/cuda/check.h"

namespace ramp::cuda {

namespace {

constexpr int max_devices = 64;
thread_local int current = 0;

bool synchronous() {
  static const bool on = [] {
    const char* value = std::getenv("RAMP_CUDA_SYNC");
    return value && std::string(value) != "" && std::string(value) != "0";
  }();
  return on;
}

/// At exit the driver may be gone before the last tensors are. Giving their memory back does not need it.
void set_device(int index) {
  const cudaError_t status = cudaSetDevice(index);
  if (status != cudaErrorCudartUnloading) check("device", status);
}

Context* make_context(int device) {
  constexpr const char* op = "device";
  auto made = std::make_unique<Context>();
  made->device = device;
  check(op, cudaDeviceGetAttribute(&made->processors, cudaDevAttrMultiProcessorCount, device));
  check(op, cublasLtCreate(&made->blas));
  for (Branch& branch : made->branches) {
    check(op, cudaStreamCreateWithFlags(&branch.stream, cudaStreamNonBlocking));
    check(op, cudaEventCreateWithFlags(&branch.reached, cudaEventDisableTiming));
    check(op, cudaMalloc(&branch.workspace, Branch::workspace_bytes));
  }
  made->stream = made->branches[0].stream;
  check(op, cudaMalloc(&made->ticket, sizeof(unsigned)));
  check(op, cudaMemsetAsync(made->ticket, 0, sizeof(unsigned), made->stream));
  check(op, cudaHostAlloc(reinterpret_cast<void**>(&made->complaints), 2 * sizeof(Complaint), cudaHostAllocMapped));
  made->complaints[0].position = made->complaints[1].position = Complaint::none;
  made->complaint = made->complaints;
  return made.release();
}

}  // namespace

const Devices& found_devices() {
  static const Devices devices = [] {
    Devices d;
    const cudaError_t status = cudaGetDeviceCount(&d.count);
    if (status != cudaSuccess) {
      d = {0, std::string(cudaGetErrorString(status)) + " (" + cudaGetErrorName(status) + ")"};
      cudaGetLastError();  // clears the error, which the next check would report
    } else if (d.count == 0) {
      d.why_none = "the driver reports no device";
    }
    d.count = std::min(d.count, max_devices);
    return d;
  }();
  return devices;
}

void use(int index) {
  if (current == index) return;
  set_device(index);
  current = index;
}

void check(const char* op, cudaError_t status) {
  if (status == cudaSuccess) return;
  cudaGetLastError();
  fail(op, "CUDA: ", cudaGetErrorString(status), " (", cudaGetErrorName(status), ')',
       synchronous() ? "" : "; the cause may be an earlier operation: RAMP_CUDA_SYNC=1 names it");
}

void check(const char* op, cublasStatus_t status) {
  if (status != CUBLAS_STATUS_SUCCESS)
    fail(op, "cuBLASLt: ", cublasLtGetStatusString(status), " (", cublasLtGetStatusName(status), ')');
}

void check_launch(const char* op) { check_launch(op, context().stream); }

void check_launch(const char* op, cudaStream_t stream) {
  check(op, cudaGetLastError());
  if (synchronous() && !context().capturing) check(op, cudaStreamSynchronize(stream));
}

Context& context() {
  static std::array<Context*, max_devices> contexts{};
  static std::mutex mutex;
  thread_local std::array<Context*, max_devices> known{};
  Context*& mine = known[static_cast<size_t>(current)];
  if (!mine) {
    set_device(current);
    std::lock_guard lock(mutex);
    Context*& shared = contexts[static_cast<size_t>(current)];
    if (!shared) shared = make_context(current);
    mine = shared;
  }
  return *mine;
}

Branch& Context::fork(std::initializer_list<Array> used) {
  if (!graph) return branches[0];  // eagerly the host is the bottleneck, and events would cost it more time
  check("matmul", cudaEventRecord(branches[0].reached, stream));
  check("matmul", cudaStreamWaitEvent(branches[1].stream, branches[0].reached));
  held.insert(held.end(), used);
  return branches[1];
}

void Context::join() {
  if (held.empty()) return;
  // Released even if a check throws: nothing may stay held until a later step.
  const std::vector<Array> done = std::exchange(held, {});
  check("matmul", cudaEventRecord(branches[1].reached, branches[1].stream));
  check("matmul", cudaStreamWaitEvent(stream, branches[1].reached));
}

void leave_capture(const char* op, const char* what) {
  if (context().capturing) stop_capture(op, what, " cannot be part of a captured step");
}

}  // namespace ramp::cuda

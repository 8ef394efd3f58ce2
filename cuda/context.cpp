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
  check(op,
        cudaHostAlloc(reinterpret_cast<void**>(&made->device_errors), 2 * sizeof(DeviceError), cudaHostAllocMapped));
  made->device_errors[0].position = made->device_errors[1].position = DeviceError::none;
  made->device_error = made->device_errors;
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
    d.count = std::min(d.count, max_cuda_devices);
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
  static std::array<Context*, max_cuda_devices> contexts{};
  static std::mutex mutex;
  thread_local std::array<Context*, max_cuda_devices> known{};
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

void wait_for(const Branch& first, const Branch& second) {
  check("capture", cudaEventRecord(first.reached, first.stream));
  check("capture", cudaStreamWaitEvent(second.stream, first.reached));
}

namespace {

/// The Storage::Await of memory that is in flight: joins the streams if these bytes conflict with it.
void await(const Storage& memory, int64_t begin, int64_t end, bool to_write) {
  const int before = current;
  use(memory.device().index);
  Context& c = context();
  const auto conflicts = [&](const Context::InFlight& x) {
    return x.array.storage().get() == &memory && x.array.offset() < end && begin < x.array.offset() + x.array.bytes() &&
           (to_write || x.written);
  };
  // What goes to the side stream itself is queued behind.
  if (!c.on_side_stream() && std::any_of(c.in_flight.begin(), c.in_flight.end(), conflicts)) c.join();
  use(before);
}

}  // namespace

OnSideStream::OnSideStream(bool on, std::initializer_list<const Array*> read, const Array& written) {
  if (!on || !c_.graph) return;
  for (const Array* x : read) used_.push_back({*x, false});
  used_.push_back({written, true});
  wait_for(c_.branches[0], c_.branches[1]);
  c_.stream = c_.branches[1].stream;
}

OnSideStream::~OnSideStream() {
  c_.stream = c_.branches[0].stream;
  for (Context::InFlight& x : used_) {
    x.array.storage()->set_await(await);
    c_.in_flight.push_back(std::move(x));
  }
}

void Context::join() {
  if (in_flight.empty()) return;
  release();  // first, as nothing may stay in flight if a check throws
  wait_for(branches[1], branches[0]);
}

void Context::release() {
  for (const InFlight& x : std::exchange(in_flight, {})) x.array.storage()->set_await(nullptr);
}

void leave_capture(const char* op, const char* what) {
  if (context().capturing) stop_capture(op, what, " cannot be part of a captured step");
}

}  // namespace ramp::cuda

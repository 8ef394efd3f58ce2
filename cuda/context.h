#pragma once
// The state that the backend keeps for each device.

#include <cublasLt.h>
#include <cuda_runtime.h>

#include <cstddef>
#include <initializer_list>
#include <limits>
#include <string>
#include <vector>

#include "ramp/core/array/array.h"

namespace ramp::cuda {

class Graph;
class Pool;

/// The error flag of the kernels: the position of the first element out of range, or `none`. It lies in mapped host
/// memory, so that reading it needs no copy; it is valid only once the kernel is known to be done.
struct DeviceError {
  static constexpr unsigned long long none = std::numeric_limits<unsigned long long>::max();
  unsigned long long position;
};

/// A stream, and the workspace that the matrix products on it share, since they run one after another.
struct Branch {
  cudaStream_t stream;  // non-blocking
  cudaEvent_t reached;  // the latest point that the other branch has to wait for
  void* workspace;
  static constexpr size_t workspace_bytes = std::size_t{32} << 20;
};

/// Makes what is queued on `second` from now on wait for all that is queued on `first`.
void wait_for(const Branch& first, const Branch& second);

/// One device. Made at its first use and never destroyed, since static tensors may outlive any static of ours.
struct Context {
  int device;
  int processors;       // streaming multiprocessors
  Branch branches[2];   // the main stream and the side stream
  cudaStream_t stream;  // where kernels go: the main stream, or the side stream while an OnSideStream lives
  cublasLtHandle_t blas;
  unsigned* ticket;            // 0 between kernels; a kernel counts its finished blocks here, to know the last one
  DeviceError* device_errors;  // two: for kernels that the host waits for; for captured ones and load_batch()
  DeviceError* device_error;   // the flag for the next kernel
  bool capturing = false;      // the stream records a graph instead of running
  Graph* graph = nullptr;      // whose step is running or being recorded, else null
  Pool* pool = nullptr;        // where its arrays are allocated
  /// What the side stream uses, and whether it writes it. Kept from being freed, and so reused, until join().
  struct InFlight {
    Array array;
    bool written;
  };
  std::vector<InFlight> in_flight;

  bool on_side_stream() const { return stream != branches[0].stream; }
  /// If the current stream is the side stream, keeps an array that only the side stream uses until join().
  void hold(const Array& scratch) {
    if (on_side_stream()) in_flight.push_back({scratch, true});
  }
  /// Makes the main stream wait for the side stream.
  void join();
  /// Releases what is in flight, when nothing has to wait for it any more.
  void release();
};

/// The context of the current device.
Context& context();
/// Makes a device the calling thread's current one.
void use(int index);
/// The number of devices; 0, with the reason, if CUDA finds no driver or no device, or reports an error.
struct Devices {
  int count = 0;
  std::string why_none;
};
const Devices& found_devices();

/// While one lives, kernels go to the side stream if it is `on` and the step of a graph runs. It is for results that
/// are not needed soon, such as the gradients of weights: later work on the main stream runs at the same time, until it
/// reads those results or writes what they are made from. Outside graphs the host is the bottleneck, and the events
/// would cost it more time. Take the addresses of the arrays before making one.
class OnSideStream {
 public:
  OnSideStream(bool on, std::initializer_list<const Array*> read, const Array& written);
  ~OnSideStream();
  OnSideStream(const OnSideStream&) = delete;
  OnSideStream& operator=(const OnSideStream&) = delete;
  const Branch& branch() const { return c_.branches[c_.on_side_stream()]; }

 private:
  Context& c_ = context();
  std::vector<Context::InFlight> used_;
};

/// If a step is being captured, gives that up: the rest of it runs eagerly, because `what` cannot be part of a captured
/// step.
void leave_capture(const char* op, const char* what);

}  // namespace ramp::cuda

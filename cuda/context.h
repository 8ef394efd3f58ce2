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
struct Complaint {
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

/// One device. Made at its first use and never destroyed, since static tensors may outlive any static of ours.
struct Context {
  int device;
  int processors;       // streaming multiprocessors
  Branch branches[2];   // the main stream and the side stream
  cudaStream_t stream;  // where kernels go: the main stream, or the side stream while an Aside lives
  cublasLtHandle_t blas;
  unsigned* ticket;         // 0 between kernels; a kernel counts its finished blocks here, to know the last one
  Complaint* complaints;    // two: for kernels that the host waits for; for captured ones and load_batch()
  Complaint* complaint;     // the flag for the next kernel
  bool capturing = false;   // the stream records a graph instead of running
  Graph* graph = nullptr;   // whose step is running or being recorded, else null
  Pool* pool = nullptr;     // where its arrays are allocated
  std::vector<Array> held;  // in use on the side stream: must not be freed, and so reused, before join()

  /// The branch for work that reads and writes `used` and that the main stream waits for only at join(). In the steps
  /// of a graph it is the side stream, which first waits for all that is queued so far; else the main stream.
  Branch& fork(std::initializer_list<Array> used);
  /// If the current stream is the side stream, keeps `used` from being freed, and so reused, before join().
  void hold(const Array& used) {
    if (stream != branches[0].stream) held.push_back(used);
  }
  /// Makes the main stream wait for the side stream, and releases what was held for it.
  void join();
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

/// While one lives, and if it is `on`, kernels go to the stream of fork(used).
class Aside {
 public:
  Aside(bool on, std::initializer_list<Array> used) {
    if (on) c_.stream = c_.fork(used).stream;
  }
  ~Aside() { c_.stream = c_.branches[0].stream; }
  Aside(const Aside&) = delete;
  Aside& operator=(const Aside&) = delete;

 private:
  Context& c_ = context();
};

/// If a step is being captured, gives that up: the rest of it runs eagerly, because `what` cannot be part of a captured
/// step.
void leave_capture(const char* op, const char* what);

}  // namespace ramp::cuda

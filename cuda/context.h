#pragma once
// What the backend keeps for each device.

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

/// The position of the first index out of range, else `none`. It lies in the CPU's memory, mapped, so that looking costs
/// no copy; it is only valid once the kernel is known to be done.
struct Complaint {
  static constexpr unsigned long long none = std::numeric_limits<unsigned long long>::max();
  unsigned long long position;
};

/// A stream with what its matrix products need, which follow one another on it.
struct Branch {
  cudaStream_t stream;  // non-blocking
  cudaEvent_t reached;  // the latest point that the other branch has to wait for
  void* workspace;
  static constexpr size_t workspace_bytes = std::size_t{32} << 20;
};

/// One device: made at its first use, never destroyed, since static tensors may outlive any static of ours.
struct Context {
  int device;
  int processors;       // streaming multiprocessors
  Branch branches[2];   // the stream of all work, and the one beside it
  cudaStream_t stream;  // the first branch's, but for what is put aside
  cublasLtHandle_t blas;
  unsigned* ticket;         // 0 between kernels, for one that asks which of its blocks is the last
  Complaint* complaints;    // two: of eager kernels, and of captured ones
  Complaint* complaint;     // the one that the next kernel gets
  bool capturing = false;   // the stream records a graph instead of running
  Graph* graph = nullptr;   // whose step runs or is recorded
  Pool* pool = nullptr;     // where its arrays come from
  std::vector<Array> held;  // what the second branch uses: it must not be freed, and so given to others, before join()

  /// The branch for work that reads and writes `used` and that the stream does not wait for before join(): in the steps of a
  /// graph the second, which now waits for all that the stream was given so far.
  Branch& fork(std::initializer_list<Array> used);
  /// Keeps memory that a kernel was just given from others for as long as it works.
  void hold(const Array& used) {
    if (stream != branches[0].stream) held.push_back(used);
  }
  /// Makes the stream wait for the second branch.
  void join();
};

/// The current device's.
Context& context();
/// Makes a device the calling thread's current one.
void use(int index);
/// How many devices there are; 0 when there is no driver, no device, or one that does not answer, and then why.
struct Devices {
  int count = 0;
  std::string why_none;
};
const Devices& found();

/// While one lives that is `on`, kernels go where fork(used) says.
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

/// Where a step is being captured, lets it run eagerly from here on: `what` cannot be part of it.
void leave_capture(const char* op, const char* what);

}  // namespace ramp::cuda

#pragma once

#include <cstdint>

namespace ramp {

/// A member that tells in which captured step (trace.h) its object was made. A copy is made where it is copied.
class Birth {
 public:
  Birth() = default;
  Birth(const Birth&) {}
  Birth& operator=(const Birth&) { return *this; }

  /// The number of the trace, 0 for none.
  uint64_t trace() const { return trace_; }
  /// The number of the trace that this thread writes, 0 for none.
  static uint64_t current_trace() { return current; }
  /// Whether this thread runs a step that is being captured.
  static bool in_captured_step() { return current != 0; }

 private:
  friend class Trace;
  friend class Tracing;
  inline static constinit thread_local uint64_t current = 0;
  uint64_t trace_ = current;
};

}  // namespace ramp

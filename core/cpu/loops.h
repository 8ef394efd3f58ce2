#pragma once
// The recorded loops of a captured step (graph.h), and how one depends on another: by the memory that they access.

#include <cstddef>
#include <cstdint>
#include <map>
#include <unordered_map>
#include <vector>

#include "ramp/core/array/storage.h"

namespace ramp::cpu {

/// A range of memory that a loop over [0, n) accesses.
struct Range {
  const Storage* storage;
  const char *begin, *end;
  bool whole, writes;  // a check counts as a write: readers come after it
};

/// Indices [first, first + n) of a body.
struct Loop {
  int64_t first, n, grain;
  std::vector<Range> ranges;
  size_t body;
  size_t phase = 0, chain = 0;
};

/// A loop that another one must wait for: row by row, if both access the same parts, or as a whole.
struct Dependency {
  size_t loop;
  bool by_rows;
};

/// Some of the loops by the memory that they access, so that finding those that another one depends on does not take a
/// scan of all loops.
class LoopIndex {
 public:
  /// An index of none of them. Loops are named by their positions in `loops`.
  explicit LoopIndex(const std::vector<Loop>& loops) : loops_(loops) {}

  void add(size_t loop);
  /// The loops of the index that a later one depends on, in recorded order.
  std::vector<Dependency> dependencies(const Loop& later) const;
  /// Splits a loop where the memory that one loop of the index wrote ends and that of another begins. An update
  /// passes over all parameters at once; split, it updates each one as soon as its own gradient is ready.
  std::vector<Loop> cut(const Loop& loop) const;

 private:
  /// The loops that access a storage, sorted by where their ranges begin.
  struct Accesses {
    std::multimap<const char*, size_t> readers, writers;
    std::ptrdiff_t longest = 0;  // bytes of the longest range
  };
  std::vector<int64_t> edges(const Loop& loop) const;

  const std::vector<Loop>& loops_;
  std::unordered_map<const Storage*, Accesses> accesses_;
};

}  // namespace ramp::cpu

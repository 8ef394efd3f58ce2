#pragma once
// Memory reserved for a captured step: the kernels of its graph hold the addresses, so nothing else may get them.

#include <unordered_map>

#include "ramp/core/array/block_cache.h"

namespace ramp {
struct Cuda;
}

namespace ramp::cuda {

struct Memory;

/// A cache in front of the device's: it takes blocks from there when it has none that fits, and keeps those that are
/// freed.
class Pool {
 public:
  /// On the current device.
  Pool();
  /// Blocks return to the device's cache: at once, or, those that tensors still hold, when they are freed.
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

 private:
  friend struct ramp::Cuda;
  Memory& memory_;
  std::unordered_map<void*, int64_t> sizes_;
  BlockCache cache_;  // the memory's mutex guards it
};

}  // namespace ramp::cuda

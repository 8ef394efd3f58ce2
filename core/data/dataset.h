#pragma once
// Data sets in memory: inputs and what is to be learned of them.

#include <concepts>
#include <optional>
#include <utility>
#include <vector>

#include "ramp/core/autograd/tensor.h"
#include "ramp/core/data/standardization.h"
#include "ramp/core/random/random.h"

namespace ramp::data {

struct Split;

/// Inputs [n, ...] and targets [n, ...] of any shape and dtype, row i of both belonging together: float targets for a
/// regression, say, or int32 [n] for a classification. Copies share the tensors. A Loader makes batches of it.
struct Dataset {
  Dataset() = default;
  /// Throws Error unless both have at least one axis and one number, the same size of the first axis (at most 2^31 -
  /// 1), and the same device.
  Dataset(Tensor inputs, Tensor targets);

  Tensor inputs, targets;
  /// Batches hold standardized inputs, float64 or else float32, if this is set; the set keeps them as they are stored,
  /// which is where bytes save memory. Without it batches hold the inputs as they are. It may be on another device than
  /// the inputs, but to() moves all, and a step that is captured on CUDA wants that.
  std::optional<Standardization> standardization;

  /// The number of rows.
  int64_t size() const { return inputs.size(0); }
  /// The set on another device, stored as it is here.
  Dataset to(Device device) const;
  /// Rows [begin, end), as views. Throws Error unless 0 <= begin < end <= size().
  Dataset subset(int64_t begin, int64_t end) const;
  /// The rows of these indices in their order, copied. Throws Error for no indices and for one outside of [0, size()).
  Dataset subset(const std::vector<int32_t>& indices) const;
  /// Two sets that share out the rows at random, copied: the first takes `fraction` of them, rounded to the nearest
  /// number. `auto [train, test] = set.split(0.8)`. Throws Error unless both get a row.
  Split split(double fraction, Generator& generator = default_generator()) const;
  /// The same, where the first takes so many rows.
  Split split(std::integral auto count, Generator& generator = default_generator()) const;

  /// Throws Error unless the members, which are public, are as the constructor wants them, and the standardization
  /// fits. The message begins with [op].
  void require_valid(const char* op) const;

 private:
  Split split_rows(int64_t count, Generator& generator) const;
};

/// A set to learn from and one to test on.
struct Split {
  Dataset train, test;
};

Split Dataset::split(std::integral auto count, Generator& generator) const {
  if (!std::in_range<int64_t>(count)) fail("split", "expected fewer rows, got ", count);
  return split_rows(static_cast<int64_t>(count), generator);
}

}  // namespace ramp::data

#include "ramp/core/data/dataset.h"

#include <cmath>
#include <limits>
#include <utility>

#include "ramp/core/array_ops/array_ops.h"
#include "ramp/core/autograd/create.h"

namespace ramp::data {

Dataset::Dataset(Tensor inputs, Tensor targets) : inputs(std::move(inputs)), targets(std::move(targets)) {
  require_valid("Dataset");
}

void Dataset::require_valid(const char* op) const {
  const auto require = [&](bool holds, const auto&... rule) {
    if (!holds) fail(op, "expected ", rule...);
  };
  require(inputs.defined() && targets.defined(), "inputs and targets, got an undefined tensor");
  require(inputs.rank() > 0 && targets.rank() > 0, "inputs [n, ...] and targets [n, ...], got ", inputs.shape(),
          " and ", targets.shape());
  require(inputs.size(0) == targets.size(0), "as many targets as inputs, got ", inputs.shape(), " and ",
          targets.shape());
  require(inputs.numel() > 0 && targets.numel() > 0, "at least one row of at least one number, got ", inputs.shape(),
          " and ", targets.shape());
  constexpr int64_t most = std::numeric_limits<int32_t>::max();
  require(size() <= most, "at most ", most, " rows, got ", size());
  require(inputs.device() == targets.device(), "inputs and targets on one device, got ", inputs.device(), " and ",
          targets.device());
  if (!standardization) return;
  require(inputs.dtype() != bfloat16, "float64, float32, int32 or uint8 to standardize, got bfloat16");
  standardization->require_fits(op, inputs);
}

Dataset Dataset::to(Device device) const {
  Dataset there{inputs.detach().to(device), targets.detach().to(device)};
  if (standardization) there.standardization = standardization->to(device);
  return there;
}

Dataset Dataset::subset(int64_t begin, int64_t end) const {
  require_valid("subset");
  if (begin < 0 || begin >= end || end > size())
    fail("subset", "expected 0 <= begin < end <= ", size(), ", got ", begin, " and ", end);
  Dataset part{Tensor(inputs.array().rows(begin, end)), Tensor(targets.array().rows(begin, end))};
  part.standardization = standardization;
  return part;
}

Dataset Dataset::subset(const std::vector<int32_t>& indices) const {
  require_valid("subset");
  if (indices.empty()) fail("subset", "expected at least one index, got none");
  for (size_t i = 0; i < indices.size(); ++i)
    if (indices[i] < 0 || indices[i] >= size())
      fail("subset", "indices must lie in [0, ", size(), "), got ", indices[i], " at position ", i);
  const Array rows = from_vector(indices, {static_cast<int64_t>(indices.size())}, inputs.device()).array();
  Dataset part{Tensor(gather(inputs.array(), rows)), Tensor(gather(targets.array(), rows))};
  part.standardization = standardization;
  return part;
}

Split Dataset::split(double fraction, Generator& generator) const {
  require_valid("split");
  if (!(fraction > 0 && fraction < 1)) fail("split", "expected a fraction between 0 and 1, got ", fraction);
  return split_rows(std::llround(fraction * static_cast<double>(size())), generator);
}

Split Dataset::split_rows(int64_t count, Generator& generator) const {
  require_valid("split");
  if (count <= 0 || count >= size())
    fail("split", "expected a row for each part, from 1 to ", size() - 1, " of ", size(), " for the first, got ",
         count);
  const std::vector<int32_t> order = random_permutation(size(), generator);
  const auto middle = order.begin() + count;
  return {subset({order.begin(), middle}), subset({middle, order.end()})};
}

}  // namespace ramp::data

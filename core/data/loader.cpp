#include "ramp/core/data/loader.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "ramp/core/array_ops/array_ops.h"
#include "ramp/core/autograd/create.h"
#include "ramp/core/data/prefetch.h"

namespace ramp::data {
namespace {

/// The row numbers of a data set in the order of one pass, on its device.
Array make_order(const Dataset& set, bool shuffle, Generator& generator) {
  std::vector<int32_t> order(static_cast<size_t>(set.size()));
  if (shuffle) order = random_permutation(set.size(), generator);
  else std::iota(order.begin(), order.end(), 0);
  return from_vector(order, {set.size()}, set.inputs.device()).array();
}

/// The arrays of a data set: what a thread may read without the tensors.
struct Arrays {
  explicit Arrays(const Dataset& set) : inputs(set.inputs.array()), targets(set.targets.array()) {
    if (!set.standardization) return;
    mean = ramp::to(set.standardization->mean().array(), inputs.device());
    stddev = ramp::to(set.standardization->stddev().array(), inputs.device());
  }
  BatchArrays at(const Array& rows) const { return ramp::load_batch(inputs, targets, rows, mean, stddev); }

  Array inputs, targets, mean, stddev;
};

/// One pass through a data set.
struct Plan {
  Arrays set;
  int64_t batch_size;
  Array order;

  BatchArrays make(int64_t k) const {
    const int64_t begin = k * batch_size, end = std::min(begin + batch_size, order.numel());
    return set.at(order.rows(begin, end));
  }
};

}  // namespace

/// For data on the CPU a thread makes batches ahead, if one can be started. A CUDA device runs ahead of its host
/// anyway.
class Loader::Iterator::Pass {
 public:
  Pass(Plan plan, int64_t batches) : plan_(std::move(plan)), left_(batches) {
    if (plan_.set.inputs.device().is_cuda()) return;
    try {
      prefetch_.emplace(batches, [this](int64_t k) { return plan_.make(k); });
    } catch (const std::system_error&) {
      // The process cannot start another thread: next() makes each batch itself.
    }
  }
  int64_t left() const { return left_; }
  BatchArrays next() {
    --left_;
    return prefetch_ ? prefetch_->next() : plan_.make(done_++);
  }

 private:
  Plan plan_;
  int64_t left_, done_ = 0;
  std::optional<Prefetch<BatchArrays>> prefetch_;  // last: it uses the plan
};

Loader::Loader(const Dataset& set, LoaderOptions options, Generator& generator)
    : set_(set), options_(options), generator_(&generator) {
  set.require_valid("loader");
  if (options.batch_size <= 0) fail("loader", "expected a batch size above 0, got ", options.batch_size);
  if (size() == 0)
    fail("loader", "expected at least one full batch of ", options.batch_size, " rows with drop_last, got ", set.size(),
         " rows");
}

int64_t Loader::size() const {
  const int64_t full = set_.size() / options_.batch_size;
  return full + (!options_.drop_last && full * options_.batch_size < set_.size());
}

Loader::Iterator Loader::begin() const {
  return Iterator(std::make_shared<Iterator::Pass>(
      Plan{Arrays(set_), options_.batch_size, make_order(set_, options_.shuffle, *generator_)}, size()));
}

Loader::Iterator::Iterator(std::shared_ptr<Pass> pass) : pass_(std::move(pass)) { ++*this; }

Loader::Iterator& Loader::Iterator::operator++() {
  if (!pass_) fail("loader", "expected no step beyond the last batch, got one");
  if (pass_->left() == 0) {
    pass_.reset();
    return *this;
  }
  auto [inputs, targets] = pass_->next();
  batch_ = {Tensor(std::move(inputs)), Tensor(std::move(targets))};
  return *this;
}

Batch load_batch(const Dataset& set, const Tensor& rows) {
  auto [inputs, targets] = Arrays(set).at(rows.array());
  return {Tensor(std::move(inputs)), Tensor(std::move(targets))};
}

}  // namespace ramp::data

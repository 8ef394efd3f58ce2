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
Array make_order(const Dataset& set, const LoaderOptions& options) {
  std::vector<int32_t> order(static_cast<size_t>(set.size()));
  if (options.shuffle)
    order = random_permutation(set.size(), options.generator ? *options.generator : default_generator());
  else std::iota(order.begin(), order.end(), 0);
  return from_vector(order, {set.size()}, set.images.device()).array();
}

/// One pass through a data set.
struct Plan {
  Dataset set;
  int64_t batch_size;
  Array order;

  BatchArrays make(int64_t k) const {
    const int64_t begin = k * batch_size, end = std::min(begin + batch_size, set.size());
    return ramp::load_batch(set.images, set.labels, order.rows(begin, end), set.pixels.mean, set.pixels.stddev);
  }
};

}  // namespace

/// For data on the CPU a thread makes batches ahead, if one can be started. A CUDA device runs ahead of its host
/// anyway.
class Loader::Iterator::Pass {
 public:
  Pass(Plan plan, int64_t batches) : plan_(std::move(plan)), left_(batches) {
    if (plan_.set.images.device().is_cuda()) return;
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

Loader::Loader(const Dataset& set, LoaderOptions options) : set_(set), options_(options) {
  check("loader", set);
  if (options.batch_size <= 0) fail("loader", "expected a batch size above 0, got ", options.batch_size);
  if (size() == 0)
    fail("loader", "expected at least one full batch of ", options.batch_size, " images with drop_last, got ",
         set.size(), " images");
}

int64_t Loader::size() const {
  const int64_t full = set_.size() / options_.batch_size;
  return full + (!options_.drop_last && full * options_.batch_size < set_.size());
}

Loader::Iterator Loader::begin() const {
  return Iterator(
      std::make_shared<Iterator::Pass>(Plan{set_, options_.batch_size, make_order(set_, options_)}, size()));
}

Loader::Iterator::Iterator(std::shared_ptr<Pass> pass) : pass_(std::move(pass)) { ++*this; }

Loader::Iterator& Loader::Iterator::operator++() {
  if (!pass_) fail("loader", "expected no step beyond the last batch, got one");
  if (pass_->left() == 0) {
    pass_.reset();
    return *this;
  }
  auto [images, labels] = pass_->next();
  batch_ = {Tensor(std::move(images)), Tensor(std::move(labels))};
  return *this;
}

Batch load_batch(const Dataset& set, const Tensor& rows) {
  check("load_batch", set.pixels);
  BatchArrays batch = ramp::load_batch(set.images, set.labels, rows.array(), set.pixels.mean, set.pixels.stddev);
  return {Tensor(std::move(batch.images)), Tensor(std::move(batch.labels))};
}

}  // namespace ramp::data

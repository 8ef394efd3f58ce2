#include "ramp/core/data/loader.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "ramp/core/data/prefetch.h"

namespace ramp::data {
namespace {

struct BatchArrays {
  Array images, labels;
};

/// One way through a data set: which images make up batch k, and the batch itself.
struct Plan {
  Dataset set;
  int64_t batch_size;
  std::vector<int32_t> order;  // empty: as they lie
  float pixel_values[256];     // of uint8 images, rounded once and so the same on every machine

  BatchArrays make(int64_t k) const;
  void deliver(const uint8_t* from, float* to, int64_t count) const {
    for (int64_t i = 0; i < count; ++i) to[i] = pixel_values[from[i]];
  }
  void deliver(const float* from, float* to, int64_t count) const {
    const auto [mean, stddev] = set.pixels;
    for (int64_t i = 0; i < count; ++i) to[i] = static_cast<float>((from[i] - mean) / stddev);
  }
};

/// Batch k, gathered, converted and normalised in one pass. Plain loops: it runs beside the training step, whose threads
/// it must not multiply.
BatchArrays Plan::make(int64_t k) const {
  const int64_t begin = k * batch_size, n = std::min(batch_size, set.size() - begin), features = set.features();
  BatchArrays batch{Array({n, features}, float32), Array(Shape{n}, int32)};
  float* to = batch.images.data<float>();
  int32_t* labels = batch.labels.data<int32_t>();
  const int32_t* all_labels = set.labels.data<int32_t>();
  for (int64_t i = 0; i < n; ++i, to += features) {
    const int64_t row = order.empty() ? begin + i : order[static_cast<size_t>(begin + i)];
    labels[i] = all_labels[row];
    if (set.images.dtype() == uint8) deliver(set.images.data<uint8_t>() + row * features, to, features);
    else deliver(set.images.data<float>() + row * features, to, features);
  }
  return batch;
}

Plan make_plan(const Dataset& set, const LoaderOptions& options) {
  Plan plan{set, options.batch_size, {}, {}};
  if (options.shuffle)
    plan.order = random_permutation(set.size(), options.generator ? *options.generator : default_generator());
  for (int value = 0; value < 256; ++value)
    plan.pixel_values[value] = static_cast<float>((value / 255.0 - set.pixels.mean) / set.pixels.stddev);
  return plan;
}

}  // namespace

class Loader::Iterator::Pass {
 public:
  Pass(Plan plan, int64_t batches) : prefetch(batches, [plan = std::move(plan)](int64_t k) { return plan.make(k); }) {}
  Prefetch<BatchArrays> prefetch;
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
  return Iterator(std::make_shared<Iterator::Pass>(make_plan(set_, options_), size()));
}

Loader::Iterator::Iterator(std::shared_ptr<Pass> pass) : pass_(std::move(pass)) { ++*this; }

Loader::Iterator& Loader::Iterator::operator++() {
  if (!pass_) fail("loader", "expected no step beyond the last batch, got one");
  if (pass_->prefetch.left() == 0) {
    pass_.reset();
    return *this;
  }
  auto [images, labels] = pass_->prefetch.next();
  batch_ = {Tensor(std::move(images)), Tensor(std::move(labels))};
  return *this;
}

}  // namespace ramp::data

#pragma once
// A data set in batches.

#include <cstddef>
#include <iterator>
#include <memory>

#include "ramp/core/autograd/tensor.h"
#include "ramp/core/data/dataset.h"
#include "ramp/core/random/random.h"

namespace ramp::data {

struct LoaderOptions {
  int64_t batch_size = 32;
  bool shuffle = false;    ///< a new random order for each pass
  bool drop_last = false;  ///< leave out a last batch that is not full
  Generator* generator =
      nullptr;  ///< orders come from this one, which must outlive the loader; null: the default generator
};

struct Batch {
  Tensor images;  ///< float32 [b, features], normalised
  Tensor labels;  ///< int32 [b]
};

/// The rows of a data set, in their order: what a captured step on CUDA (capture.h) is best given rows for, instead of images.
/// rows int32 [b], on the set's device. Throws Error for a row out of range (on CUDA a later copy to the CPU reports it), for
/// a standard deviation that is not above 0, and where images, labels or rows have another dtype, shape or device.
Batch load_batch(const Dataset& set, const Tensor& rows);

/// Goes through a data set in batches of `batch_size` images, the last one smaller if need be:
/// `for (auto [images, labels] : Loader(train, {.batch_size = 128, .shuffle = true}))`.
/// begin() starts a pass: it draws the pass's order on the calling thread, the same for every device, and starts a thread
/// that makes each batch while the one before it is in use; the thread ends with the pass's last iterator. A process that
/// gets no more threads makes its batches when they are asked for. A pass does not go on in a fork of the process: its next
/// step there throws Error, and another pass may begin. Batches of a set on a CUDA device (Dataset::to) are made there, by
/// one kernel each. Copies of the data set's arrays are held, as handles, so the Dataset itself may go. Throws Error when the
/// data set is unsound (see check) or batch_size <= 0, and when drop_last leaves no batch.
class Loader {
 public:
  explicit Loader(const Dataset& set, LoaderOptions options = {});

  /// The number of batches in a pass.
  int64_t size() const;

  class Iterator;
  Iterator begin() const;
  std::default_sentinel_t end() const { return {}; }

 private:
  Dataset set_;
  LoaderOptions options_;
};

/// An input iterator: copies share one place in the pass.
class Loader::Iterator {
 public:
  using value_type = Batch;
  using difference_type = std::ptrdiff_t;

  const Batch& operator*() const { return batch_; }
  const Batch* operator->() const { return &batch_; }
  Iterator& operator++();
  void operator++(int) { ++*this; }
  bool operator==(std::default_sentinel_t) const { return pass_ == nullptr; }

 private:
  friend class Loader;
  class Pass;
  explicit Iterator(std::shared_ptr<Pass> pass);

  std::shared_ptr<Pass> pass_;  // null after the last batch
  Batch batch_;
};

}  // namespace ramp::data

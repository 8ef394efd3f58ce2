#pragma once
// Batches of a data set.

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
};

/// Rows of a data set: inputs [b, ...], standardized if the set has a standardization, and targets [b, ...].
struct Batch {
  Tensor inputs, targets;
};

/// The inputs and targets of a data set at `rows`, in their order. A captured step on CUDA (capture.h) should take rows
/// as its input and call this, instead of taking inputs. rows int32 [b], on the set's device. Throws Error for a row
/// out of range (on CUDA a later copy to the CPU reports it), and when inputs, targets or rows have another dtype,
/// shape or device than they should.
Batch load_batch(const Dataset& set, const Tensor& rows);

/// Iterates over a data set in batches of `batch_size` rows, of which the last may be smaller: `for (auto [x, y] :
/// Loader(train, {.batch_size = 128, .shuffle = true}))`. begin() starts a pass and draws its order on the calling
/// thread, the same for every device; the generator draws nothing without shuffle, and must outlive the loader. For a
/// set on the CPU begin() also starts a thread that makes each batch while the one before it is in use. The thread ends
/// with the pass's last iterator. If no thread can be started, each batch is made when it is asked for. A pass with a
/// thread cannot continue in a fork of the process: its next step there throws Error, but a new pass can begin. Batches
/// of a set on a CUDA device (Dataset::to) are made there, by one kernel each. The loader holds handles to the data
/// set's tensors, so the Dataset itself may be destroyed. Throws Error when the data set is invalid (see
/// Dataset::require_valid) or batch_size <= 0, and when drop_last leaves no batch.
class Loader {
 public:
  explicit Loader(const Dataset& set, LoaderOptions options = {}, Generator& generator = default_generator());

  /// The number of batches in a pass.
  int64_t size() const;

  class Iterator;
  Iterator begin() const;
  std::default_sentinel_t end() const { return {}; }

 private:
  Dataset set_;
  LoaderOptions options_;
  Generator* generator_;
};

/// An input iterator: copies share one position in the pass.
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

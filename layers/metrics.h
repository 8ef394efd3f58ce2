#pragma once
// Measures of a model's quality.

#include <iosfwd>
#include <string>
#include <vector>

#include "ramp/core/data/dataset.h"
#include "ramp/layers/layer.h"

namespace ramp {

/// The share of rows whose largest logit (the first of equals) is at the label. logits [n, C], labels int32 [n].
double accuracy(const Tensor& logits, const Tensor& labels);
/// The model's accuracy on a data set with int32 targets [n], in evaluation mode and without recording; the mode is
/// restored afterwards. Threads may do so at once with one model that is in evaluation mode already.
double accuracy(const Layer& model, const data::Dataset& dataset);
/// The share of rows whose label is among their k largest logits; of equal logits the first counts as larger, so that
/// k = 1 is accuracy(). logits [n, C], labels int32 [n]. Throws Error unless 1 <= k <= C.
double top_k_accuracy(const Tensor& logits, const Tensor& labels, int64_t k);

/// How often each class was predicted for each true class.
struct ConfusionMatrix {
  int64_t classes = 0;
  std::vector<int64_t> counts;  ///< [true class * classes + predicted class]

  /// One count. Throws Error, as table() does, unless there is at least one class and a count for each pair of classes.
  int64_t operator()(int64_t true_class, int64_t predicted) const;
  /// A table: a row for each true class with the share that is right, a column for each predicted class, "." for a
  /// count of 0. Rows are titled with their name, if given, and their number. Throws Error unless there are no names or
  /// one per class.
  std::string table(const std::vector<std::string>& names = {}) const;
};
std::ostream& operator<<(std::ostream& out, const ConfusionMatrix& matrix);
/// Counts the largest logit (the first of equals) of each row against its label. logits [n, C], labels int32 [n]:
/// confusion_matrix(predict(model, test), test.targets).
ConfusionMatrix confusion_matrix(const Tensor& logits, const Tensor& labels);

/// The model's outputs for the inputs of a whole data set, batch by batch, in evaluation mode and without recording: on
/// the device of its parameters and in their dtype. Modes and threads as in accuracy(). The root mean square error of a
/// regression is `std::sqrt(mse(predict(model, test), test.targets).item())`.
Tensor predict(const Layer& model, const data::Dataset& dataset);

}  // namespace ramp

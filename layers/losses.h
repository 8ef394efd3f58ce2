#pragma once
// Losses: predictions first, targets second.

#include <optional>
#include <vector>

#include "ramp/core/ops.h"

namespace ramp {

/// What becomes of the losses of a batch: their mean, their sum, or one a row (element).
enum class Reduction { mean, sum, none };

struct CrossEntropyOptions {
  Reduction reduction = Reduction::mean;
  double label_smoothing = 0;              ///< e: targets become (1 - e) onehot + e / C. In [0, 1].
  std::vector<double> class_weights = {};  ///< one a class, 1 when empty; the mean divides by the sum of the labels'
  std::optional<int> ignore_index = {};    ///< rows with this label count for nothing
};

/// -sum_c w_c t_c log softmax(logits)_c, a row at a time, with class weights w and target t: -log softmax(logits)[label]
/// unless an option says otherwise. logits [n, C] (raw, no softmax), labels int32 [n] in [0, C). Computed in one pass with
/// its gradient, softmax(logits) - onehot(label). Throws Error for a label out of range, naming its row; for an empty
/// batch; and for a mean over labels whose weights are all 0.
Tensor cross_entropy(const Tensor& logits, const Tensor& labels, const CrossEntropyOptions& options = {});

/// (prediction - target)^2, element by element; the shapes must be equal.
Tensor mse(const Tensor& prediction, const Tensor& target, Reduction reduction = Reduction::mean);

}  // namespace ramp

#pragma once
// Losses: predictions first, targets second.

#include <optional>
#include <vector>

#include "ramp/core/autograd/ops.h"
#include "ramp/core/autograd/parameter.h"

namespace ramp {

/// What a loss function returns for a batch: the mean, the sum, or one loss per row (element).
enum class Reduction { mean, sum, none };

struct CrossEntropyOptions {
  Reduction reduction = Reduction::mean;
  double label_smoothing = 0;              ///< e: targets become (1 - e) onehot + e / C. In [0, 1].
  std::vector<double> class_weights = {};  ///< one per class, 1 when empty; the mean divides by the sum of the labels'
  std::optional<int> ignore_index = {};    ///< rows with this label are ignored
};

/// -sum_c w_c t_c log softmax(logits)_c for each row, with class weights w and target t. With the default options it is
/// -log softmax(logits)[label]. logits [n, C] (raw, no softmax), labels int32 [n] in [0, C). Computed in one pass with
/// its gradient, softmax(logits) - onehot(label). Throws Error for a label out of range, naming its row; for an empty
/// batch; and for a mean over labels whose weights are all 0.
Tensor cross_entropy(const Tensor& logits, const Tensor& labels, const CrossEntropyOptions& options = {});

/// -log_probabilities[i, labels[i]] for each row i: log_probabilities [n, C], as log_softmax gives them, labels int32
/// [n] in [0, C). nll(log_softmax(z), labels) is cross_entropy(z, labels), which is faster.
Tensor nll(const Tensor& log_probabilities, const Tensor& labels, Reduction reduction = Reduction::mean);

/// (prediction - target)^2 for each element; the shapes must be equal.
Tensor mse(const Tensor& prediction, const Tensor& target, Reduction reduction = Reduction::mean);

/// |prediction - target| for each element; the shapes must be equal. Its gradient is 0 where the two are equal.
Tensor l1(const Tensor& prediction, const Tensor& target, Reduction reduction = Reduction::mean);

struct HuberOptions {
  double delta = 1;  ///< > 0, where the parabola turns into lines
  Reduction reduction = Reduction::mean;
};
/// d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2), for each element d of prediction - target; the shapes must
/// be equal. The gradient is d clamped to +-delta. Huber 1964.
Tensor huber(const Tensor& prediction, const Tensor& target, const HuberOptions& options = {});

/// -t log s(x) - (1 - t) log(1 - s(x)) for logits x, probabilities t in [0, 1] and the sigmoid s, for each element.
/// Computed in the stable form t softplus(-x) + (1 - t) softplus(x). Shapes and dtypes must be equal. Throws Error for
/// a target outside [0, 1].
Tensor binary_cross_entropy_with_logits(const Tensor& logits, const Tensor& targets,
                                        Reduction reduction = Reduction::mean);

/// The sum of |x|, to be added to a loss: loss + 1e-4 * l1_penalty(activations). Its gradient at 0 is 0.
Tensor l1_penalty(const Tensor& x);
/// The Lasso (Tibshirani 1996): the sum of |x| over all parameters to which weight decay applies,
/// loss + 1e-4 * l1_penalty(model.parameters()). Throws Error when there are none.
Tensor l1_penalty(const std::vector<Parameter>& parameters);

}  // namespace ramp

#include "ramp/layers/losses.h"

#include <cmath>

#include "ramp/core/create.h"

namespace ramp {
namespace {

void check(const Array& logits, const Array& labels, const CrossEntropyOptions& options) {
  constexpr const char* op = "cross_entropy";
  if (logits.rank() != 2) fail(op, "expected logits [n, C], got ", logits.shape());
  check_floating(op, {&logits});
  if (labels.dtype() != int32) fail(op, "expected int32 labels, got ", labels.dtype());
  const int64_t n = logits.shape()[0], classes = logits.shape()[1];
  if (labels.shape() != Shape{n}) fail(op, "expected labels ", Shape{n}, ", got ", labels.shape());
  check_devices(op, {&logits, &labels});
  if (n == 0 || classes == 0) fail(op, "a batch needs rows and classes, got logits ", logits.shape());

  if (!(options.label_smoothing >= 0 && options.label_smoothing <= 1))
    fail(op, "label_smoothing must lie in [0, 1], got ", options.label_smoothing);
  if (!options.class_weights.empty() && static_cast<int64_t>(options.class_weights.size()) != classes)
    fail(op, "expected ", classes, " class_weights, got ", options.class_weights.size());
  for (double weight : options.class_weights)
    if (!(weight >= 0) || std::isinf(weight)) fail(op, "class_weights must be finite and at least 0, got ", weight);
}

/// What the mean divides by: the sum of the labels' weights, each 1 unless said otherwise, 0 where ignored.
double total_weight(const Tensor& labels, const CrossEntropyOptions& options) {
  if (options.class_weights.empty() && !options.ignore_index) return static_cast<double>(labels.numel());
  double total = 0;
  for (int32_t label : labels.to_vector<int32_t>()) {
    if (label == options.ignore_index) continue;
    total += options.class_weights.empty() ? 1 : options.class_weights.at(static_cast<size_t>(label));
  }
  if (total == 0) fail("cross_entropy", "a mean needs a label whose weight is not 0, got none");
  return total;
}

}  // namespace

Tensor cross_entropy(const Tensor& logits, const Tensor& labels, const CrossEntropyOptions& options) {
  check(logits.array(), labels.array(), options);
  CrossEntropyStep step{
      .label_smoothing = options.label_smoothing, .class_weights = {}, .ignore_index = options.ignore_index};
  if (!options.class_weights.empty()) {
    const auto classes = static_cast<int64_t>(options.class_weights.size());
    step.class_weights = from_vector(options.class_weights, {classes}, logits.device()).to(logits.dtype()).array();
  }
  const CrossEntropyResult result = cross_entropy(logits.array(), labels.array(), step);

  if (options.reduction == Reduction::none)
    return record("cross_entropy", result.losses, {logits},
                  [gradient = result.gradient](const Array& upstream, Gradients& inputs) {
                    inputs[0] = gradient * upstream.view(Shape{upstream.numel(), 1});
                  });
  const double scale = options.reduction == Reduction::mean ? 1 / total_weight(labels, options) : 1;
  return record("cross_entropy", sum(result.losses, 0).view(Shape{}) * scale, {logits},
                [gradient = result.gradient, scale](const Array& upstream, Gradients& inputs) {
                  inputs[0] = gradient * (upstream * scale);
                });
}

Tensor mse(const Tensor& prediction, const Tensor& target, Reduction reduction) {
  if (prediction.shape() != target.shape())
    fail("mse", "prediction and target must have equal shapes, got ", prediction.shape(), " and ", target.shape());
  check_floating("mse", {&prediction.array(), &target.array()});
  if (prediction.numel() == 0) fail("mse", "a batch must not be empty, got ", prediction.shape());
  const Tensor losses = square(prediction - target);
  switch (reduction) {
    case Reduction::mean: return mean(losses);
    case Reduction::sum: return sum(losses);
    default: return losses;
  }
}

}  // namespace ramp

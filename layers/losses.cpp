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
    if (options.class_weights.empty()) ++total;
    else if (label >= 0 && label < std::ssize(options.class_weights))  // else the loss will say so
      total += options.class_weights[static_cast<size_t>(label)];
  }
  return total;
}

/// Two tensors to be compared element by element.
void check_pair(const char* op, const Tensor& a, const Tensor& b, const char* names = "prediction and target") {
  if (a.shape() != b.shape()) fail(op, names, " must have equal shapes, got ", a.shape(), " and ", b.shape());
  check_floating(op, {&a.array(), &b.array()});
  if (a.numel() == 0) fail(op, "a batch must not be empty, got ", a.shape());
}

Tensor reduce(const Tensor& losses, Reduction reduction) {
  switch (reduction) {
    case Reduction::mean: return mean(losses);
    case Reduction::sum: return sum(losses);
    default: return losses;
  }
}

}  // namespace

Tensor cross_entropy(const Tensor& logits, const Tensor& labels, const CrossEntropyOptions& options) {
  check(logits.array(), labels.array(), options);
  const double total = options.reduction == Reduction::mean ? total_weight(labels, options) : 1;
  CrossEntropyStep step{.scale = 1 / total,
                        .label_smoothing = options.label_smoothing,
                        .class_weights = {},
                        .ignore_index = options.ignore_index};
  if (!options.class_weights.empty()) {
    const auto classes = static_cast<int64_t>(options.class_weights.size());
    step.class_weights = from_vector(options.class_weights, {classes}, logits.device()).to(logits.dtype()).array();
  }
  const CrossEntropyResult result = cross_entropy(logits.array(), labels.array(), step);
  if (total == 0) fail("cross_entropy", "a mean needs a label whose weight is not 0, got none");

  if (options.reduction == Reduction::none)
    return record("cross_entropy", result.losses, {logits},
                  [gradient = result.gradient](const Array& upstream, Gradients& inputs) {
                    inputs[0] = gradient * upstream.view(Shape{upstream.numel(), 1});
                  });
  return record("cross_entropy", result.sum, {logits},
                [gradient = result.gradient](const Array& upstream, Gradients& inputs) {
                  inputs[0] = is_unit_gradient(upstream) ? gradient : gradient * upstream;
                });
}

Tensor nll(const Tensor& log_probabilities, const Tensor& labels, Reduction reduction) {
  const Tensor& x = log_probabilities;
  if (x.rank() != 2) fail("nll", "expected log-probabilities [n, C], got ", x.shape());
  check_floating("nll", {&x.array()});
  if (labels.dtype() != int32) fail("nll", "expected int32 labels, got ", labels.dtype());
  const int64_t n = x.size(0), classes = x.size(1);
  if (labels.shape() != Shape{n}) fail("nll", "expected labels ", Shape{n}, ", got ", labels.shape());
  check_devices("nll", {&x.array(), &labels.array()});
  if (n == 0 || classes == 0) fail("nll", "a batch needs rows and classes, got log-probabilities ", x.shape());
  const std::vector<int32_t> wanted = labels.to_vector<int32_t>();
  for (size_t row = 0; row < wanted.size(); ++row)
    if (wanted[row] < 0 || wanted[row] >= classes)
      fail("nll", "labels must lie in [0, ", classes, "), got ", wanted[row], " at row ", row);

  const Tensor chosen = arange(classes, {.dtype = int32, .device = x.device()}) == reshape(labels, {n, 1});
  // Not multiplied by a mask: 0 times the -inf of an impossible class would be NaN.
  const Tensor zero = scalar(0, {.dtype = x.dtype(), .device = x.device()});
  return reduce(-sum(where(chosen, x, zero), 1), reduction);
}

Tensor mse(const Tensor& prediction, const Tensor& target, Reduction reduction) {
  check_pair("mse", prediction, target);
  return reduce(square(prediction - target), reduction);
}

Tensor l1(const Tensor& prediction, const Tensor& target, Reduction reduction) {
  check_pair("l1", prediction, target);
  return reduce(abs(prediction - target), reduction);
}

Tensor huber(const Tensor& prediction, const Tensor& target, const HuberOptions& options) {
  check_pair("huber", prediction, target);
  const double delta = options.delta;
  if (!(delta > 0) || std::isinf(delta)) fail("huber", "delta must be positive and finite, got ", delta);
  const Array d = prediction.array() - target.array();
  const Array size = map(Unary(formula::Abs{}), d), inner = map(Unary(formula::Clamp{0, delta}), size);
  // A node of its own: beyond delta the composed gradient would multiply an infinite distance by 0.
  const Tensor losses = record("huber", inner * (size - inner * 0.5), {prediction, target},
                               [d, delta](const Array& upstream, Gradients& inputs) {
                                 const Array gradient = upstream * map(Unary(formula::Clamp{-delta, delta}), d);
                                 if (inputs.wants(0)) inputs[0] = gradient;
                                 if (inputs.wants(1)) inputs[1] = -gradient;
                               });
  return reduce(losses, options.reduction);
}

Tensor binary_cross_entropy_with_logits(const Tensor& logits, const Tensor& targets, Reduction reduction) {
  constexpr const char* op = "binary_cross_entropy_with_logits";
  check_pair(op, logits, targets, "logits and targets");
  const double lowest = -max(-targets.detach()).item(), highest = max(targets.detach()).item();
  if (!(lowest >= 0 && highest <= 1)) fail(op, "targets must lie in [0, 1], got ", lowest >= 0 ? highest : lowest);
  return reduce(targets * softplus(-logits) + (1 - targets) * softplus(logits), reduction);
}

Tensor l1_penalty(const Tensor& x) {
  check_floating("l1_penalty", {&x.array()});
  return sum(abs(x));
}

Tensor l1_penalty(const std::vector<Parameter>& parameters) {
  Tensor total;
  for (const Parameter& parameter : parameters) {
    if (!parameter.decay) continue;
    const Tensor part = l1_penalty(parameter.tensor);
    total = total.defined() ? total + part : part;
  }
  if (!total.defined()) fail("l1_penalty", "expected a parameter that decay may pull at, got none");
  return total;
}

}  // namespace ramp

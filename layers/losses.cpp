#include "ramp/layers/losses.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ramp/core/autograd/create.h"
#include "ramp/core/hooks.h"

namespace ramp {
namespace {

void check(const CrossEntropyOptions& options) {
  constexpr const char* op = "cross_entropy";
  if (!(options.label_smoothing >= 0 && options.label_smoothing <= 1))
    fail(op, "label_smoothing must lie in [0, 1], got ", options.label_smoothing);
  for (double weight : options.class_weights) {
    if (!(weight >= 0) || std::isinf(weight)) fail(op, "class_weights must be finite and at least 0, got ", weight);
    if (weight > std::numeric_limits<float>::max()) fail(op, "class_weights must be finite in float32, got ", weight);
  }
}

/// The class weights as an array, undefined if there are none. Recent arrays are cached, so that a captured step on
/// CUDA finds the copy that its warm-up made, and an eager step copies nothing.
Array class_weights_array(const CrossEntropyOptions& options, DType dtype, Device device) {
  struct Kept {
    std::vector<double> values;
    Array array;
  };
  thread_local std::vector<Kept> kept;
  if (options.class_weights.empty()) return {};
  const auto found = std::find_if(kept.begin(), kept.end(), [&](const Kept& k) {
    return k.values == options.class_weights && k.array.dtype() == dtype && k.array.device() == device;
  });
  if (found != kept.end()) {
    if (CaptureListener* listener = capturing()) listener->hold(found->array);
    return found->array;
  }
  const auto classes = static_cast<int64_t>(options.class_weights.size());
  const Array array = from_vector(options.class_weights, {classes}, Device::cpu()).to(dtype).to(device).array();
  if (capturing()) return array;  // not cached: its numbers exist only in replays
  constexpr size_t most = 8;
  if (kept.size() == most) kept.erase(kept.begin());
  kept.push_back({options.class_weights, array});
  return array;
}

/// The divisor of the mean, a scalar of `dtype`: the sum of the labels' weights, where a weight is 1 without class
/// weights and 0 for an ignored label. Throws Error when the sum is 0.
Array total_weight(const Array& labels, const CrossEntropyOptions& options, const Array& class_weights, DType dtype) {
  const Device device = labels.device();
  const auto number = [&](double value, DType type) { return full_array({}, value, type, device); };
  Array counted, picked = labels;
  if (options.ignore_index) {
    counted = compare(Compare::not_equal, labels, number(*options.ignore_index, int32));
    picked = where(counted, labels, number(0, int32));
  }
  Array weights = full_array(labels.shape(), 1, float64, device);
  if (class_weights.defined()) {
    const Array column = to(class_weights, float64).view({class_weights.numel(), 1});
    weights = gather(column, picked).view(labels.shape());
  }
  if (counted.defined()) weights = where(counted, weights, number(0, float64));
  const Array total = sum(weights, 0).view({});
  require_range({.op = "cross_entropy",
                 .rule = "a mean needs labels whose weights do not sum to 0",
                 .low = std::numeric_limits<double>::denorm_min(),
                 .high = std::numeric_limits<double>::infinity()},
                total);
  return to(total, dtype);
}

/// Checks two tensors that are to be compared element by element.
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
  check(options);
  const Array &z = logits.array(), &y = labels.array();
  const bool weighted = !options.class_weights.empty() || options.ignore_index;
  const bool divides = options.reduction == Reduction::mean && weighted;
  const CrossEntropyStep step{
      .scale = options.reduction == Reduction::mean && !weighted ? 1 / static_cast<double>(y.numel()) : 1,
      .label_smoothing = options.label_smoothing,
      .class_weights = class_weights_array(options, z.dtype(), z.device()),
      .ignore_index = options.ignore_index};
  const CrossEntropyResult result = cross_entropy(z, y, step);

  if (options.reduction == Reduction::none)
    return record("cross_entropy", result.losses, {logits}, {},
                  [gradient = result.gradient](const Array& upstream, Gradients& inputs) {
                    inputs[0] = gradient * upstream.view(Shape{upstream.numel(), 1});
                  });
  if (divides) {
    const Array total = total_weight(y, options, step.class_weights, z.dtype());
    return record("cross_entropy", result.sum / total, {logits}, {},
                  [gradient = result.gradient, total](const Array& upstream, Gradients& inputs) {
                    inputs[0] = gradient * (upstream / total);
                  });
  }
  return record("cross_entropy", result.sum, {logits}, {},
                [gradient = result.gradient](const Array& upstream, Gradients& inputs) {
                  inputs[0] = inputs.upstream_is_one() ? gradient : gradient * upstream;
                });
}

namespace {

/// 1 at [i, labels[i]], else 0, as uint8 [n, classes]. A label out of range counts as 0, so that no write is out of
/// bounds.
Array one_hot(const Array& labels, int64_t classes) {
  const auto number = [&](int64_t value) { return full_array({}, static_cast<double>(value), int32, labels.device()); };
  Array column = labels.view({labels.numel(), 1});
  for (const auto& [relation, bound] : {std::pair(Compare::less, number(classes)), {Compare::greater, number(-1)}})
    column = where(compare(relation, column, bound), column, number(0));
  const Array ones = full_array(column.shape(), 1, float32, labels.device());
  return to(scatter_axis(ones, column, 1, classes), uint8);
}

}  // namespace

Tensor nll(const Tensor& log_probabilities, const Tensor& labels, Reduction reduction) {
  const Tensor& x = log_probabilities;
  check_devices("nll", {&x.array(), &labels.array()});
  check_floating("nll", {&x.array()});
  require_labels("nll", x.array(), labels.array(), "log-probabilities");

  const Tensor chosen(one_hot(labels.array(), x.size(1)));
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
  // Recorded as one node: beyond delta the composed gradient would multiply an infinite distance by 0.
  const Tensor losses = record("huber", inner * (size - inner * 0.5), {prediction, target}, {},
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
  require_range({.op = op, .rule = "targets must lie in [0, 1]", .low = 0, .high = 1, .where = "element"},
                targets.array());
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

#include "ramp/layers/normalization.h"

#include <cmath>

#include "ramp/core/array_ops/array_ops.h"
#include "ramp/core/autograd/create.h"

namespace ramp {
namespace {

/// Throws Error unless a layer of d features may have these options.
int64_t checked(const char* op, int64_t d, double eps, DType dtype) {
  if (d < 1) fail(op, "the number of features must be at least 1, got ", d);
  if (!(eps > 0) || std::isinf(eps)) fail(op, "eps must be positive and finite, got ", eps);
  if (!is_floating(dtype)) fail(op, "expected float32 or float64, got ", dtype);
  return d;
}

double checked_momentum(double momentum) {
  if (!(momentum >= 0 && momentum <= 1)) fail("BatchNorm1d", "momentum must lie in [0, 1], got ", momentum);
  return momentum;
}

/// [d], full of `start`, or undefined.
Tensor scale_or_shift(bool affine, int64_t d, double start, DType dtype) {
  return affine ? full({d}, start, {.dtype = dtype}) : Tensor();
}

/// What the options add to a description: ", {.eps = 0.001, .affine = false})".
template <class Options>
std::string described(const char* name, int64_t d, double eps, double momentum, double usual_momentum, bool affine) {
  std::string options;
  const auto option = [&](const auto&... parts) { options += text_of(options.empty() ? "" : ", ", parts...); };
  if (eps != Options{}.eps) option(".eps = ", eps);
  if (momentum != usual_momentum) option(".momentum = ", momentum);
  if (!affine) option(".affine = false");
  return text_of(name, '(', d, options.empty() ? "" : ", {" + options + '}', ')');
}

Array number_like(const Array& x, double value) { return full_array({}, value, x.dtype(), x.device()); }
Array mean_of(const Array& x, int axis) { return sum(x, axis) * (1.0 / static_cast<double>(x.shape()[axis])); }
/// 1 / sqrt(variance + eps).
Array inverse_deviation(const Array& variance, double eps) {
  return map(Unary(formula::Pow{-0.5}), variance + number_like(variance, eps));
}

struct Normalized {
  Tensor y;
  Array mean, variance;  // biased; the axis stays with size 1
};

/// x with mean 0 and variance 1 over an axis, as one node. With y = (x - mean) r and r = 1 / sqrt(variance + eps), the
/// gradient of x is r (g - mean(g) - y mean(g y)), as both statistics depend on x.
Normalized normalize(const char* op, const Tensor& x, int axis, double eps) {
  const Array mean = mean_of(x.array(), axis), centred = x.array() - mean;
  const Array variance = mean_of(map(Unary(formula::Square{}), centred), axis), r = inverse_deviation(variance, eps);
  const Array y = centred * r;
  Tensor result = record(op, y, {x}, {y, r}, [y, r, axis](const Array& g, Gradients& inputs) {
    inputs[0] = (g - mean_of(g, axis) - y * mean_of(g * y, axis)) * r;
  });
  return {result, mean, variance};
}

Tensor scaled_and_shifted(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  return weight.defined() ? x * weight + bias : x;
}

/// running <- (1 - momentum) running + momentum now, in place.
void follow(const Tensor& running, const Array& now, double momentum) {
  const Array& before = running.array();
  copy(before * (1 - momentum) + now.view(before.shape()) * momentum, before);
}

}  // namespace

LayerNorm::LayerNorm(int64_t d, const LayerNormOptions& options)
    : d_(checked("LayerNorm", d, options.eps, options.dtype)),
      eps_(options.eps),
      weight(add("weight", scale_or_shift(options.affine, d, 1, options.dtype))),
      bias(add("bias", scale_or_shift(options.affine, d, 0, options.dtype))) {}

std::string LayerNorm::describe() const {
  return described<LayerNormOptions>("LayerNorm", d_, eps_, 0, 0, weight.defined());
}

Tensor LayerNorm::forward(const Tensor& x) const {
  if (x.rank() < 1 || x.size(-1) != d_) fail("LayerNorm", "expected input [..., ", d_, "], got ", x.shape());
  check_floating("LayerNorm", {&x.array(), weight.defined() ? &weight.array() : &x.array()});
  return scaled_and_shifted(normalize("layer_norm", x, x.rank() - 1, eps_).y, weight, bias);
}

BatchNorm1d::BatchNorm1d(int64_t d, const BatchNorm1dOptions& options)
    : d_(checked("BatchNorm1d", d, options.eps, options.dtype)),
      eps_(options.eps),
      momentum_(checked_momentum(options.momentum)),
      weight(add("weight", scale_or_shift(options.affine, d, 1, options.dtype))),
      bias(add("bias", scale_or_shift(options.affine, d, 0, options.dtype))),
      running_mean(add_buffer("running_mean", zeros({d}, {.dtype = options.dtype}))),
      running_var(add_buffer("running_var", ones({d}, {.dtype = options.dtype}))) {}

std::string BatchNorm1d::describe() const {
  return described<BatchNorm1dOptions>("BatchNorm1d", d_, eps_, momentum_, BatchNorm1dOptions{}.momentum,
                                       weight.defined());
}

Tensor BatchNorm1d::forward(const Tensor& x) const {
  if (x.rank() != 2 || x.size(1) != d_) fail("BatchNorm1d", "expected input [n, ", d_, "], got ", x.shape());
  check_floating("BatchNorm1d", {&x.array(), &running_mean.array()});
  if (!training()) {
    const Tensor r(inverse_deviation(running_var.array(), eps_));
    return scaled_and_shifted((x - running_mean) * r, weight, bias);
  }
  const int64_t n = x.size(0);
  if (n < 2) fail("BatchNorm1d", "training needs at least 2 rows, got ", x.shape());
  const Normalized batch = normalize("batch_norm", x, 0, eps_);
  const Tensor y = scaled_and_shifted(batch.y, weight, bias);
  follow(running_mean, batch.mean, momentum_);
  follow(running_var, batch.variance * (static_cast<double>(n) / static_cast<double>(n - 1)), momentum_);
  return y;
}

}  // namespace ramp

#include "ramp/layers/dropout.h"

#include <cmath>

#include "ramp/core/autograd/autograd.h"
#include "ramp/core/autograd/ops.h"

namespace ramp {
namespace {

double checked(const char* op, double p) {
  if (!(p >= 0 && p < 1)) fail(op, "p must lie in [0, 1), got ", p);
  return p;
}

}  // namespace

Tensor dropout(const Tensor& x, double p, Generator& generator) {
  checked("dropout", p);
  check_floating("dropout", {&x.array()});
  if (p == 0) return x;
  const Array scale = dropout_mask(x.shape(), 1 - p, generator.next(), x.dtype(), x.device());
  return record("dropout", x.array() * scale, {x}, {},
                [scale](const Array& gradient, Gradients& inputs) { inputs[0] = gradient * scale; });
}

Tensor alpha_dropout(const Tensor& x, double p, Generator& generator) {
  checked("alpha_dropout", p);
  check_floating("alpha_dropout", {&x.array()});
  if (p == 0) return x;
  constexpr double s = -formula::SELU::lambda * formula::SELU::alpha;
  const double keep = 1 - p, a = 1 / std::sqrt(keep * (1 + p * s * s)), b = -a * p * s;
  // a where an element is kept, 0 where it is dropped; then y = x scale + (a - scale) s + b.
  const Array scale = dropout_mask(x.shape(), keep, generator.next(), x.dtype(), x.device()) * (a * keep);
  const Array y = x.array() * scale + (scale * -s + full_array({}, a * s + b, x.dtype(), x.device()));
  return record("alpha_dropout", y, {x}, {},
                [scale](const Array& gradient, Gradients& inputs) { inputs[0] = gradient * scale; });
}

AnyDropout::AnyDropout(const char* name, Function function, double p, Generator& generator)
    : name_(name), function_(function), p_(checked(name, p)), generator_(&generator) {}

std::string AnyDropout::describe() const { return text_of(name_, '(', p_, ')'); }

Tensor AnyDropout::forward(const Tensor& x) const { return training() ? function_(x, p_, *generator_) : x; }

Tensor Flatten::forward(const Tensor& x) const { return flatten(x); }

}  // namespace ramp

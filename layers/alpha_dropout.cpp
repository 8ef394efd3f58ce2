#include "ramp/layers/alpha_dropout.h"

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

AlphaDropout::AlphaDropout(double p, Generator& generator) : p_(checked("AlphaDropout", p)), generator_(&generator) {}

std::string AlphaDropout::describe() const { return text_of("AlphaDropout(", p_, ')'); }

Tensor AlphaDropout::forward(const Tensor& x) { return training() ? alpha_dropout(x, p_, *generator_) : x; }

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

}  // namespace ramp

#include "ramp/layers/dropout.h"

#include "ramp/core/autograd/autograd.h"
#include "ramp/core/autograd/ops.h"

namespace ramp {
namespace {

double checked(const char* op, double p) {
  if (!(p >= 0 && p < 1)) fail(op, "p must lie in [0, 1), got ", p);
  return p;
}

}  // namespace

Dropout::Dropout(double p, Generator& generator) : p_(checked("Dropout", p)), generator_(&generator) {}

std::string Dropout::describe() const { return text_of("Dropout(", p_, ')'); }

Tensor Dropout::forward(const Tensor& x) { return training() ? dropout(x, p_, *generator_) : x; }

Tensor dropout(const Tensor& x, double p, Generator& generator) {
  checked("dropout", p);
  check_floating("dropout", {&x.array()});
  if (p == 0) return x;
  const Array mask = dropout_mask(x.shape(), 1 - p, generator.next(), x.dtype(), x.device());
  return record("dropout", x.array() * mask, {x}, {},
                [mask](const Array& gradient, Gradients& inputs) { inputs[0] = gradient * mask; });
}

Tensor Flatten::forward(const Tensor& x) { return flatten(x); }

}  // namespace ramp

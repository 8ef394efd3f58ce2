// The loss at the end of a training step, and its update.

#include "ramp/core/array_ops/array_ops.h"
#include "ramp/core/array_ops/checks.h"
#include "ramp/core/dispatch/on.h"

namespace ramp {

void sgd_update(const SgdStep& step, const Array& parameter, const Array& gradient, const Array& velocity,
                const Array& copy) {
  check_floating("sgd_update", {&parameter, &gradient});
  if (gradient.shape() != parameter.shape())
    fail("sgd_update", "expected a gradient of shape ", parameter.shape(), ", got ", gradient.shape());
  if (step.momentum > 0) {
    check_floating("sgd_update", {&parameter, &velocity});
    if (velocity.shape() != parameter.shape())
      fail("sgd_update", "expected a velocity of shape ", parameter.shape(), ", got ", velocity.shape());
  }
  if (copy.defined() && (parameter.dtype() != float32 || copy.dtype() != bfloat16 || copy.shape() != parameter.shape()))
    fail("sgd_update", "a bfloat16 copy of float32 ", parameter.shape(), " must be like it, got ", copy.dtype(), ' ',
         copy.shape(), " for ", parameter.dtype());
  on(parameter.device(), [&](auto b) { b.sgd(step, parameter, gradient, velocity, copy); });
}

CrossEntropyResult cross_entropy(const Array& logits, const Array& labels, const CrossEntropyStep& step) {
  constexpr const char* op = "cross_entropy";
  check_devices(op, {&logits, &labels});
  check_floating(op, {&logits});
  check_labels(op, logits, labels);
  const int64_t n = logits.shape()[0], classes = logits.shape()[1];
  if (step.class_weights.defined()) {
    check_floating(op, {&logits, &step.class_weights});
    if (step.class_weights.shape() != Shape{classes})
      fail(op, "expected ", classes, " class_weights, got ", step.class_weights.numel());
  }
  CrossEntropyResult result{like(logits, {n}), like(logits), like(logits, {})};
  on(logits.device(),
     [&](auto b) { b.cross_entropy(logits, labels, step, result.losses, result.gradient, result.sum); });
  return result;
}

}  // namespace ramp

// The loss at the end of a training step, and its update.

#include "ramp/core/array_ops/array_ops.h"
#include "ramp/core/array_ops/checks.h"
#include "ramp/core/dispatch/on.h"

namespace ramp {

void update(const UpdateRule& rule, const UpdateArrays& x) {
  const auto [op, states] = std::visit([](const auto& f) { return std::pair(f.name, f.states()); }, rule);
  check_update(op, states, x);
  on(x.parameter.device(), [&](auto b) {
    b.begin_update(rule, x);
    b.update(rule, x);
  });
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

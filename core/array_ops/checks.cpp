#include "ramp/core/array_ops/checks.h"

namespace ramp {

void detail::refuse_devices(const char* op, const Array& first, const Array& other) {
  if (!other.defined()) fail(op, "an argument is undefined");
  fail(op, "arguments must be on one device, got ", first.device(), " and ", other.device());
}

void detail::refuse_dtypes(const char* op, const Array& first, const Array& other) {
  if (!is_floating(other.dtype()))
    fail(op, "expected float32 or float64, got ", other.dtype(), "; convert it with to()");
  fail(op, "dtypes must agree, got ", first.dtype(), " and ", other.dtype());
}

void check_labels(const char* op, const Array& logits, const Array& labels, const char* what) {
  if (logits.rank() != 2) fail(op, "expected ", what, " [n, C], got ", logits.shape());
  if (labels.dtype() != int32) fail(op, "expected int32 labels, got ", labels.dtype());
  const Shape rows{logits.shape()[0]};
  if (labels.shape() != rows) fail(op, "expected labels ", rows, ", got ", labels.shape());
  if (logits.numel() == 0) fail(op, "a batch needs rows and classes, got ", what, ' ', logits.shape());
}

void require_labels(const char* op, const Array& logits, const Array& labels, const char* what) {
  check_labels(op, logits, labels, what);
  const int64_t classes = logits.shape()[1];
  require_range({.op = op,
                 .rule = "labels must lie in [0, " + std::to_string(classes) + ")",
                 .low = 0,
                 .high = static_cast<double>(classes - 1),
                 .where = "row"},
                labels);
}

void check_update(const char* op, int states, const UpdateArrays& x) {
  check_floating(op, {&x.parameter, &x.gradient});
  if (x.gradient.shape() != x.parameter.shape())
    fail(op, "expected a gradient of shape ", x.parameter.shape(), ", got ", x.gradient.shape());
  for (int i = 0; i < states; ++i) {
    check_floating(op, {&x.parameter, &x.states[static_cast<size_t>(i)]});
    if (const Shape& shape = x.states[static_cast<size_t>(i)].shape(); shape != x.parameter.shape())
      fail(op, "expected a state of shape ", x.parameter.shape(), ", got ", shape);
  }
  if (x.copy.defined() &&
      (x.parameter.dtype() != float32 || x.copy.dtype() != bfloat16 || x.copy.shape() != x.parameter.shape()))
    fail(op, "a bfloat16 copy of float32 ", x.parameter.shape(), " must be like it, got ", x.copy.dtype(), ' ',
         x.copy.shape(), " for ", x.parameter.dtype());
  check_floating(op, {&x.learning_rate, &x.steps, &x.factors});
  if (x.factors.dtype() != float64 || x.factors.numel() != max_factors)
    fail(op, "expected float64 factors [", max_factors, "], got ", x.factors.dtype(), ' ', x.factors.shape());
}

void check_matrix(const char* op, const Array& x) {
  if (x.rank() != 2) fail(op, "expected a matrix, got shape ", x.shape());
}

void check_indices(const char* op, const Array& indices) {
  if (indices.dtype() != int32 || indices.rank() != 1)
    fail(op, "indices must be int32 of shape [k], got ", indices.dtype(), ' ', indices.shape());
}

void check(const Unary& f) {
  std::visit(
      [](const auto& f) {
        if constexpr (requires { f.check(); }) f.check();
      },
      f);
}

}  // namespace ramp

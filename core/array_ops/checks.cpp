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

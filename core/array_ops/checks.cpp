#include "ramp/core/array_ops/checks.h"

namespace ramp {

void check_devices(const char* op, std::initializer_list<const Array*> arrays) {
  const Storage* first = (*arrays.begin())->storage().get();
  for (const Array* x : arrays) {
    const Storage* storage = x->storage().get();
    if (!storage) fail(op, "an argument is undefined");
    if (storage->device() != first->device())
      fail(op, "arguments must be on one device, got ", first->device(), " and ", storage->device());
  }
}

void check_floating(const char* op, std::initializer_list<const Array*> arrays) {
  check_devices(op, arrays);
  for (const Array* x : arrays) {
    const Array& first = **arrays.begin();
    if (!is_floating(x->dtype())) fail(op, "expected float32 or float64, got ", x->dtype(), "; convert it with to()");
    if (x->dtype() != first.dtype()) fail(op, "dtypes must agree, got ", first.dtype(), " and ", x->dtype());
  }
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

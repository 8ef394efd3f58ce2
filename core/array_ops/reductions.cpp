// Sums and maxima over an axis, and what is made of them.

#include <limits>

#include "ramp/core/array_ops/array_ops.h"
#include "ramp/core/array_ops/checks.h"
#include "ramp/core/dispatch/on.h"

namespace ramp {

Array sum(const Array& x, int axis) {
  check_floating("sum", {&x});
  Array out = like(x, x.shape().with(axis, 1));
  if (x.numel() == 0) fill(out, 0);
  else on(x.device(), [&](auto b) { b.sum(x, around(axis, x.shape()), out); });
  return out;
}

Array sum_squares(const Array& x) {
  check_floating("sum_squares", {&x});
  Array out({}, float64, x.device());
  if (x.numel() == 0) fill(out, 0);
  else on(x.device(), [&](auto b) { b.sum_squares(x, out); });
  return out;
}

MaxResult max(const Array& x, int axis) {
  check_devices("max", {&x});
  if (x.shape()[axis] == 0) fail("max", "axis ", axis, " of shape ", x.shape(), " is empty");
  if (x.shape()[axis] > std::numeric_limits<int32_t>::max())
    fail("max", "an axis may have at most 2147483647 elements, as positions are int32, got axis ", axis, " of shape ",
         x.shape());
  const Shape shape = x.shape().with(axis, 1);
  MaxResult result{like(x, shape), Array(shape, int32, x.device())};
  if (x.numel() > 0) on(x.device(), [&](auto b) { b.max(x, around(axis, x.shape()), result.values, result.indices); });
  return result;
}

Array softmax(const Array& x, int axis) {
  check_floating("softmax", {&x});
  const Array e = map(Unary(formula::Exp{}), x - max(x, axis).values);
  return e / sum(e, axis);
}

Array log_softmax(const Array& x, int axis) {
  check_floating("log_softmax", {&x});
  const Array shifted = x - max(x, axis).values;
  return shifted - map(Unary(formula::Log{}), sum(map(Unary(formula::Exp{}), shifted), axis));
}

}  // namespace ramp

// Operations on each element by itself, and the repetition of elements that broadcasting is.

#include "ramp/core/array/broadcast.h"
#include "ramp/core/array_ops/array_ops.h"
#include "ramp/core/array_ops/checks.h"
#include "ramp/core/dispatch/on.h"

namespace ramp {

Array full_array(const Shape& shape, double value, DType dtype, Device device) {
  Array x(shape, dtype, device);
  fill(x, value);
  return x;
}

void fill(const Array& x, double value) {
  if (x.numel() == 0) return;
  on(x.device(), [&](auto b) { b.fill(x, value); });
  x.note_write("fill()");
}

Array map(const Unary& f, const Array& x) {
  check_floating(name(f), {&x});
  check(f);
  Array y = like(x);
  on(x.device(), [&](auto b) { b.map(f, x, y); });
  return y;
}

Array map_gradient(const Unary& f, const Array& x, const Array& y, const Array& gradient) {
  check_floating(name(f), {&x, &y, &gradient});
  if (y.shape() != x.shape() || gradient.shape() != x.shape())
    fail(name(f), "x, y and the gradient must be of one shape, got ", x.shape(), ", ", y.shape(), " and ",
         gradient.shape());
  Array out = like(x);
  on(x.device(), [&](auto b) { b.map_gradient(f, x, y, gradient, out); });
  return out;
}

Array map(const Binary& f, const Array& a, const Array& b) {
  check_floating(name(f), {&a, &b});
  Array y = like(a, broadcast(name(f), a.shape(), b.shape()));
  on(a.device(), [&](auto backend) { backend.map(f, a, b, y); });
  return y;
}

Array map_gradient(const Binary& f, int argument, const Array& a, const Array& b, const Array& gradient) {
  check_floating(name(f), {&a, &b, &gradient});
  if (argument != 0 && argument != 1) fail(name(f), "argument must be 0 or 1, got ", argument);
  if (const Shape shape = a.shape() == b.shape() ? a.shape() : broadcast(name(f), a.shape(), b.shape());
      gradient.shape() != shape)
    fail(name(f), "the gradient must be of the result's shape ", shape, ", got ", gradient.shape());
  Array out = like(gradient);
  on(a.device(), [&](auto backend) { backend.map_gradient(f, argument, a, b, gradient, out); });
  return sum_to(out, argument == 0 ? a.shape() : b.shape());
}

namespace {

/// Throws Error unless x broadcasts to `out` and is apart from it or the same.
void check_into(const char* op, const Array& out, const Array& x) {
  if (out.shape() == x.shape() && out.address<const void>() == x.address<const void>()) return;
  if (broadcast(op, out.shape(), x.shape()) != out.shape())
    fail(op, "shape ", x.shape(), " does not broadcast to ", out.shape());
  if (overlap(out, x))
    fail(op, "an argument must be apart from the result ", out.shape(), " or the same, got ", x.shape(),
         " that overlaps it in part");
}

}  // namespace

void map_into(const Array& out, const Unary& f, const Array& x) {
  check(f);
  check_floating(name(f), {&out, &x});
  if (out.shape() != x.shape()) fail(name(f), "expected a result of shape ", x.shape(), ", got ", out.shape());
  check_into(name(f), out, x);
  on(out.device(), [&](auto backend) { backend.map(f, x, out); });
  out.note_write(name(f));
}

void map_into(const Array& out, const Binary& f, const Array& a, const Array& b) {
  check_floating(name(f), {&out, &a, &b});
  check_into(name(f), out, a);
  check_into(name(f), out, b);
  on(out.device(), [&](auto backend) { backend.map(f, a, b, out); });
  out.note_write(name(f));
}

void add_to(const Array& a, const Array& b) { map_into(a, Binary(formula::Add{}), a, b); }

Array operator*(const Array& a, double b) { return a * full_array({}, b, a.dtype(), a.device()); }

Array compare(Compare relation, const Array& a, const Array& b) {
  check_devices("compare", {&a, &b});
  if (a.dtype() != b.dtype()) fail("compare", "dtypes must agree, got ", a.dtype(), " and ", b.dtype());
  const Shape shape = broadcast("compare", a.shape(), b.shape());
  Array out(shape, uint8, a.device());
  on(a.device(), [&](auto backend) { backend.compare(relation, broadcast_to(a, shape), broadcast_to(b, shape), out); });
  return out;
}

Array where(const Array& condition, const Array& a, const Array& b) {
  check_devices("where", {&condition, &a, &b});
  if (condition.dtype() != uint8) fail("where", "the condition must be uint8, got ", condition.dtype());
  if (a.dtype() != b.dtype()) fail("where", "dtypes must agree, got ", a.dtype(), " and ", b.dtype());
  const Shape shape = broadcast("where", condition.shape(), broadcast("where", a.shape(), b.shape()));
  Array out = like(a, shape);
  on(a.device(), [&](auto backend) {
    backend.where(broadcast_to(condition, shape), broadcast_to(a, shape), broadcast_to(b, shape), out);
  });
  return out;
}

void require_range(const RangeRule& rule, const Array& x) {
  check_devices(rule.op, {&x});
  if (x.numel() > 0) on(x.device(), [&](auto b) { b.require_range(rule, x); });
}

Array broadcast_to(const Array& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  if (broadcast("broadcast_to", x.shape(), shape) != shape)
    fail("broadcast_to", "shape ", x.shape(), " does not broadcast to ", shape);
  Array out = like(x, shape);
  on(x.device(), [&](auto b) { b.broadcast(x, out); });
  return out;
}

Array sum_to(const Array& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  if (broadcast("sum_to", x.shape(), shape) != x.shape())
    fail("sum_to", "shape ", shape, " does not broadcast to ", x.shape());
  Array out = x;
  const int added = x.rank() - shape.rank();
  for (int axis = 0; axis < x.rank(); ++axis)
    if ((axis < added || shape[axis - added] == 1) && out.shape()[axis] != 1) out = sum(out, axis);
  return out.view(shape);
}

}  // namespace ramp

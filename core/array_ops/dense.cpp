// Dense layers, forward and back.

#include "ramp/core/array_ops/array_ops.h"
#include "ramp/core/array_ops/checks.h"
#include "ramp/core/dispatch/on.h"

namespace ramp {

DenseResult dense(const Array& x, const Array& w, const Array& bias, const std::optional<Unary>& f) {
  constexpr const char* op = "dense";
  if (bias.defined()) check_floating(op, {&x, &w, &bias});
  else check_floating(op, {&x, &w});
  if (w.rank() != 2) fail(op, "expected weight [out, in], got ", w.shape());
  const int64_t out = w.shape()[0], in = w.shape()[1];
  if (x.rank() != 2 || x.shape()[1] != in) fail(op, "expected input [n, ", in, "], got ", x.shape());
  if (bias.defined() && bias.shape() != Shape{out}) fail(op, "expected bias ", Shape{out}, ", got ", bias.shape());
  if (in == 0) fail(op, "a row needs at least one element, got input ", x.shape());
  if (f) check(*f);

  const Array z = like(x, {x.shape()[0], out});
  const DenseResult result{matmul_operand(x), matmul_operand(w), z, f ? like(z) : z};
  if (z.numel() > 0) on(z.device(), [&](auto b) { b.dense(f ? &*f : nullptr, result.x, result.w, bias, z, result.y); });
  return result;
}

namespace {

/// Memory for sums over the rows of x, where there is any.
void check_columns(const Array& sums, const Array& x) {
  if (!sums.defined()) return;
  check_floating("dense", {&x, &sums});
  if (sums.rank() != 1 || sums.numel() != x.shape()[1])
    fail("dense", "the bias's gradient must be of shape ", Shape{x.shape()[1]}, ", got ", sums.shape());
}

}  // namespace

Array dense_gradient(const std::optional<Unary>& f, const DenseResult& forward, const Array& upstream,
                     const Array& bias_gradient) {
  const Array &z = forward.z, &y = forward.y;
  check_floating("dense", {&upstream});
  check_matrix("dense", upstream);
  if (f && (z.shape() != upstream.shape() || y.shape() != upstream.shape()))
    fail("dense", "the gradient must be of the result's shape ", y.shape(), ", got ", upstream.shape());
  check_columns(bias_gradient, upstream);
  const Array out = f ? like(upstream) : upstream;
  on(out.device(), [&](auto b) {
    if (out.numel() == 0) {
      if (bias_gradient.defined()) fill(bias_gradient, 0);
    } else if (!f) {
      if (bias_gradient.defined()) b.sum(out, around(0, out.shape()), bias_gradient);
    } else if (!bias_gradient.defined()) {
      b.map_gradient(*f, z, y, upstream, out);
    } else {
      b.dense_gradient(*f, z, y, upstream, out, bias_gradient);
    }
  });
  return out;
}

}  // namespace ramp

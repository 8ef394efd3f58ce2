// Matrix products, and the bfloat16 copies that they take.

#include "ramp/core/array_ops/array_ops.h"
#include "ramp/core/array_ops/checks.h"
#include "ramp/core/backend/precision.h"
#include "ramp/core/dispatch/on.h"
#include "ramp/core/hooks.h"

namespace ramp {

bool rounds(const Array& x) { return x.dtype() == float32 && precision(x.device()) == Precision::bf16; }

void round_to_bfloat16(const Array& x, const Array& out) {
  check_devices("round_to_bfloat16", {&x, &out});
  if (x.dtype() != float32 || out.dtype() != uint8 || out.bytes() != 2 * x.numel())
    fail("round_to_bfloat16", "expected float32 into two uint8 for each, got ", x.dtype(), ' ', x.shape(), " and ",
         out.dtype(), ' ', out.shape());
  on(x.device(), [&](auto b) { b.round_to_bfloat16(x, out); });
}

Array operand(const Array& x) {
  if (!rounds(x)) return x;
  Array out = x.rounded();
  if (out.defined()) {
    if (CaptureListener* listener = capturing()) listener->rely_on_rounded(x);
  } else {
    out = Array({x.shape()[0], x.shape()[1], 2}, uint8, x.device());
    round_to_bfloat16(x, out);
  }
  return out;
}

namespace {

/// A factor as matmul_into() takes it: a matrix of the product's dtype, or one that operand() has rounded.
void check_operand(const Array& x, const Array& out) {
  const bool rounded = x.rank() == 3 && x.dtype() == uint8 && x.shape()[2] == 2 && out.dtype() == float32;
  if (!rounded && (x.rank() != 2 || x.dtype() != out.dtype() || !is_floating(x.dtype())))
    fail("matmul", "expected matrices of the product's dtype ", out.dtype(), ", got ", x.dtype(), ' ', x.shape());
}

void check_inner(const Array& a, const Array& b, MatmulOptions options) {
  if (a.shape()[options.transpose_a ? 0 : 1] != b.shape()[options.transpose_b ? 1 : 0])
    fail("matmul", "inner sizes must agree, got ", a.shape(), options.transpose_a ? " transposed" : "", " and ",
         b.shape(), options.transpose_b ? " transposed" : "");
}

void multiply(const Array& out, const Array& a, const Array& b, MatmulOptions options) {
  if (a.shape()[options.transpose_a ? 0 : 1] == 0) return fill(out, 0);
  on(out.device(), [&](auto backend) { backend.matmul(operand(a), operand(b), options, out); });
}

}  // namespace

Array matmul(const Array& a, const Array& b, MatmulOptions options) {
  check_floating("matmul", {&a, &b});
  check_matrix("matmul", a);
  check_matrix("matmul", b);
  check_inner(a, b, options);
  Array out = like(a, {a.shape()[options.transpose_a ? 1 : 0], b.shape()[options.transpose_b ? 0 : 1]});
  multiply(out, a, b, options);
  return out;
}

void matmul_into(const Array& out, const Array& a, const Array& b, MatmulOptions options) {
  check_devices("matmul", {&out, &a, &b});
  check_operand(a, out);
  check_operand(b, out);
  check_inner(a, b, options);
  const int64_t m = a.shape()[options.transpose_a ? 1 : 0], n = b.shape()[options.transpose_b ? 0 : 1];
  if (out.rank() != 2 || out.shape()[0] != m || out.shape()[1] != n)
    fail("matmul", "the product has shape ", Shape{m, n}, ", got memory of ", out.shape());
  if (overlap(out, a) || overlap(out, b))
    fail("matmul", "the product must have memory of its own, got that of a factor");
  multiply(out, a, b, options);
}

}  // namespace ramp

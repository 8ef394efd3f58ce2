// Matrix products, and the bfloat16 copies that they take.

#include "ramp/core/array_ops/array_ops.h"
#include "ramp/core/array_ops/checks.h"
#include "ramp/core/backend/precision.h"
#include "ramp/core/dispatch/on.h"
#include "ramp/core/hooks.h"

namespace ramp {

bool rounds_to_bfloat16(const Array& x) { return x.dtype() == float32 && precision(x.device()) == Precision::bf16; }

Array bfloat16_copy(const Array& x) {
  const std::shared_ptr<Storage> copy = x.storage() ? x.storage()->bfloat16_copy() : nullptr;
  if (!copy) return {};
  return Array(copy, {copy->bytes() / 2}, bfloat16).slice(x.offset() / 4, x.shape());
}

Array matmul_operand(const Array& x) {
  if (!rounds_to_bfloat16(x)) return x;
  Array kept = bfloat16_copy(x);
  if (!kept.defined()) return to(x, bfloat16);
  if (CaptureListener* listener = capturing()) listener->rely_on_bfloat16_copy(x);
  return kept;
}

namespace {

void check_factors(const Array& a, const Array& b) {
  check_devices("matmul", {&a, &b});
  if (a.dtype() != bfloat16 || b.dtype() != bfloat16) check_floating("matmul", {&a, &b});
  check_matrix("matmul", a);
  check_matrix("matmul", b);
}

DType product_dtype(const Array& factor) { return factor.dtype() == bfloat16 ? float32 : factor.dtype(); }

void check_inner(const Array& a, const Array& b, MatmulOptions options) {
  if (a.shape()[options.transpose_a ? 0 : 1] != b.shape()[options.transpose_b ? 1 : 0])
    fail("matmul", "inner sizes must agree, got ", a.shape(), options.transpose_a ? " transposed" : "", " and ",
         b.shape(), options.transpose_b ? " transposed" : "");
}

void multiply(const Array& out, const Array& a, const Array& b, MatmulOptions options) {
  if (a.shape()[options.transpose_a ? 0 : 1] == 0) return fill(out, 0);
  on(out.device(), [&](auto backend) { backend.matmul(matmul_operand(a), matmul_operand(b), options, out); });
}

}  // namespace

Array matmul(const Array& a, const Array& b, MatmulOptions options) {
  check_factors(a, b);
  check_inner(a, b, options);
  const Array out({a.shape()[options.transpose_a ? 1 : 0], b.shape()[options.transpose_b ? 0 : 1]}, product_dtype(a),
                  a.device());
  multiply(out, a, b, options);
  return out;
}

void matmul_into(const Array& out, const Array& a, const Array& b, MatmulOptions options) {
  check_factors(a, b);
  check_devices("matmul", {&out, &a});
  if (out.dtype() != product_dtype(a))
    fail("matmul", "the product of ", a.dtype(), " matrices is ", product_dtype(a), ", got memory of ", out.dtype());
  check_inner(a, b, options);
  const int64_t m = a.shape()[options.transpose_a ? 1 : 0], n = b.shape()[options.transpose_b ? 0 : 1];
  if (out.rank() != 2 || out.shape()[0] != m || out.shape()[1] != n)
    fail("matmul", "the product has shape ", Shape{m, n}, ", got memory of ", out.shape());
  if (overlap(out, a) || overlap(out, b))
    fail("matmul", "the product must have memory of its own, got that of a factor");
  multiply(out, a, b, options);
}

}  // namespace ramp

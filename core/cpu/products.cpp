// Matrix products, and the forward pass of dense layers.

#include "ramp/core/cpu/cpu.h"
#include "ramp/core/cpu/kernels.h"
#include "ramp/core/cpu/onednn.h"
#include "ramp/core/cpu/parallel.h"

namespace ramp {

namespace {

/// One thread's part of a product. Eigen multiplies vectors: there a call of oneDNN costs more.
template <class T>
void product(int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, bool transpose_a, const T* b, int64_t ldb,
             bool transpose_b, T* c, int64_t ldc) {
#ifdef RAMP_ONEDNN
  if constexpr (std::is_same_v<T, float>)
    if (m > 1 && n > 1 && k > 1) return cpu::onednn_matmul(m, n, k, a, lda, transpose_a, b, ldb, transpose_b, c, ldc);
#endif
  kernels<T>().matmul(m, n, k, a, lda, transpose_a, b, ldb, transpose_b, c, ldc);
}

void product(int64_t m, int64_t n, int64_t k, const BFloat16* a, int64_t lda, bool transpose_a, const BFloat16* b,
             int64_t ldb, bool transpose_b, float* c, int64_t ldc) {
  cpu::bfloat16_product()(m, n, k, a, lda, transpose_a, b, ldb, transpose_b, c, ldc);
}

/// out = op(a) op(b), split over the threads. `In` is the element type of a and b.
template <class In>
void multiply(const Array& a, const Array& b, int64_t k, MatmulOptions options, const Array& out) {
  constexpr bool is_bfloat16 = std::is_same_v<In, BFloat16>;
  using T = std::conditional_t<is_bfloat16, float, In>;  // out's
  const int64_t m = out.shape()[0], n = out.shape()[1], lda = a.shape()[1], ldb = b.shape()[1];
  const bool ta = options.transpose_a, tb = options.transpose_b;
  const int64_t flops_a_piece = is_bfloat16 ? 1 << 23 : 1 << 20;
  // Each thread computes rows of out, or columns if the rows are too few: too few to fill the kernel, or to be worth
  // reading all of a large b in every thread.
  const bool by_columns = !ta && ((m < 32 && m < n) || (m < 256 && n * k > 1 << 17));
  if (!by_columns) {
    parallel_for(
        m, std::max<int64_t>(1, flops_a_piece / (2 * n * k)),
        [=](const In* a, const In* b, T* out, int64_t begin, int64_t end) {
          product(end - begin, n, k, a + begin * (ta ? 1 : lda), lda, ta, b, ldb, tb, out + begin * n, n);
        },
        Access<const In>{a, ta}, whole<const In>(b), part<T>(out));
  } else {
    parallel_for(
        n, std::max<int64_t>(16, flops_a_piece / (2 * m * k)),
        [=](const In* a, const In* b, T* out, int64_t begin, int64_t end) {
          product(m, end - begin, k, a, lda, ta, b + begin * (tb ? ldb : 1), ldb, tb, out + begin, n);
        },
        whole<const In>(a), Access<const In>{b, !tb}, whole<T>(out));
  }
}

}  // namespace

void Cpu::matmul(const Array& a, const Array& b, MatmulOptions options, const Array& out) {
  const int64_t m = out.shape()[0], n = out.shape()[1], k = a.shape()[options.transpose_a ? 0 : 1];
  if (m == 0 || n == 0) return;
  if (a.dtype() == bfloat16) {
    if (cpu::bfloat16_product()) return multiply<BFloat16>(a, b, k, options, out);
    const Array x(a.shape()), y(b.shape());  // products of bfloat16 numbers are exact in float32
    convert(a, x), convert(b, y);
    return multiply<float>(x, y, k, options, out);
  }
  visit_floating("matmul", out.dtype(), [&](auto t) { multiply<decltype(t)>(a, b, k, options, out); });
}

void Cpu::require(Precision precision) {
  if (precision == Precision::tf32) fail("set_precision", "tf32 is a format of CUDA devices, got cpu");
  if (precision == Precision::bf16 && !cpu::bfloat16_product())
    fail("set_precision", "bf16 products on the CPU need AVX512-BF16 and a ramp built with oneDNN, got ",
         cpu::why_no_bfloat16());
}

void Cpu::dense(const Unary* f, const Array& x, const Array& w, const Array& bias, const Array& z, const Array& y) {
  matmul(x, w, {.transpose_b = true}, z);
  if (!bias.defined()) {
    if (f) map(*f, z, y);
    return;
  }
  if (!f) return map(Binary(formula::Add{}), z, bias, z);
  visit_floating("dense", z.dtype(), [&](auto t) {
    using T = decltype(t);
    const int64_t columns = bias.numel();
    parallel_for(
        z.shape()[0], std::max<int64_t>(1, (1 << 14) / columns),
        [f = *f, columns](T* z, const T* bias, T* y, int64_t begin, int64_t end) {
          kernels<T>().bias_map(f, z + begin * columns, bias, y + begin * columns, end - begin, columns);
        },
        part<T>(z), whole<const T>(bias), part<T>(y));
  });
}

}  // namespace ramp

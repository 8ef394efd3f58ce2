// The products and fused passes of a training step.

#include "ramp/core/cpu/cpu.h"
#include "ramp/core/cpu/kernels.h"
#include "ramp/core/cpu/onednn.h"
#include "ramp/core/cpu/parallel.h"

namespace ramp {

namespace {

/// One thread's part of a product. oneDNN's calls cost more than Eigen's for vectors.
template <class T>
void product(int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, bool transpose_a, const T* b, int64_t ldb,
             bool transpose_b, T* c, int64_t ldc) {
#ifdef RAMP_ONEDNN
  if constexpr (std::is_same_v<T, float>)
    if (m > 1 && n > 1 && k > 1) return cpu::onednn_matmul(m, n, k, a, lda, transpose_a, b, ldb, transpose_b, c, ldc);
#endif
  kernels<T>().matmul(m, n, k, a, lda, transpose_a, b, ldb, transpose_b, c, ldc);
}

void product(int64_t m, int64_t n, int64_t k, const Bfloat16* a, int64_t lda, bool transpose_a, const Bfloat16* b,
             int64_t ldb, bool transpose_b, float* c, int64_t ldc) {
  cpu::bfloat16_product()(m, n, k, a, lda, transpose_a, b, ldb, transpose_b, c, ldc);
}

/// out = op(a) op(b), shared out over the threads. `In`: what the bytes of a and b are.
template <class In>
void multiply(const Array& a, const Array& b, int64_t k, MatmulOptions options, const Array& out) {
  constexpr bool rounded = std::is_same_v<In, Bfloat16>;
  using T = std::conditional_t<rounded, float, In>;         // out's
  using Stored = std::conditional_t<rounded, uint8_t, In>;  // a's and b's
  const auto in = [](const Stored* x) { return reinterpret_cast<const In*>(x); };
  const int64_t m = out.shape()[0], n = out.shape()[1], lda = a.shape()[1], ldb = b.shape()[1];
  const bool ta = options.transpose_a, tb = options.transpose_b;
  const int64_t flops_a_piece = rounded ? 1 << 23 : 1 << 20;
  // Each thread computes rows, or columns where rows are too few to be worth reading all of b for: b is large then, or
  // the rows would not fill the kernel.
  const bool by_columns = !ta && ((m < 32 && m < n) || (m < 256 && n * k > 1 << 17));
  if (!by_columns) {
    parallel_for(
        m, std::max<int64_t>(1, flops_a_piece / (2 * n * k)),
        [=](const Stored* a, const Stored* b, T* out, int64_t begin, int64_t end) {
          product(end - begin, n, k, in(a) + begin * (ta ? 1 : lda), lda, ta, in(b), ldb, tb, out + begin * n, n);
        },
        Touch<const Stored>{a, ta}, whole<const Stored>(b), part<T>(out));
  } else {
    parallel_for(
        n, std::max<int64_t>(16, flops_a_piece / (2 * m * k)),
        [=](const Stored* a, const Stored* b, T* out, int64_t begin, int64_t end) {
          product(m, end - begin, k, in(a), lda, ta, in(b) + begin * (tb ? ldb : 1), ldb, tb, out + begin, n);
        },
        whole<const Stored>(a), Touch<const Stored>{b, !tb}, whole<T>(out));
  }
}

}  // namespace

void Cpu::matmul(const Array& a, const Array& b, MatmulOptions options, const Array& out) {
  const int64_t m = out.shape()[0], n = out.shape()[1], k = a.shape()[options.transpose_a ? 0 : 1];
  if (m == 0 || n == 0) return;
  if (a.dtype() == uint8) return multiply<Bfloat16>(a, b, k, options, out);
  visit_floating("matmul", out.dtype(), [&](auto t) { multiply<decltype(t)>(a, b, k, options, out); });
}

void Cpu::round_to_bfloat16(const Array& x, const Array& out) {
  parallel_for(
      x.numel(), 1 << 15,
      [](const float* from, uint8_t* to, int64_t begin, int64_t end) {
        kernels<float>().to_bfloat16(from + begin, reinterpret_cast<Bfloat16*>(to) + begin, end - begin);
      },
      part<const float>(x), part<uint8_t>(out));
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

void Cpu::dense_gradient(const Unary& f, const Array& z, const Array& y, const Array& upstream, const Array& out,
                         const Array& sums) {
  map_gradient(f, z, y, upstream, out);
  sum(out, {1, out.shape()[0], out.shape()[1]}, sums);
}

void Cpu::prelu_gradient(const formula::PReLU& f, const Array& z, const Array& slope, const Array& upstream,
                         const Array& out, const Array& sums, const Array& slope_sums) {
  const AxisView rows{1, out.shape()[0], out.shape()[1]};
  map_gradient(f, 1, z, slope, upstream, out);
  sum(out, rows, slope_sums);
  map_gradient(f, 0, z, slope, upstream, out);
  sum(out, rows, sums);
}

void Cpu::cross_entropy(const Array& logits, const Array& labels, const CrossEntropyStep& step, const Array& losses,
                        const Array& gradient, const Array& sum) {
  const int64_t n = logits.shape()[0], classes = logits.shape()[1];
  parallel_for(
      1, 1,
      [n, classes, ignore_index = step.ignore_index](const int32_t* label, int64_t, int64_t) {
        for (int64_t i = 0; i < n; ++i)
          if (label[i] != ignore_index && (label[i] < 0 || label[i] >= classes))
            fail("cross_entropy", "labels must lie in [0, ", classes, "), got ", label[i], " at row ", i);
      },
      Touch<const int32_t>{labels, true, true});
  visit_floating("cross_entropy", logits.dtype(), [&](auto t) {
    using T = decltype(t);
    parallel_for(
        n, std::max<int64_t>(1, (1 << 13) / classes),
        [classes, ignore_index = step.ignore_index, smoothing = step.label_smoothing, scale = step.scale](
            const T* from, const int32_t* label, const T* weights, T* loss, T* to, int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            if (label[i] == ignore_index) {
              loss[i] = 0;
              std::fill_n(to + i * classes, classes, T(0));
            } else {
              loss[i] = kernels<T>().cross_entropy(from + i * classes, classes, label[i], weights, smoothing, scale,
                                                   to + i * classes);
            }
          }
        },
        part<const T>(logits), part<const int32_t>(labels), whole<const T>(step.class_weights), part<T>(losses),
        part<T>(gradient));
  });
  Cpu::sum(losses, {1, n, 1}, sum);
}

void Cpu::sgd(const SgdStep& step, const Array& parameter, const Array& gradient, const Array& velocity,
              const Array& rounded) {
  visit_floating("sgd", parameter.dtype(), [&](auto t) {
    using T = decltype(t);
    parallel_for(
        parameter.numel(), 1 << 15,
        [step](T* p, const T* g, T* v, uint8_t* r, int64_t begin, int64_t end) {
          kernels<T>().sgd(step, p + begin, g + begin, v ? v + begin : nullptr, end - begin);
          if constexpr (std::is_same_v<T, float>)
            if (r) kernels<T>().to_bfloat16(p + begin, reinterpret_cast<Bfloat16*>(r) + begin, end - begin);
        },
        part<T>(parameter), part<const T>(gradient), part<T>(velocity), part<uint8_t>(rounded));
  });
}

}  // namespace ramp

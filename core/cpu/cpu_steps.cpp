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

}  // namespace

void Cpu::matmul(const Array& a, const Array& b, MatmulOptions options, const Array& out) {
  const int64_t m = out.shape()[0], n = out.shape()[1], k = a.shape()[options.transpose_a ? 0 : 1];
  if (m == 0 || n == 0) return;
  visit_floating("matmul", out.dtype(), [&](auto t) {
    using T = decltype(t);
    const int64_t lda = a.shape()[1], ldb = b.shape()[1];
    const bool ta = options.transpose_a, tb = options.transpose_b;
    const int64_t flops_a_piece = 1 << 20;
    // Each thread computes rows, or columns where rows are too few to be worth reading all of b for: b is large then, or
    // the rows would not fill the kernel.
    const bool by_columns = !ta && ((m < 64 && m < n) || (m < 256 && n * k > 1 << 17));
    if (!by_columns) {
      parallel_for(
          m, std::max<int64_t>(1, flops_a_piece / (2 * n * k)),
          [=](const T* a, const T* b, T* out, int64_t begin, int64_t end) {
            product(end - begin, n, k, a + begin * (ta ? 1 : lda), lda, ta, b, ldb, tb, out + begin * n, n);
          },
          Touch<const T>{a, ta}, whole<const T>(b), part<T>(out));
    } else {
      parallel_for(
          n, std::max<int64_t>(16, flops_a_piece / (2 * m * k)),
          [=](const T* a, const T* b, T* out, int64_t begin, int64_t end) {
            product(m, end - begin, k, a, lda, ta, b + begin * (tb ? ldb : 1), ldb, tb, out + begin, n);
          },
          whole<const T>(a), Touch<const T>{b, !tb}, whole<T>(out));
    }
  });
}

void Cpu::cross_entropy(const Array& logits, const Array& labels, const CrossEntropyStep& step, const Array& losses,
                        const Array& gradient) {
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
        [classes, ignore_index = step.ignore_index, smoothing = step.label_smoothing](
            const T* from, const int32_t* label, const T* weights, T* loss, T* to, int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            if (label[i] == ignore_index) {
              loss[i] = 0;
              std::fill_n(to + i * classes, classes, T(0));
            } else {
              loss[i] = kernels<T>().cross_entropy(from + i * classes, classes, label[i], weights, smoothing,
                                                   to + i * classes);
            }
          }
        },
        part<const T>(logits), part<const int32_t>(labels), whole<const T>(step.class_weights), part<T>(losses),
        part<T>(gradient));
  });
}

void Cpu::sgd(const SgdStep& step, const Array& parameter, const Array& gradient, const Array& velocity) {
  visit_floating("sgd", parameter.dtype(), [&](auto t) {
    using T = decltype(t);
    parallel_for(
        parameter.numel(), 1 << 15,
        [step](T* p, const T* g, T* v, int64_t begin, int64_t end) {
          kernels<T>().sgd(step, p + begin, g + begin, v ? v + begin : nullptr, end - begin);
        },
        part<T>(parameter), part<const T>(gradient), part<T>(velocity));
  });
}

}  // namespace ramp

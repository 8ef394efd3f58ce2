// The products and fused passes of a training step.

#include "ramp/core/cpu/cpu.h"
#include "ramp/core/cpu/kernels.h"
#include "ramp/core/cpu/parallel.h"

namespace ramp {

void Cpu::matmul(const Array& a, const Array& b, MatmulOptions options, const Array& out) {
  const int64_t m = out.shape()[0], n = out.shape()[1], k = a.shape()[options.transpose_a ? 0 : 1];
  if (m == 0 || n == 0) return;
  visit_floating("matmul", out.dtype(), [&](auto t) {
    using T = decltype(t);
    const T *pa = a.data<T>(), *pb = b.data<T>();
    T* to = out.data<T>();
    const int64_t lda = a.shape()[1], ldb = b.shape()[1];
    // Each thread computes a band of rows or of columns, whichever there are more of; below about 4 MFLOP a band, starting
    // a thread costs more than it gains.
    const int64_t bands = std::clamp<int64_t>(2 * m * n * k / (4 << 20), 1, num_threads());
    const auto band = [&](int64_t extent) {
      return std::max<int64_t>(16, ((extent + bands - 1) / bands + 15) / 16 * 16);
    };
    if (m >= n) {
      parallel_for(m, bands == 1 ? m : band(m), [&](int64_t begin, int64_t end) {
        kernels<T>().matmul(end - begin, n, k, pa + begin * (options.transpose_a ? 1 : lda), lda, options.transpose_a,
                            pb, ldb, options.transpose_b, to + begin * n, n);
      });
    } else {
      parallel_for(n, bands == 1 ? n : band(n), [&](int64_t begin, int64_t end) {
        kernels<T>().matmul(m, end - begin, k, pa, lda, options.transpose_a,
                            pb + begin * (options.transpose_b ? ldb : 1), ldb, options.transpose_b, to + begin, n);
      });
    }
  });
}

void Cpu::cross_entropy(const Array& logits, const Array& labels, const CrossEntropyStep& step, const Array& losses,
                        const Array& gradient) {
  const int64_t n = logits.shape()[0], classes = logits.shape()[1];
  const int32_t* label = labels.data<int32_t>();
  const auto ignored = [&](int64_t i) { return label[i] == step.ignore_index; };
  for (int64_t i = 0; i < n; ++i)
    if (!ignored(i) && (label[i] < 0 || label[i] >= classes))
      fail("cross_entropy", "labels must lie in [0, ", classes, "), got ", label[i], " at row ", i);
  visit_floating("cross_entropy", logits.dtype(), [&](auto t) {
    using T = decltype(t);
    const T* from = logits.data<T>();
    const T* weights = step.class_weights.defined() ? step.class_weights.data<T>() : nullptr;
    T *loss = losses.data<T>(), *to = gradient.data<T>();
    parallel_for(n, std::max<int64_t>(1, (1 << 13) / classes), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        if (ignored(i)) {
          loss[i] = 0;
          std::fill_n(to + i * classes, classes, T(0));
        } else {
          loss[i] = kernels<T>().cross_entropy(from + i * classes, classes, label[i], weights, step.label_smoothing,
                                               to + i * classes);
        }
      }
    });
  });
}

void Cpu::sgd(const SgdStep& step, const Array& parameter, const Array& gradient, const Array& velocity) {
  visit_floating("sgd", parameter.dtype(), [&](auto t) {
    using T = decltype(t);
    T *p = parameter.data<T>(), *v = velocity.defined() ? velocity.data<T>() : nullptr;
    const T* g = gradient.data<T>();
    parallel_for(parameter.numel(), 1 << 15, [&](int64_t begin, int64_t end) {
      kernels<T>().sgd(step, p + begin, g + begin, v ? v + begin : nullptr, end - begin);
    });
  });
}

}  // namespace ramp

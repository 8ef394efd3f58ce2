// The loss and the parameter update of a training step.

#include "ramp/core/cpu/cpu.h"
#include "ramp/core/cpu/kernels.h"
#include "ramp/core/cpu/parallel.h"
#include "ramp/core/cpu/update.h"

namespace ramp {

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
      Access<const int32_t>{labels, true, true});
  visit_floating("cross_entropy", logits.dtype(), [&](auto t) {
    using T = decltype(t);
    parallel_for(
        n, std::max<int64_t>(1, (1 << 13) / classes),
        [classes, ignore_index = step.ignore_index, keep = static_cast<T>(step.keep()),
         spread = static_cast<T>(step.spread(classes))](const T* from, const int32_t* label, const T* weights, T* loss,
                                                        T* to, int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            if (label[i] == ignore_index) {
              loss[i] = 0;
              std::fill_n(to + i * classes, classes, T(0));
            } else {
              loss[i] = kernels<T>().cross_entropy(from + i * classes, classes, label[i], weights, keep, spread,
                                                   to + i * classes);
            }
          }
        },
        part<const T>(logits), part<const int32_t>(labels), whole<const T>(step.class_weights), part<T>(losses),
        part<T>(gradient));
  });
  Cpu::sum(losses, {1, n, 1}, sum);
}

void Cpu::begin_update(const UpdateRule& rule, const UpdateArrays& x) {
  std::visit([&](const auto& f) { cpu::begin_update(f, x); }, rule);
}

void Cpu::update(const UpdateRule& rule, const UpdateArrays& x) {
  const int count = std::visit([](const auto& f) { return f.states(); }, rule);
  visit_floating("update", x.parameter.dtype(), [&](auto t) {
    using T = decltype(t);
    parallel_for(
        x.parameter.numel(), 1 << 15,
        [rule, count](T* p, const T* g, T* s0, T* s1, T* s2, BFloat16* c, const double* factors, int64_t begin,
                      int64_t end) {
          const auto at = [begin](T* state) { return state ? state + begin : nullptr; };
          T* const states[] = {at(s0), at(s1), at(s2)};
          kernels<T>().update(rule, factors, p + begin, g + begin, states, count, end - begin);
          if constexpr (std::is_same_v<T, float>)
            if (c) kernels<T>().to_bfloat16(p + begin, c + begin, end - begin);
        },
        part<T>(x.parameter), part<const T>(x.gradient), part<T>(x.states[0]), part<T>(x.states[1]),
        part<T>(x.states[2]), part<BFloat16>(x.copy), whole<const double>(x.factors));
  });
}

}  // namespace ramp

#pragma once
// The updates of any rule on the CPU, one number at a time: what a rule of the user's own runs by.

#include "ramp/core/backend/options.h"
#include "ramp/core/cpu/parallel.h"

namespace ramp::cpu {

/// As the backend's begin_update().
template <class F>
void begin_update(const F& f, const UpdateArrays& x) {
  parallel_for(
      1, 1,
      [f, n = x.steps.numel()](const double* rate, double* steps, double* factors, int64_t, int64_t) {
        if (f.states() > 0)
          for (int64_t i = 0; i < n; ++i) ++steps[i];
        write_factors(f, *rate, *steps, factors);
      },
      whole<const double>(x.learning_rate), whole<double>(x.steps), whole<double>(x.factors));
}

/// As the backend's update(), without a bfloat16 copy.
template <class T, class F>
void update(const F& f, const UpdateArrays& x) {
  parallel_for(
      x.parameter.numel(), 1 << 13,
      [f](T* p, const T* g, T* s0, T* s1, T* s2, const double* factors, int64_t begin, int64_t end) {
        T* const states[] = {s0, s1, s2};
        const FactorsOf<F> k = read_factors(f, factors);
        for (int64_t i = begin; i < end; ++i) {
          T state[max_states] = {};
          for (int j = 0; j < f.states(); ++j) state[j] = states[j][i];
          p[i] = f(p[i], g[i], state, k);
          for (int j = 0; j < f.states(); ++j) states[j][i] = state[j];
        }
      },
      part<T>(x.parameter), part<const T>(x.gradient), part<T>(x.states[0]), part<T>(x.states[1]), part<T>(x.states[2]),
      whole<const double>(x.factors));
}

}  // namespace ramp::cpu

#pragma once
// The updates of any optimizer's rule.

#include <type_traits>

#include "ramp/core/backend/options.h"
#include "ramp/cuda/launch.cuh"

namespace ramp::cuda {

template <class F>
struct BeginUpdate {
  F f;
  bool counts;
  const double* rate;
  double *steps, *factors;
  __device__ void operator()(int64_t i) const {
    if (counts) ++steps[i];
    if (i == 0) write_factors(f, *rate, *steps, factors);
  }
};

/// As the backend's begin_update().
template <class F>
void begin_update(const F& f, const UpdateArrays& x) {
  each(f.name, x.steps.numel(),
       BeginUpdate<F>{f, f.states() > 0, x.learning_rate.data<const double>(), x.steps.data<double>(),
                      x.factors.data<double>()});
}

/// `Count` states, so that they stay in registers.
template <class T, int Count, class F>
struct UpdateEach {
  F f;
  const double* factors;
  T* parameter;
  const T* gradient;
  T* states[max_states];
  BFloat16* copy;
  __device__ void operator()(int64_t i) const {
    T state[max_states] = {};
#pragma unroll
    for (int j = 0; j < Count; ++j) state[j] = states[j][i];
    const T updated = f(parameter[i], gradient[i], state, read_factors(f, factors));
    parameter[i] = updated;
#pragma unroll
    for (int j = 0; j < Count; ++j) states[j][i] = state[j];
    if constexpr (std::is_same_v<T, float>)
      if (copy) copy[i] = BFloat16(updated);
  }
};

template <class T, int Count, class F>
void update_with(const F& f, const UpdateArrays& x) {
  UpdateEach<T, Count, F> each_element{.f = f,
                                       .factors = x.factors.data<const double>(),
                                       .parameter = x.parameter.data<T>(),
                                       .gradient = x.gradient.data<const T>(),
                                       .states = {},
                                       .copy = x.copy.defined() ? x.copy.data<BFloat16>() : nullptr};
  for (int j = 0; j < Count; ++j) each_element.states[j] = x.states[static_cast<size_t>(j)].data<T>();
  each(f.name, x.parameter.numel(), each_element);
}

/// As the backend's update().
template <class T, class F>
void update(const F& f, const UpdateArrays& x) {
  switch (f.states()) {
    case 0: return update_with<T, 0>(f, x);
    case 1: return update_with<T, 1>(f, x);
    case 2: return update_with<T, 2>(f, x);
    default: return update_with<T, 3>(f, x);
  }
}

}  // namespace ramp::cuda

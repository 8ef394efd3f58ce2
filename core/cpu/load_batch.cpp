// Batches: rows of two arrays gathered in one pass, the first standardized on the way.

#include <array>
#include <cstring>
#include <type_traits>

#include "ramp/core/cpu/cpu.h"
#include "ramp/core/cpu/parallel.h"
#include "ramp/core/formulas/saturate_cast.h"

namespace ramp {

namespace {

/// to = (x - mean) / stddev of one row. `same` says that mean and stddev have one number for all elements.
template <class T, class To>
void standardize_row(const T* x, const double* mean, const double* stddev, bool same, int64_t width, To* to) {
  if (same) {
    const double m = mean[0], s = stddev[0];
    for (int64_t j = 0; j < width; ++j) to[j] = static_cast<To>(standardized(x[j], m, s));
  } else {
    for (int64_t j = 0; j < width; ++j) to[j] = static_cast<To>(standardized(x[j], mean[j], stddev[j]));
  }
}

/// The rows of `indices`, of k.
template <class T, class To>
void standardize_rows(const T* x, const int32_t* indices, const double* mean, const double* stddev, bool same,
                      int64_t k, int64_t width, To* to) {
  if constexpr (std::is_same_v<T, uint8_t>) {
    if (same && k * width >= 256) {  // a byte has few values: each is computed once
      std::array<To, 256> values;
      for (size_t i = 0; i < 256; ++i) values[i] = static_cast<To>(standardized(static_cast<T>(i), mean[0], stddev[0]));
      for (int64_t i = 0; i < k; ++i)
        for (int64_t j = 0; j < width; ++j) to[i * width + j] = values[x[indices[i] * width + j]];
      return;
    }
  }
  for (int64_t i = 0; i < k; ++i) standardize_row(x + indices[i] * width, mean, stddev, same, width, to + i * width);
}

/// Throws Error unless all k indices lie in [0, n).
void check_rows(const int32_t* indices, int64_t k, int64_t n) {
  for (int64_t i = 0; i < k; ++i)
    if (indices[i] < 0 || indices[i] >= n)
      fail("load_batch", "rows must lie in [0, ", n, "), got ", indices[i], " at position ", i);
}

void copy_rows(const char* from, const int32_t* indices, int64_t k, int64_t bytes, char* to) {
  for (int64_t i = 0; i < k; ++i) std::memcpy(to + i * bytes, from + indices[i] * bytes, static_cast<size_t>(bytes));
}

}  // namespace

void Cpu::load_batch(const Array& x, const Array& y, const Array& indices, const Array& mean, const Array& stddev,
                     const Array& to_x, const Array& to_y) {
  const int64_t n = x.shape()[0], k = indices.numel(), width = to_x.numel() / k;
  const int64_t x_bytes = to_x.bytes() / k, y_bytes = to_y.bytes() / k;
  const Access<const int32_t> rows{indices, true, true};
  // A single piece: a loader's thread runs it alongside the training step, and must not add further threads to those of
  // the step.
  if (!mean.defined())
    return parallel_for(
        1, 1,
        [=](const char* x, const char* y, const int32_t* indices, char* to_x, char* to_y, int64_t, int64_t) {
          check_rows(indices, k, n);
          copy_rows(x, indices, k, x_bytes, to_x);
          copy_rows(y, indices, k, y_bytes, to_y);
        },
        whole<const char>(x), whole<const char>(y), rows, whole<char>(to_x), whole<char>(to_y));
  const auto load = [&]<class T, class To>(T, To) {
    parallel_for(
        1, 1,
        [=, same = mean.numel() == 1](const T* x, const char* y, const int32_t* indices, const double* mean,
                                      const double* stddev, To* to_x, char* to_y, int64_t, int64_t) {
          check_rows(indices, k, n);
          standardize_rows(x, indices, mean, stddev, same, k, width, to_x);
          copy_rows(y, indices, k, y_bytes, to_y);
        },
        whole<const T>(x), whole<const char>(y), rows, whole<const double>(mean), whole<const double>(stddev),
        whole<To>(to_x), whole<char>(to_y));
  };
  switch (x.dtype()) {
    case float64: return load(double(), double());
    case float32: return load(float(), float());
    case int32: return load(int32_t(), float());
    default: return load(uint8_t(), float());
  }
}

}  // namespace ramp

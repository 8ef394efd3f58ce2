#include "ramp/core/autograd/create.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numbers>

#include "ramp/core/array_ops/array_ops.h"
#include "ramp/core/cpu/parallel.h"
#include "ramp/core/random/philox.h"

namespace ramp {

namespace {

/// A new array on the CPU, filled by write(address). A captured step keeps the numbers, and each of its replays writes
/// them again, because later operations of the step may have changed them.
template <class T, class Write>
Array filled(const Shape& shape, Write write) {
  Array x(shape, dtype_of<T>());
  if (!capturing()) {
    write(x.address<T>());
    return x;
  }
  const auto n = static_cast<size_t>(x.numel());
  const auto kept = std::make_shared<std::vector<T>>(n);
  write(kept->data());
  parallel_for(
      n > 0 ? 1 : 0, 1, [kept](T* to, int64_t, int64_t) { std::copy(kept->begin(), kept->end(), to); }, whole<T>(x));
  return x;
}

/// A tensor of the numbers in an array of doubles on the CPU, with the given options.
Tensor to_tensor(const Array& values, const TensorOptions& options) {
  return Tensor(ramp::to(ramp::to(values, options.dtype), options.device), options.requires_grad);
}

/// Throws Error for a missing device or too large a size, before a random key is drawn.
void check(const Shape& shape, const TensorOptions& options) {
  check_device(options.device);
  bytes_of(shape, options.dtype);
}

/// Makes a tensor on the CPU from f(i) in double, then converts and moves it.
template <class F>
Tensor generate(const Shape& shape, const TensorOptions& options, F f) {
  return to_tensor(filled<double>(shape,
                                  [&](double* out) {
                                    for (int64_t i = 0; i < shape.numel(); ++i) out[i] = f(i);
                                  }),
                   options);
}

}  // namespace

Tensor full(const Shape& shape, double value, TensorOptions options) {
  return Tensor(full_array(shape, value, options.dtype, options.device), options.requires_grad);
}
Tensor zeros(const Shape& shape, TensorOptions options) { return full(shape, 0, options); }
Tensor ones(const Shape& shape, TensorOptions options) { return full(shape, 1, options); }
Tensor scalar(double value, TensorOptions options) { return full({}, value, options); }

Tensor arange(int64_t n, TensorOptions options) {
  if (n < 0) fail("arange", "n must not be negative, got ", n);
  return generate({n}, options, [](int64_t i) { return static_cast<double>(i); });
}

Tensor arange(double start, double stop, double step, TensorOptions options) {
  const double count = std::ceil((stop - start) / step);
  if (step == 0 || !(count >= 0) || !(count < 0x1p53))
    fail("arange", "step must lead from start to stop, got ", start, ", ", stop, ", ", step);
  return generate({static_cast<int64_t>(count)}, options,
                  [=](int64_t i) { return start + static_cast<double>(i) * step; });
}

Tensor randn(const Shape& shape, TensorOptions options, Generator& generator) {
  if (!is_floating(options.dtype)) fail("randn", "expected float32 or float64, got ", options.dtype);
  check(shape, options);
  const RandomKey key = generator.next();
  const RandomKey* replayed = cpu::replay_key(key);  // a replay of a captured step draws with its own key
  const Array values(shape, float64);
  const int64_t n = values.numel();
  parallel_for((n + 1) / 2, 1 << 9,
               [n, key, replayed](double* out, int64_t begin, int64_t end) {
                 for (int64_t pair = begin; pair < end; ++pair) {
                   const UniformBlock<double> u{random_words(replayed ? *replayed : key, static_cast<uint64_t>(pair))};
                   const double radius = std::sqrt(-2 * std::log(1 - u[0])), angle = 2 * std::numbers::pi * u[1];
                   out[2 * pair] = radius * std::cos(angle);
                   if (2 * pair + 1 < n) out[2 * pair + 1] = radius * std::sin(angle);
                 }
               },
               whole<double>(values));
  return to_tensor(values, options);
}

Tensor uniform(const Shape& shape, double low, double high, TensorOptions options, Generator& generator) {
  const bool fits = visit_floating("uniform", options.dtype, [=](auto t) {
    constexpr double most = std::numeric_limits<decltype(t)>::max();
    return -most <= low && low <= high && high <= most && high - low <= most;
  });
  if (!fits)
    fail("uniform", "expected low <= high, with low, high and high - low finite in ", options.dtype, ", got ", low,
         " and ", high);
  check(shape, options);
  return Tensor(uniform_array(shape, low, high, generator.next(), options.dtype, options.device),
                options.requires_grad);
}

Tensor tensor(std::initializer_list<double> values, TensorOptions options) {
  return generate({static_cast<int64_t>(values.size())}, options, [&](int64_t i) { return values.begin()[i]; });
}

Tensor tensor(std::initializer_list<std::initializer_list<double>> rows, TensorOptions options) {
  const auto n = static_cast<int64_t>(rows.size());
  const auto width = n == 0 ? 0 : static_cast<int64_t>(rows.begin()->size());
  for (int64_t i = 0; i < n; ++i)
    if (static_cast<int64_t>(rows.begin()[i].size()) != width)
      fail("tensor", "rows must be of one length, row 0 has ", width, ", row ", i, " has ", rows.begin()[i].size());
  return generate({n, width}, options, [&](int64_t i) { return rows.begin()[i / width].begin()[i % width]; });
}

Tensor from_memory(const void* values, DType dtype, const Shape& shape, Device device) {
  return visit(dtype, [&](auto t) {
    using T = decltype(t);
    const auto* from = static_cast<const T*>(values);
    return Tensor(to(filled<T>(shape, [&](T* out) { std::copy_n(from, shape.numel(), out); }), device));
  });
}

}  // namespace ramp

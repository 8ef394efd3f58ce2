#pragma once
// Creation of tensors.

#include <initializer_list>
#include <type_traits>
#include <vector>

#include "ramp/core/autograd/tensor.h"
#include "ramp/core/random/random.h"

namespace ramp {

struct TensorOptions {
  DType dtype = float32;
  Device device = default_device();
  bool requires_grad = false;
};

Tensor zeros(const Shape& shape, TensorOptions options = {});
Tensor ones(const Shape& shape, TensorOptions options = {});
Tensor full(const Shape& shape, double value, TensorOptions options = {});
/// 0, 1, .., n-1.
Tensor arange(int64_t n, TensorOptions options = {});
/// start, start + step, .. before stop. Throws Error when step is 0 or NaN, or leads away from stop.
Tensor arange(double start, double stop, double step = 1, TensorOptions options = {});

/// Standard normal numbers (Box & Muller), computed on the CPU in double precision.
Tensor randn(const Shape& shape, TensorOptions options = {}, Generator& generator = default_generator());
/// Uniform numbers in [low, high). Throws Error unless low <= high, and low, high and high - low are finite in the
/// dtype.
Tensor uniform(const Shape& shape, double low, double high, TensorOptions options = {},
               Generator& generator = default_generator());

/// From values: tensor({1, 2, 3}), tensor({{1, 2}, {3, 4}}). Throws Error when rows differ in length.
Tensor tensor(std::initializer_list<double> values, TensorOptions options = {});
Tensor tensor(std::initializer_list<std::initializer_list<double>> rows, TensorOptions options = {});
/// A scalar.
Tensor scalar(double value, TensorOptions options = {});
/// Copies shape.numel() elements of `dtype` from host memory into a new tensor on `device`.
Tensor from_memory(const void* values, DType dtype, const Shape& shape, Device device);
/// From a vector of float, double, int32_t, uint8_t or BFloat16, which determines the dtype. Throws Error when the
/// number of values is not shape.numel().
template <class T>
Tensor from_vector(const std::vector<T>& values, const Shape& shape, Device device = default_device()) {
  static_assert(std::is_same_v<T, float> || std::is_same_v<T, double> || std::is_same_v<T, int32_t> ||
                    std::is_same_v<T, uint8_t> || std::is_same_v<T, BFloat16>,
                "ramp::from_vector takes float, double, int32_t, uint8_t or BFloat16; convert the values first");
  if (static_cast<int64_t>(values.size()) != shape.numel())
    fail("from_vector", "shape ", shape, " holds ", shape.numel(), " values, got ", values.size());
  return from_memory(values.data(), dtype_of<T>(), shape, device);
}

}  // namespace ramp

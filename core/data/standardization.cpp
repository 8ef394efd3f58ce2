#include "ramp/core/data/standardization.h"

#include <cmath>
#include <utility>
#include <vector>

#include "ramp/core/array_ops/array_ops.h"
#include "ramp/core/autograd/create.h"
#include "ramp/core/autograd/ops.h"

namespace ramp::data {
namespace {

/// The shape of x's rows: x's without the first axis.
Shape row_shape(const Tensor& x) {
  const Shape& shape = x.shape();
  return {shape.begin() + 1, shape.end()};
}

/// The mean and the standard deviation of each of `width` columns of x [n, width].
struct Columns {
  std::vector<double> mean, stddev;
};
template <class T>
Columns columns(const T* x, int64_t n, int64_t width) {
  const auto size = static_cast<size_t>(width);
  const std::vector<double> first(x, x + width);
  Columns result{std::vector<double>(size), std::vector<double>(size)};
  // Differences from the first row: in a column of equal numbers they are exactly 0.
  for (int64_t i = 0; i < n; ++i)
    for (size_t j = 0; j < size; ++j)
      result.mean[j] += static_cast<double>(x[i * width + static_cast<int64_t>(j)]) - first[j];
  for (size_t j = 0; j < size; ++j) result.mean[j] = first[j] + result.mean[j] / static_cast<double>(n);
  for (int64_t i = 0; i < n; ++i)
    for (size_t j = 0; j < size; ++j) {
      const double d = static_cast<double>(x[i * width + static_cast<int64_t>(j)]) - result.mean[j];
      result.stddev[j] += d * d;
    }
  for (double& s : result.stddev) s = std::sqrt(s / static_cast<double>(n));
  return result;
}

Columns columns(const Array& x, int64_t n, int64_t width) {
  switch (x.dtype()) {
    case float64: return columns(x.data<const double>(), n, width);
    case float32: return columns(x.data<const float>(), n, width);
    case int32: return columns(x.data<const int32_t>(), n, width);
    case uint8: return columns(x.data<const uint8_t>(), n, width);
    case bfloat16: break;
  }
  fail("Standardization", "expected float32, float64, int32 or uint8, got bfloat16");
}

}  // namespace

Standardization::Standardization(Tensor mean, Tensor stddev) : mean_(std::move(mean)), stddev_(std::move(stddev)) {}

Standardization::Standardization(double mean, double stddev) {
  if (!std::isfinite(mean) || !std::isfinite(stddev) || stddev <= 0)
    fail("Standardization", "expected a finite mean and a standard deviation above 0, got ", mean, " and ", stddev);
  const TensorOptions options{.dtype = float64, .device = Device::cpu()};
  mean_ = scalar(mean, options);
  stddev_ = scalar(stddev, options);
}

Standardization::Standardization(const Tensor& x) {
  if (x.rank() == 0 || x.numel() == 0)
    fail("Standardization", "expected rows [n, ...] of at least one number, got ", x.shape());
  const int64_t n = x.size(0), width = x.numel() / n;
  Columns fitted = columns(to_host("Standardization", x.array()), n, width);
  for (size_t j = 0; j < fitted.mean.size(); ++j) {
    double& stddev = fitted.stddev[j];
    if (!std::isfinite(fitted.mean[j]) || !std::isfinite(stddev))
      fail("Standardization", "expected features whose mean and standard deviation are finite, got ", fitted.mean[j],
           " and ", stddev, " for feature ", j);
    if (stddev == 0) stddev = 1;
  }
  mean_ = from_vector(fitted.mean, row_shape(x), x.device());
  stddev_ = from_vector(fitted.stddev, row_shape(x), x.device());
}

void Standardization::require_fits(const char* op, const Tensor& x) const {
  if (x.rank() == 0) fail(op, "expected rows [n, ...] to standardize, got a scalar");
  if (mean_.numel() != 1 && row_shape(x) != mean_.shape())
    fail(op, "expected rows of shape ", mean_.shape(), " to standardize, got ", x.shape());
}

Tensor Standardization::apply(const Tensor& x) const {
  require_fits("Standardization", x);
  const Tensor y = (x.to(float64) - mean_.to(x.device())) / stddev_.to(x.device());
  return x.dtype() == float64 ? y : y.to(float32);
}

Tensor Standardization::inverse(const Tensor& y) const {
  require_fits("Standardization", y);
  return (y.to(float64) * stddev_.to(y.device()) + mean_.to(y.device())).to(y.dtype());
}

Standardization Standardization::to(Device device) const { return {mean_.to(device), stddev_.to(device)}; }

}  // namespace ramp::data

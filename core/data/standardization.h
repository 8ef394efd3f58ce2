#pragma once
// Standardization: numbers brought to mean 0 and standard deviation 1.

#include "ramp/core/autograd/tensor.h"

namespace ramp::data {

/// `y = (x - mean) / stddev`, for all numbers alike or for each feature by itself: an element of a row is a feature.
/// Fit it on the training rows and use it for all others: `Standardization scaling(train.inputs)`. A default one does
/// not exist: a Dataset without any is loaded as it is stored.
class Standardization {
 public:
  /// One mean and one standard deviation for all numbers. Throws Error unless both are finite and stddev > 0.
  Standardization(double mean, double stddev);
  /// The mean and standard deviation of each feature over the rows of x [n, ...], of any dtype but bfloat16: over all
  /// n, with the divisor n, and in float64. A feature that is the same number c in all rows has mean c and stddev 1, so
  /// that it becomes 0. Throws Error when there are no rows or features, or when a feature's mean or standard deviation
  /// is not finite, as for NaN.
  explicit Standardization(const Tensor& x);

  /// (x - mean) / stddev of rows x [n, ...] with as many features: float64 if x is, else float32. Gradients flow back
  /// through it. Throws Error for rows of another shape.
  Tensor apply(const Tensor& x) const;
  /// x = y * stddev + mean: undoes apply(), as for predictions of standardized targets. y is float32 or float64, and so
  /// is x.
  Tensor inverse(const Tensor& y) const;

  /// float64, of no axes or of a row's shape.
  const Tensor& mean() const { return mean_; }
  const Tensor& stddev() const { return stddev_; }
  /// The same on another device.
  Standardization to(Device device) const;
  /// Throws Error, in the name of `op`, unless rows of x [n, ...] have the shape that it was made for, or any if it was
  /// made from two numbers.
  void require_fits(const char* op, const Tensor& x) const;

 private:
  Standardization(Tensor mean, Tensor stddev);

  Tensor mean_, stddev_;
};

}  // namespace ramp::data

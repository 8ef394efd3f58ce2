#pragma once
// Layers that give their input mean 0 and variance 1, by sample or by feature.

#include "ramp/core/autograd/ops.h"
#include "ramp/layers/layer.h"

namespace ramp {

struct LayerNormOptions {
  double eps = 1e-5;   ///< added to the variance; positive and finite
  bool affine = true;  ///< whether there are a weight and a bias
  DType dtype = float32;
};

/// Normalises each sample over its features: y = (x - mean) / sqrt(variance + eps) * weight + bias for x [..., d], with
/// the mean and the biased variance (divided by d) of the last axis, weight [d] and bias [d]. It does the same in
/// training and in evaluation. Ba, Kiros & Hinton 2016.
class LayerNorm : public Layer {
 public:
  /// The weight starts at 1, the bias at 0. Throws Error unless d is at least 1 and the options are in their ranges.
  explicit LayerNorm(int64_t d, const LayerNormOptions& options = {});
  std::string describe() const override;

 private:
  int64_t d_;
  double eps_;

 public:
  Tensor& weight;  ///< undefined unless affine
  Tensor& bias;    ///< undefined unless affine

 private:
  Tensor forward(const Tensor& x) const override;
};

struct BatchNorm1dOptions {
  double eps = 1e-5;      ///< added to the variance; positive and finite
  double momentum = 0.1;  ///< the weight of a batch in the running statistics; in [0, 1]
  bool affine = true;     ///< whether there are a weight and a bias
  DType dtype = float32;
};

/// Normalises each feature: y = (x - mean) / sqrt(variance + eps) * weight + bias for x [n, d], weight [d] and bias
/// [d]. In training the mean and the biased variance (divided by n) are those of the batch, and
///
///   running_mean <- (1 - momentum) running_mean + momentum mean
///   running_var <- (1 - momentum) running_var + momentum variance n / (n - 1)
///
/// In evaluation they are running_mean and running_var. A sample's output in training depends on the rest of its batch,
/// so that a batch in two halves gives other gradients than in one piece. Ioffe & Szegedy 2015.
class BatchNorm1d : public Layer {
 public:
  /// The weight and running_var start at 1, the bias and running_mean at 0. Throws Error unless d is at least 1 and the
  /// options are in their ranges. A call in training throws Error for fewer than two rows.
  explicit BatchNorm1d(int64_t d, const BatchNorm1dOptions& options = {});
  std::string describe() const override;

 private:
  int64_t d_;
  double eps_, momentum_;

 public:
  Tensor& weight;        ///< undefined unless affine
  Tensor& bias;          ///< undefined unless affine
  Tensor& running_mean;  ///< [d], a buffer
  Tensor& running_var;   ///< [d], a buffer

 private:
  Tensor forward(const Tensor& x) const override;
};

}  // namespace ramp

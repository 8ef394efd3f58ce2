#pragma once

#include <optional>

#include "ramp/core/formulas/formulas.h"
#include "ramp/init/init.h"
#include "ramp/layers/layer.h"

namespace ramp {

struct DenseOptions {
  bool bias = true;
  init::Initializer init = init::he_normal();  ///< of the weight; the bias starts at zero
  DType dtype = float32;
};

/// y = x W^T + b for x [n, in], W [out, in], b [out]: y [n, out].
class Dense : public Layer {
 public:
  /// Throws Error unless in and out are at least 1.
  Dense(int64_t in, int64_t out, const DenseOptions& options = {}, Generator& generator = default_generator());

  int64_t in() const { return in_; }
  int64_t out() const { return out_; }
  std::string describe() const override;

 private:
  int64_t in_, out_;

 public:
  Tensor& weight;
  Tensor& bias;  ///< undefined without bias

 private:
  Tensor forward(const Tensor& x) const final;
  Tensor forward_with(const Tensor& x, const Unary& epilogue) const final;
};

/// The layer as a function: x [n, in], weight [out, in], bias [out] or undefined; with an activation f, f(x W^T + b).
/// It is one node; its values and gradients equal those of the separate operations up to rounding.
Tensor dense(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
             const std::optional<Unary>& activation = std::nullopt);

}  // namespace ramp

#include "ramp/layers/maxout.h"

#include <cmath>

#include "ramp/init/init.h"

namespace ramp {
namespace {

int64_t checked(const char* op, int64_t pieces) {
  if (pieces < 1) fail(op, "pieces must be at least 1, got ", pieces);
  return pieces;
}

}  // namespace

Maxout::Maxout(int64_t pieces) : pieces_(checked("Maxout", pieces)) {}

std::string Maxout::describe() const { return "Maxout(" + std::to_string(pieces_) + ')'; }

std::optional<double> CReLU::gain() const { return init::leaky_gain(0); }

std::optional<double> Maxout::gain() const {
  // The maximum of k normal numbers has the density k phi(z) Phi(z)^(k - 1), so its mean square is E f(z)^2 for
  // z ~ N(0, 1) and f(z) = z sqrt(k Phi(z)^(k - 1)).
  const auto k = static_cast<double>(pieces_);
  return 1 / std::sqrt(init::normal_mean_square(
                 [k](double z) { return z * std::sqrt(k * std::pow(math::normal_cdf(z), k - 1)); }));
}

Tensor Maxout::forward(const Tensor& x) const { return maxout(x, pieces_); }
Tensor CReLU::forward(const Tensor& x) const { return crelu(x, relu_); }

Tensor crelu(const Tensor& x, const formula::ReLU& f) {
  if (x.rank() == 0) fail("crelu", "expected an axis to widen, got a scalar");
  return concat({relu(x, f), relu(-x, f)}, -1);
}

Tensor maxout(const Tensor& x, int64_t pieces) {
  checked("maxout", pieces);
  if (x.rank() == 0 || x.size(-1) % pieces != 0)
    fail("maxout", "expected a last axis divisible by ", pieces, ", got ", x.shape());
  // Reshaped to [product of the other axes and m, k], because x may already have the maximum number of axes.
  const Tensor largest = max(reshape(x, {x.numel() / pieces, pieces}), 1);
  std::vector<int64_t> sizes(x.shape().begin(), x.shape().end());
  sizes.back() /= pieces;
  return reshape(largest, sizes);
}

}  // namespace ramp

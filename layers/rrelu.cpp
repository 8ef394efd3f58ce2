#include "ramp/layers/rrelu.h"

#include <cmath>

#include "ramp/init/init.h"

namespace ramp {
namespace {

const RReLUOptions& checked(const char* op, const RReLUOptions& options) {
  const auto [lower, upper, draws, slope_at_zero] = options;
  if (draws == RReLUOptions::slope && !(0 <= lower && lower <= upper && upper < 1))
    fail(op, "slopes must satisfy 0 <= lower <= upper < 1, got ", lower, " and ", upper);
  if (draws == RReLUOptions::divisor && !(1 < lower && lower <= upper && std::isfinite(upper)))
    fail(op, "divisors must satisfy 1 < lower <= upper, got ", lower, " and ", upper);
  return options;
}

}  // namespace

RReLU::RReLU(const RReLUOptions& options, Generator& generator)
    : options_(checked("RReLU", options)), generator_(&generator) {}
RReLU::RReLU(double lower, double upper, Generator& generator) : RReLU({.lower = lower, .upper = upper}, generator) {}

std::string RReLU::describe() const {
  if (options_.draws == RReLUOptions::slope) return text_of("RReLU(", options_.lower, ", ", options_.upper, ')');
  return text_of("RReLU({.lower = ", options_.lower, ", .upper = ", options_.upper, ", .draws = divisor})");
}

std::optional<double> RReLU::gain() const {
  const double l = options_.lower, u = options_.upper;
  const double square = options_.draws == RReLUOptions::slope ? (l * l + l * u + u * u) / 3 : 1 / (l * u);
  return init::leaky_gain(square);
}

Tensor RReLU::forward(const Tensor& x) const {
  if (training()) return rrelu(x, options_, *generator_);
  return leaky_relu(x, {.alpha = options_.mean_slope(), .slope_at_zero = options_.slope_at_zero});
}

Tensor rrelu(const Tensor& x, const RReLUOptions& options, Generator& generator) {
  checked("rrelu", options);
  check_floating("rrelu", {&x.array()});
  Array slopes = uniform_array(x.shape(), options.lower, options.upper, generator.next(), x.dtype(), x.device());
  if (options.draws == RReLUOptions::divisor) slopes = full_array({}, 1, x.dtype(), x.device()) / slopes;
  return prelu(x, Tensor(slopes), {.slope_at_zero = options.slope_at_zero});
}

Tensor rrelu(const Tensor& x, double lower, double upper, Generator& generator) {
  return rrelu(x, {.lower = lower, .upper = upper}, generator);
}

}  // namespace ramp

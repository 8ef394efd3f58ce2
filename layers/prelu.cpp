#include "ramp/layers/prelu.h"

#include <cmath>

#include "ramp/core/autograd/create.h"
#include "ramp/init/init.h"

namespace ramp {
namespace {

Tensor initial_slope(int64_t channels, const PReLUOptions& options) {
  if (channels < 1) fail("PReLU", "channels must be at least 1, got ", channels);
  if (!std::isfinite(options.start)) fail("PReLU", "start must be finite, got ", options.start);
  return full({channels}, options.start, {.dtype = options.dtype});
}

}  // namespace

PReLU::PReLU(int64_t channels, const PReLUOptions& options)
    : channels_(channels),
      start_(options.start),
      formula_{options.slope_at_zero},
      slope(add("slope", initial_slope(channels, options), {.decay = false})) {}

std::string PReLU::describe() const { return "PReLU(" + (channels_ == 1 ? "" : std::to_string(channels_)) + ')'; }

std::optional<double> PReLU::gain() const { return init::leaky_gain(start_ * start_); }

Tensor PReLU::forward(const Tensor& x) const {
  if (channels_ != 1 && (x.rank() < 1 || x.size(-1) != channels_))
    fail("PReLU", "expected input [n, ", channels_, "], got ", x.shape());
  return prelu(x, slope, formula_);
}

}  // namespace ramp

#include "ramp/core/autograd/gradcheck.h"

#include <algorithm>
#include <cmath>

#include "ramp/core/autograd/autograd.h"
#include "ramp/core/autograd/create.h"
#include "ramp/core/autograd/ops.h"

namespace ramp {

namespace {

bool near_kink(double x, const GradcheckOptions& options) {
  return std::any_of(options.kinks.begin(), options.kinks.end(),
                     [&](double kink) { return std::abs(x - kink) <= 10 * options.step * std::max(1.0, std::abs(x)); });
}

}  // namespace

void gradcheck(const std::function<Tensor(const std::vector<Tensor>&)>& f, const std::vector<Tensor>& inputs,
               const GradcheckOptions& options) {
  if (!f) fail("gradcheck", "expected a function, got an empty one");
  if (!(options.step > 0) || std::isinf(options.step))
    fail("gradcheck", "step must be positive and finite, got ", options.step);
  if (!(options.tolerance >= 0)) fail("gradcheck", "tolerance must be at least 0, got ", options.tolerance);
  std::vector<Tensor> leaves;
  bool any = false;
  for (const Tensor& input : inputs) {
    if (is_floating(input.dtype()) && input.dtype() != float64)
      fail("gradcheck", "inputs must be float64, got ", input.dtype());
    any |= input.requires_grad();
    leaves.push_back(Tensor(clone(input.array()), input.requires_grad()));
    leaves.back().mark_parameter();  // so that f may use it in a layer
  }
  if (!any) fail("gradcheck", "no input requires a gradient");

  const Tensor y = f(leaves);
  if (!y.requires_grad()) fail("gradcheck", "the result requires no gradient: is every operation recorded?");
  Generator generator(options.seed);
  const Tensor upstream = randn(y.shape(), {.dtype = float64, .device = y.device()}, generator);
  y.backward(upstream);
  std::vector<Tensor> once;
  for (const Tensor& leaf : leaves)
    once.push_back(leaf.grad().defined() ? Tensor(clone(leaf.grad().array())) : Tensor());
  f(leaves).backward(upstream);  // gradients must add up

  const auto projected = [&] {
    NoGrad quiet;
    return sum(f(leaves) * upstream).item();
  };
  for (size_t k = 0; k < leaves.size(); ++k) {
    if (!leaves[k].requires_grad()) continue;
    const std::vector<double> values = leaves[k].to_vector<double>();
    const auto zero = std::vector<double>(values.size(), 0.0);
    const std::vector<double> analytic = once[k].defined() ? once[k].to_vector<double>() : zero;
    const std::vector<double> twice = once[k].defined() ? leaves[k].grad().to_vector<double>() : zero;
    for (size_t i = 0; i < values.size(); ++i) {
      const auto differs = [&](double a, double b) {
        return !(std::abs(a - b) <= options.tolerance * std::max({1.0, std::abs(a), std::abs(b)}));
      };
      if (differs(2 * analytic[i], twice[i]))
        fail("gradcheck", "element ", i, " of input ", k, ": one backward gave ", analytic[i], ", two gave ", twice[i]);
      if (near_kink(values[i], options)) continue;
      const auto at = [&](double shift) {
        std::vector<double> moved = values;
        moved[i] += shift;
        copy(from_vector(moved, leaves[k].shape()).to(leaves[k].device()).array(), leaves[k].array());
        return projected();
      };
      const double h = options.step * std::max(1.0, std::abs(values[i]));
      const double near = (at(h) - at(-h)) / (2 * h), far = (at(2 * h) - at(-2 * h)) / (4 * h);
      const double numeric = (4 * near - far) / 3;
      at(0);
      if (differs(analytic[i], numeric))
        fail("gradcheck", "element ", i, " of input ", k, " at ", values[i], ": backward gives ", analytic[i],
             ", central differences give ", numeric);
    }
  }
}

}  // namespace ramp

#pragma once
// Initialisers, passed as values: Dense(784, 256, {.init = init::glorot_uniform()}). Each is told its fans; none guesses.

#include <functional>

#include "ramp/core/create.h"
#include "ramp/core/formulas.h"

namespace ramp::init {

/// How many inputs feed an output, and how many outputs an input feeds. A dense weight [out, in] has {in, out}.
struct Fans {
  int64_t in, out;
};

/// Makes a tensor of the given shape. Throws Error when a fan is below 1.
using Initializer = std::function<Tensor(const Shape&, Fans, TensorOptions, Generator&)>;

/// Uniform in +-gain sqrt(6 / (in + out)). Glorot & Bengio 2010.
Initializer glorot_uniform(double gain = 1);
/// Normal with standard deviation gain sqrt(2 / (in + out)). Glorot & Bengio 2010.
Initializer glorot_normal(double gain = 1);

/// Which fan keeps its variance: the signal's (in), the gradient's (out), or the mean of both.
enum class FanMode { in, out, average };
struct HeOptions {
  double gain = 1.4142135623730951;  ///< sqrt(2), ReLU's; see gain()
  FanMode fan = FanMode::in;
};
/// Uniform in +-gain sqrt(3 / fan). He, Zhang, Ren & Sun 2015.
Initializer he_uniform(HeOptions options = {});
/// Normal with standard deviation gain / sqrt(fan). He, Zhang, Ren & Sun 2015.
Initializer he_normal(HeOptions options = {});

/// Every element the same.
Initializer constant(double value);

/// The gain that keeps the mean square of a signal level through an activation: 1 / sqrt(E f(z)^2) for z ~ N(0, 1), which
/// is sqrt(2) for ReLU and sqrt(2 / (1 + alpha^2)) for leaky ReLU; 1 for sigmoid and 5/3 for tanh by convention. Formulas
/// without a closed form are integrated, to about 1e-8. Throws Error when E f(z)^2 is 0 or not finite.
double gain(const Unary& activation);

}  // namespace ramp::init

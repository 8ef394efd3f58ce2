#pragma once
// Initialisers, passed as values: Dense(784, 256, {.init = init::glorot_uniform()}). Each is given its fans.

#include <functional>
#include <vector>

#include "ramp/core/autograd/create.h"
#include "ramp/core/formulas/formulas.h"

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

/// Which fan sets the scale: `in` preserves the signal's variance, `out` the gradient's. Glorot's is their mean.
enum class FanMode { in, out };
struct HeOptions {
  double gain = 1.4142135623730951;  ///< sqrt(2), ReLU's; see gain()
  FanMode fan = FanMode::in;
};
/// Uniform in +-gain sqrt(3 / fan). He, Zhang, Ren & Sun 2015.
Initializer he_uniform(HeOptions he = {});
/// Normal with standard deviation gain / sqrt(fan). He, Zhang, Ren & Sun 2015.
Initializer he_normal(HeOptions he = {});

/// Uniform in +-gain sqrt(3 / in). LeCun, Bottou, Orr & Mueller 1998; for SELU networks.
Initializer lecun_uniform(double gain = 1);
/// Normal with standard deviation gain / sqrt(in). LeCun, Bottou, Orr & Mueller 1998.
Initializer lecun_normal(double gain = 1);

/// gain Q, with a Q drawn uniformly from all matrices whose rows (columns, when there are more rows than columns) are
/// orthonormal. A shape [r, ...] counts as a matrix of r rows. The fans have no effect. Saxe, McClelland & Ganguli
/// 2014.
Initializer orthogonal(double gain = 1);

/// Uniform in [low, high), whatever the fans. Throws Error unless low <= high, both finite.
Initializer uniform(double low, double high);

struct NormalOptions {
  double mean = 0;
  double deviation = 1;  ///< >= 0
};
/// Normal, whatever the fans: init::normal({.deviation = 0.01}).
Initializer normal(NormalOptions law = {});

struct TruncatedNormalOptions {
  double mean = 0;
  double deviation = 1;  ///< >= 0, of the distribution before truncation
  double cut = 2;        ///< in (0, 8]
};
/// Normal, truncated to c = `cut` deviations around the mean, whatever the fans. The mean is preserved by symmetry; the
/// variance becomes deviation^2 (1 - 2 c phi(c) / (2 Phi(c) - 1)), for c = 2 deviation^2 0.773741.
Initializer truncated_normal(TruncatedNormalOptions law = {});

/// Every element the same.
Initializer constant(double value);

/// The gain that preserves the mean square of a signal through an activation: 1 / sqrt(E f(z)^2) for z ~ N(0, 1), which
/// is sqrt(2) for ReLU and sqrt(2 / (1 + alpha^2)) for leaky ReLU; 1 for sigmoid and 5/3 for tanh by convention.
/// Formulas without a closed form are integrated numerically, to about 1e-8. Throws Error when E f(z)^2 is 0 or not
/// finite.
double gain(const Unary& activation);
/// The same for a leaky ReLU whose slope a for x < 0 may be random, from E a^2: sqrt(2 / (1 + E a^2)). For PReLU E a^2
/// is start^2. For RReLU in training it is (l^2 + l u + u^2) / 3 with slopes uniform in [l, u], and 1 / (l u) with
/// divisors uniform in [l, u]. Throws Error unless E a^2 is finite and at least 0.
double leaky_gain(double mean_square_slope);
/// E f(z)^2 for z ~ N(0, 1), by the midpoint rule between the kinks of f, where it must be smooth. The error is about
/// 1e-9. The inverse of its root is the gain of a function of your own.
double normal_mean_square(const std::function<double(double)>& f, std::vector<double> kinks = {});

}  // namespace ramp::init

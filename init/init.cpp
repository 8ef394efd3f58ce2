#include "ramp/init/init.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "ramp/core/array_ops.h"

namespace ramp::init {
namespace {

void check_gain(const char* op, double gain) {
  if (!(gain > 0) || std::isinf(gain)) fail(op, "gain must be positive and finite, got ", gain);
}

void check_fans(const char* op, Fans fans) {
  if (fans.in < 1 || fans.out < 1) fail(op, "fans must be at least 1, got ", fans.in, " and ", fans.out);
}

double sum(Fans fans) { return static_cast<double>(fans.in) + static_cast<double>(fans.out); }

double fan(FanMode mode, Fans fans) {
  switch (mode) {
    case FanMode::in: return static_cast<double>(fans.in);
    case FanMode::out: return static_cast<double>(fans.out);
    default: return sum(fans) / 2;
  }
}

Tensor normal(const Shape& shape, double deviation, TensorOptions options, Generator& generator) {
  const Tensor standard = randn(shape, {.dtype = options.dtype, .device = options.device}, generator);
  return Tensor(standard.array() * deviation, options.requires_grad);
}

/// E f(z)^2 for z ~ N(0, 1) by the midpoint rule between the kinks, where a smooth integrand leaves an error of about
/// 1e-9. Beyond +-16 lies e^-128 of the mass.
template <class F>
double mean_square(const F& f) {
  constexpr double end = 16;
  constexpr int points = 1 << 17;
  std::vector<double> edges{-end, end};
  if constexpr (requires { f.kinks(); })
    for (double kink : f.kinks())
      if (std::abs(kink) < end) edges.push_back(kink);
  std::sort(edges.begin(), edges.end());

  double total = 0;
  for (size_t i = 0; i + 1 < edges.size(); ++i) {
    const double step = (edges[i + 1] - edges[i]) / points;
    double part = 0;
    for (int k = 0; k < points; ++k) {
      const double z = edges[i] + (k + 0.5) * step, y = f(z);
      part += y * y * std::exp(-z * z / 2);
    }
    total += part * step;
  }
  return total / std::sqrt(2 * std::numbers::pi);
}

}  // namespace

Initializer glorot_uniform(double gain) {
  check_gain("glorot_uniform", gain);
  return [gain](const Shape& shape, Fans fans, TensorOptions options, Generator& generator) {
    check_fans("glorot_uniform", fans);
    const double bound = gain * std::sqrt(6 / sum(fans));
    return uniform(shape, -bound, bound, options, generator);
  };
}

Initializer glorot_normal(double gain) {
  check_gain("glorot_normal", gain);
  return [gain](const Shape& shape, Fans fans, TensorOptions options, Generator& generator) {
    check_fans("glorot_normal", fans);
    return normal(shape, gain * std::sqrt(2 / sum(fans)), options, generator);
  };
}

Initializer he_uniform(HeOptions he) {
  check_gain("he_uniform", he.gain);
  return [he](const Shape& shape, Fans fans, TensorOptions options, Generator& generator) {
    check_fans("he_uniform", fans);
    const double bound = he.gain * std::sqrt(3 / fan(he.fan, fans));
    return uniform(shape, -bound, bound, options, generator);
  };
}

Initializer he_normal(HeOptions he) {
  check_gain("he_normal", he.gain);
  return [he](const Shape& shape, Fans fans, TensorOptions options, Generator& generator) {
    check_fans("he_normal", fans);
    return normal(shape, he.gain / std::sqrt(fan(he.fan, fans)), options, generator);
  };
}

Initializer constant(double value) {
  return [value](const Shape& shape, Fans fans, TensorOptions options, Generator&) {
    check_fans("constant", fans);
    return full(shape, value, options);
  };
}

double gain(const Unary& activation) {
  return std::visit(
      [&]<class F>(const F& f) -> double {
        if constexpr (std::is_same_v<F, formula::ReLU>) return std::numbers::sqrt2;
        else if constexpr (std::is_same_v<F, formula::LeakyReLU>) return std::sqrt(2 / (1 + f.alpha * f.alpha));
        else if constexpr (std::is_same_v<F, formula::Sigmoid>) return 1;
        else if constexpr (std::is_same_v<F, formula::Tanh>) return 5.0 / 3;
        else {
          const double square = mean_square(f);
          if (!(square > 0) || std::isinf(square))
            fail("gain", "expected a function with a positive, finite mean square over N(0, 1), got ",
                 name(activation));
          return 1 / std::sqrt(square);
        }
      },
      activation);
}

}  // namespace ramp::init

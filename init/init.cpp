#include "ramp/init/init.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "ramp/core/autograd/ops.h"
#include "ramp/core/cpu/parallel.h"

namespace ramp::init {
namespace {

void check_gain(const char* op, double gain) {
  if (!(gain > 0) || std::isinf(gain)) fail(op, "gain must be positive and finite, got ", gain);
}

void check_fans(const char* op, Fans fans) {
  if (fans.in < 1 || fans.out < 1) fail(op, "fans must be at least 1, got ", fans.in, " and ", fans.out);
}

void check_moments(const char* op, double mean, double deviation) {
  if (!std::isfinite(mean) || !(deviation >= 0) || std::isinf(deviation))
    fail(op, "mean and deviation must be finite, and deviation at least 0, got ", mean, " and ", deviation);
}

/// Converts float64 numbers on the CPU to the requested dtype and device.
Tensor deliver(const Array& values, TensorOptions options) {
  return Tensor(ramp::to(ramp::to(values, options.dtype), options.device), options.requires_grad);
}

double dot(const double* a, const double* b, int64_t n) {
  double lanes[8] = {};  // independent sums, so that the compiler can vectorize the loop
  int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (int lane = 0; lane < 8; ++lane) lanes[lane] += a[i + lane] * b[i + lane];
  double total = 0;
  for (; i < n; ++i) total += a[i] * b[i];
  for (const double lane : lanes) total += lane;
  return total;
}

/// Makes the rows of a [rows, n], rows <= n, orthonormal by modified Gram-Schmidt. The error is about 1e-16 times the
/// condition number, which exceeds 1e9 n for a Gaussian matrix with a probability of about 1e-9 (Edelman 1988). The
/// triangular factor that is divided out has a positive diagonal, so Gaussian rows give a uniformly distributed result
/// (Mezzadri 2007).
void orthonormalize(double* a, int64_t rows, int64_t n) {
  for (int64_t i = 0; i < rows; ++i) {
    double* row = a + i * n;
    const double length = std::sqrt(dot(row, row, n));
    for (int64_t k = 0; k < n; ++k) row[k] /= length;
    parallel_for(rows - i - 1, std::max<int64_t>(1, (1 << 17) / n), [=](int64_t begin, int64_t end) {
      for (int64_t j = begin; j < end; ++j) {
        double* other = row + (j + 1) * n;
        const double overlap = dot(row, other, n);
        for (int64_t k = 0; k < n; ++k) other[k] -= overlap * row[k];
      }
    });
  }
}

/// The z >= 0 above which N(0, 1) has mass q, 0 < q <= 1/2. Newton's method from 0 approaches z from below and never
/// overshoots, because the tail is convex; after a step below 1e-8 the error is about its square.
double upper_quantile(double q) {
  double z = 0;
  for (double step = 1; step > 1e-8;) {
    step = (math::normal_cdf(-z) - q) / math::normal_pdf(z);
    z += step;
  }
  return z;
}

using Fan = double (*)(Fans);

double fan_in(Fans fans) { return static_cast<double>(fans.in); }
double fan_out(Fans fans) { return static_cast<double>(fans.out); }
double mean_fan(Fans fans) { return (fan_in(fans) + fan_out(fans)) / 2; }
Fan fan_of(FanMode mode) { return mode == FanMode::in ? fan_in : fan_out; }

/// Uniform with mean 0 and standard deviation gain / sqrt(fan).
Initializer scaled_uniform(const char* op, double gain, Fan fan) {
  check_gain(op, gain);
  return [=](const Shape& shape, Fans fans, TensorOptions options, Generator& generator) {
    check_fans(op, fans);
    const double bound = gain * std::sqrt(3 / fan(fans));
    return ramp::uniform(shape, -bound, bound, options, generator);
  };
}

/// Normal with mean 0 and standard deviation gain / sqrt(fan).
Initializer scaled_normal(const char* op, double gain, Fan fan) {
  check_gain(op, gain);
  return [=](const Shape& shape, Fans fans, TensorOptions options, Generator& generator) {
    check_fans(op, fans);
    const Tensor standard = randn(shape, {.dtype = options.dtype, .device = options.device}, generator);
    return Tensor(standard.array() * (gain / std::sqrt(fan(fans))), options.requires_grad);
  };
}

}  // namespace

Initializer glorot_uniform(double gain) { return scaled_uniform("glorot_uniform", gain, mean_fan); }
Initializer glorot_normal(double gain) { return scaled_normal("glorot_normal", gain, mean_fan); }
Initializer he_uniform(HeOptions he) { return scaled_uniform("he_uniform", he.gain, fan_of(he.fan)); }
Initializer he_normal(HeOptions he) { return scaled_normal("he_normal", he.gain, fan_of(he.fan)); }
Initializer lecun_uniform(double gain) { return scaled_uniform("lecun_uniform", gain, fan_in); }
Initializer lecun_normal(double gain) { return scaled_normal("lecun_normal", gain, fan_in); }

Initializer orthogonal(double gain) {
  check_gain("orthogonal", gain);
  return [gain](const Shape& shape, Fans fans, TensorOptions options, Generator& generator) {
    check_fans("orthogonal", fans);
    if (!is_floating(options.dtype)) fail("orthogonal", "expected float32 or float64, got ", options.dtype);
    if (shape.rank() < 2 || shape.numel() == 0) fail("orthogonal", "expected a matrix [r, ...], got ", shape);
    const int64_t rows = shape[0], columns = shape.numel() / rows, fewer = std::min(rows, columns);
    Array q = to_host("orthogonal", randn({fewer, std::max(rows, columns)}, {.dtype = float64}, generator).array());
    orthonormalize(q.data<double>(), fewer, q.shape()[1]);
    if (rows > columns) q = transpose(q);
    return deliver((q * gain).view(shape), options);
  };
}

Initializer uniform(double low, double high) {
  if (!(low <= high) || !std::isfinite(high - low))
    fail("uniform", "expected low <= high, with low, high and high - low finite, got ", low, " and ", high);
  return [=](const Shape& shape, Fans fans, TensorOptions options, Generator& generator) {
    check_fans("uniform", fans);
    return ramp::uniform(shape, low, high, options, generator);
  };
}

Initializer normal(NormalOptions law) {
  check_moments("normal", law.mean, law.deviation);
  return [law](const Shape& shape, Fans fans, TensorOptions options, Generator& generator) {
    check_fans("normal", fans);
    const Tensor z = randn(shape, {.dtype = options.dtype, .device = options.device}, generator);
    return Tensor((z * law.deviation + law.mean).array(), options.requires_grad);
  };
}

Initializer truncated_normal(TruncatedNormalOptions law) {
  check_moments("truncated_normal", law.mean, law.deviation);
  if (!(law.cut > 0 && law.cut <= 8)) fail("truncated_normal", "cut must lie in (0, 8], got ", law.cut);
  return [law](const Shape& shape, Fans fans, TensorOptions options, Generator& generator) {
    check_fans("truncated_normal", fans);
    if (!is_floating(options.dtype)) fail("truncated_normal", "expected float32 or float64, got ", options.dtype);
    // Inverse transform sampling: the normal quantile function of numbers uniform between Phi(-cut) and Phi(cut).
    const Array values = to_host("truncated_normal", ramp::uniform(shape, 0, 1, {.dtype = float64}, generator).array());
    const double below = math::normal_cdf(-law.cut);
    double* x = values.data<double>();
    parallel_for(values.numel(), 1024, [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const double p = below + x[i] * (1 - 2 * below);
        x[i] = law.mean + law.deviation * (p <= 0.5 ? -upper_quantile(p) : upper_quantile(1 - p));
      }
    });
    return deliver(values, options);
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
        else if constexpr (std::is_same_v<F, formula::LeakyReLU>) return leaky_gain(f.alpha * f.alpha);
        else if constexpr (std::is_same_v<F, formula::Sigmoid>) return 1;
        else if constexpr (std::is_same_v<F, formula::Tanh>) return 5.0 / 3;
        else {
          std::vector<double> kinks;
          if constexpr (requires { f.kinks(); })
            for (const double kink : f.kinks()) kinks.push_back(kink);
          const double square = normal_mean_square(f, kinks);
          if (!(square > 0) || std::isinf(square))
            fail("gain", "expected a function with a positive, finite mean square over N(0, 1), got ",
                 name(activation));
          return 1 / std::sqrt(square);
        }
      },
      activation);
}

double leaky_gain(double mean_square_slope) {
  if (!(mean_square_slope >= 0) || std::isinf(mean_square_slope))
    fail("leaky_gain", "the slope's mean square must be finite and at least 0, got ", mean_square_slope);
  return std::sqrt(2 / (1 + mean_square_slope));
}

double normal_mean_square(const std::function<double(double)>& f, std::vector<double> kinks) {
  constexpr double end = 16;  // 1e-57 of the mass lies beyond
  constexpr int points = 1 << 17;
  std::erase_if(kinks, [](double kink) { return !(std::abs(kink) < end); });
  kinks.insert(kinks.end(), {-end, end});
  std::sort(kinks.begin(), kinks.end());
  double total = 0;
  for (size_t i = 0; i + 1 < kinks.size(); ++i) {
    const double step = (kinks[i + 1] - kinks[i]) / points;
    double part = 0;
    for (int k = 0; k < points; ++k) {
      const double z = kinks[i] + (k + 0.5) * step, y = f(z);
      part += y * y * math::normal_pdf(z);
    }
    total += part * step;
  }
  return total;
}

}  // namespace ramp::init

// Initialisers against their papers' numbers. Statistical bars are 4 standard errors at fixed seeds.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "error_of.h"
#include "ramp/core/autograd/ops.h"
#include "ramp/core/backend/threads.h"
#include "ramp/init/init.h"

namespace ramp::init {
namespace {

std::vector<double> draw(const Initializer& initializer, int64_t in, int64_t out, uint64_t seed = 1,
                         DType dtype = float64) {
  Generator generator(seed);
  return initializer({out, in}, {in, out}, {.dtype = dtype}, generator).to(float64).to_vector<double>();
}

/// E (x - 0)^power over the sample.
double moment(const std::vector<double>& sample, int power) {
  double total = 0;
  for (const double x : sample) total += std::pow(x, power);
  return total / static_cast<double>(sample.size());
}

/// The largest distance of the sample's distribution function from `cdf`, times sqrt(n): above 2.2252 with probability
/// 1e-4 (Kolmogorov's limit 2 exp(-2 t^2)).
double kolmogorov_smirnov(std::vector<double> sample, const std::function<double(double)>& cdf) {
  std::sort(sample.begin(), sample.end());
  const auto n = static_cast<double>(sample.size());
  double distance = 0;
  for (size_t i = 0; i < sample.size(); ++i) {
    const double expected = cdf(sample[i]), below = static_cast<double>(i) / n;
    distance = std::max({distance, expected - below, below + 1 / n - expected});
  }
  return distance * std::sqrt(n);
}

void expect_uniform(const Initializer& initializer, int64_t in, int64_t out, double bound, DType dtype = float64) {
  const std::vector<double> w = draw(initializer, in, out, 1, dtype);
  const auto n = static_cast<double>(w.size());
  const double deviation = bound / std::sqrt(3.0);
  EXPECT_NEAR(moment(w, 1), 0, 4 * deviation / std::sqrt(n));
  EXPECT_NEAR(moment(w, 2) / (deviation * deviation), 1, 4 * std::sqrt(0.8 / n));
  // Var x^4 of a uniform x in units of its deviation: 9 - 1.8^2.
  EXPECT_NEAR(moment(w, 4) / std::pow(deviation, 4), 1.8, 4 * std::sqrt((9 - 3.24) / n));
  const auto [low, high] = std::minmax_element(w.begin(), w.end());
  EXPECT_GE(*low, -bound);
  EXPECT_LE(*high, bound);
  EXPECT_GT(*high, bound * (1 - 20 / n));  // missed with probability e^-10
  EXPECT_LT(*low, -bound * (1 - 20 / n));
  EXPECT_LT(kolmogorov_smirnov(w, [&](double x) { return (x + bound) / (2 * bound); }), 2.2252);
}

void expect_normal(const Initializer& initializer, int64_t in, int64_t out, double deviation, DType dtype = float64) {
  const std::vector<double> w = draw(initializer, in, out, 1, dtype);
  const auto n = static_cast<double>(w.size());
  EXPECT_NEAR(moment(w, 1), 0, 4 * deviation / std::sqrt(n));
  EXPECT_NEAR(moment(w, 2) / (deviation * deviation), 1, 4 * std::sqrt(2 / n));
  EXPECT_NEAR(moment(w, 4) / std::pow(deviation, 4), 3, 4 * std::sqrt((105 - 9) / n));  // Var x^4 = 105 - 3^2
  EXPECT_LT(kolmogorov_smirnov(w, [&](double x) { return std::erfc(-x / deviation / std::numbers::sqrt2) / 2; }),
            2.2252);
}

struct Layout {
  int64_t in, out;
  double glorot_bound, glorot_deviation, he_bound, he_deviation;
};
constexpr Layout layouts[] = {{784, 512, 0.068041382, 0.039283710, 0.087481777, 0.050507627},
                              {512, 512, 0.076546554, 0.044194174, 0.108253175, 0.0625},
                              {128, 128, 0.153093109, 0.088388348, 0.216506351, 0.125}};

/// The scale of two draws with the same seed, as a ratio that has no sampling error.
double ratio(const Initializer& a, const Initializer& b, int64_t in, int64_t out) {
  return draw(a, in, out)[7] / draw(b, in, out)[7];
}

TEST(Init, HasThePapersDistributions) {
  for (const Layout& layout : layouts)
    for (const DType dtype : {float32, float64}) {
      const auto [in, out, glorot_bound, glorot_deviation, he_bound, he_deviation] = layout;
      SCOPED_TRACE(std::to_string(in) + " -> " + std::to_string(out) + ' ' + name(dtype));
      const double rounding = dtype == float32 ? 1e-7 : 1e-8;
      expect_uniform(glorot_uniform(), in, out, glorot_bound * (1 + rounding), dtype);
      expect_normal(glorot_normal(), in, out, glorot_deviation, dtype);
      expect_uniform(he_uniform(), in, out, he_bound * (1 + rounding), dtype);
      expect_normal(he_normal(), in, out, he_deviation, dtype);
    }
}

TEST(Init, HasThePapersScales) {
  for (const auto& [in, out, glorot_bound, glorot_deviation, he_bound, he_deviation] : layouts) {
    EXPECT_NEAR(ratio(glorot_uniform(), uniform(-1, 1), in, out), glorot_bound, 1e-6 * glorot_bound);
    EXPECT_NEAR(ratio(glorot_normal(), normal(), in, out), glorot_deviation, 1e-6 * glorot_deviation);
    EXPECT_NEAR(ratio(he_uniform(), uniform(-1, 1), in, out), he_bound, 1e-6 * he_bound);
    EXPECT_NEAR(ratio(he_normal(), normal(), in, out), he_deviation, 1e-6 * he_deviation);
  }
}

TEST(Init, ScalesWithGainAndFan) {
  const int64_t in = 300, out = 100;
  EXPECT_NEAR(ratio(glorot_uniform(3), glorot_uniform(), in, out), 3, 1e-12);
  EXPECT_NEAR(ratio(glorot_normal(3), glorot_normal(), in, out), 3, 1e-12);
  EXPECT_NEAR(ratio(he_uniform({.gain = 1}), he_uniform(), in, out), std::sqrt(0.5), 1e-12);
  EXPECT_NEAR(ratio(he_normal({.gain = 1}), he_normal(), in, out), std::sqrt(0.5), 1e-12);
  EXPECT_NEAR(ratio(he_normal({.fan = FanMode::out}), he_normal(), in, out), std::sqrt(3.0), 1e-12);
  EXPECT_NEAR(ratio(he_uniform({.fan = FanMode::out}), he_uniform(), in, out), std::sqrt(3.0), 1e-12);
}

TEST(Init, IsAFunctionOfTheSeed) {
  for (const Initializer& initializer : {glorot_uniform(), glorot_normal(), he_uniform(), he_normal(), lecun_uniform(),
                                         lecun_normal(), orthogonal(), uniform(0, 1), normal(), truncated_normal()}) {
    EXPECT_EQ(draw(initializer, 30, 20, 5), draw(initializer, 30, 20, 5));
    EXPECT_NE(draw(initializer, 30, 20, 5), draw(initializer, 30, 20, 6));
    Generator generator(5);
    const Tensor first = initializer({20, 30}, {30, 20}, {}, generator),
                 second = initializer({20, 30}, {30, 20}, {}, generator);
    EXPECT_EQ(first.dtype(), float32);
    EXPECT_NE(first.to_vector<float>(), second.to_vector<float>());
  }
}

TEST(Init, MakesLeavesThatWantAGradientWhenAsked) {
  Generator generator;
  for (const Initializer& initializer :
       {glorot_uniform(), glorot_normal(), he_uniform(), he_normal(), constant(2), lecun_uniform(), lecun_normal(),
        orthogonal(), uniform(0, 1), normal(), truncated_normal()}) {
    const Tensor plain = initializer({2, 3}, {3, 2}, {}, generator);
    const Tensor leaf = initializer({2, 3}, {3, 2}, {.requires_grad = true}, generator);
    EXPECT_FALSE(plain.requires_grad());
    EXPECT_TRUE(leaf.requires_grad() && leaf.is_leaf());
    EXPECT_EQ(leaf.shape(), (Shape{2, 3}));
  }
}

TEST(Init, LeCunKeepsTheVarianceOfItsInputs) {
  expect_uniform(lecun_uniform(), 784, 512, std::sqrt(3.0 / 784));
  expect_normal(lecun_normal(), 784, 512, std::sqrt(1.0 / 784));
  EXPECT_NEAR(ratio(lecun_uniform(), he_uniform({.gain = 1}), 300, 100), 1, 1e-12);
  EXPECT_NEAR(ratio(lecun_normal(3), he_normal({.gain = 3}), 300, 100), 1, 1e-12);
}

TEST(Init, UniformAndNormalTakeNoNoticeOfFans) {
  expect_uniform(uniform(-0.3, 0.3), 400, 300, 0.3);
  expect_normal(normal({.deviation = 0.02}), 400, 300, 0.02);
  const std::vector<double> shifted = draw(normal({.mean = 5, .deviation = 0.5}), 400, 300);
  EXPECT_NEAR(moment(shifted, 1), 5, 4 * 0.5 / std::sqrt(120000.0));
  const std::vector<double> one_sided = draw(uniform(2, 3), 400, 300);
  EXPECT_NEAR(moment(one_sided, 1), 2.5, 4 * std::sqrt(1.0 / 12 / 120000));
  EXPECT_EQ(draw(normal({.mean = 3, .deviation = 0}), 2, 2), std::vector<double>(4, 3));
}

/// The standard normal law's distribution function.
double phi(double z) { return std::erfc(-z / std::numbers::sqrt2) / 2; }

TEST(Init, TruncatesNormals) {
  for (const double cut : {0.01, 1.0, 2.0, 4.0}) {
    SCOPED_TRACE(cut);
    const double mean = 0.7, deviation = 0.3;
    std::vector<double> w = draw(truncated_normal({.mean = mean, .deviation = deviation, .cut = cut}), 500, 400);
    for (double& x : w) x = (x - mean) / deviation;
    const auto n = static_cast<double>(w.size());
    // Moments of the cut law by parts: with r = 2 c phi(c) / mass, E z^2 = 1 - r and E z^4 = 3 - (3 + c^2) r.
    const double mass = 1 - 2 * phi(-cut);
    const double r = 2 * cut * std::exp(-cut * cut / 2) / std::sqrt(2 * std::numbers::pi) / mass;
    const double square = cut == 0.01 ? 0.0001 / 3 : 1 - r;  // cancels for a narrow cut, which is nearly uniform
    const double fourth = cut == 0.01 ? 1e-8 / 5 : 3 - (3 + cut * cut) * r;
    if (cut == 2) {
      EXPECT_NEAR(square, 0.773741, 1e-6);
    }
    EXPECT_NEAR(moment(w, 1), 0, 4 * std::sqrt(square / n));
    EXPECT_NEAR(moment(w, 2), square, 4 * std::sqrt((fourth - square * square) / n));
    for (const double x : w) ASSERT_LE(std::abs(x), cut * (1 + 1e-12) + 1e-15);
    EXPECT_GT(*std::max_element(w.begin(), w.end()), cut < 3 ? cut * 0.99 : 3);
    EXPECT_LT(kolmogorov_smirnov(w, [&](double x) { return (phi(x) - phi(-cut)) / mass; }), 2.2252);
  }
}

/// The largest deviation of the matrix's rows (or columns, when they are fewer) from orthonormality.
double orthogonality_error(const Tensor& w) {
  const auto rows = w.size(0), columns = w.numel() / rows;
  const Tensor matrix = reshape(w, {rows, columns}).to(float64);
  const Tensor gram = rows <= columns ? matmul(matrix, transpose(matrix)) : matmul(transpose(matrix), matrix);
  const std::vector<double> g = gram.to_vector<double>();
  const auto n = static_cast<size_t>(gram.size(0));
  double error = 0;
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < n; ++j) error = std::max(error, std::abs(g[i * n + j] - (i == j)));
  return error;
}

TEST(Init, OrthogonalRowsOrColumns) {
  Generator generator(7);
  for (const Shape& shape :
       {Shape{1, 1}, Shape{1, 9}, Shape{9, 1}, Shape{128, 784}, Shape{300, 100}, Shape{200, 200}, Shape{8, 3, 3, 2}})
    for (const DType dtype : {float32, float64}) {
      const Tensor w = orthogonal()(shape, {1, 1}, {.dtype = dtype}, generator);
      EXPECT_EQ(w.shape(), shape);
      EXPECT_EQ(w.dtype(), dtype);
      EXPECT_LT(orthogonality_error(w), dtype == float32 ? 1e-5 : 1e-12) << shape;
      EXPECT_LT(orthogonality_error(orthogonal(3)(shape, {1, 1}, {.dtype = dtype}, generator) / 3), 1e-5) << shape;
    }
}

TEST(Init, OrthogonalMatricesAreUniform) {
  // Over the orthogonal group of dimension n an entry has mean 0, mean square 1 / n and mean fourth power 3 / (n (n +
  // 2)), the trace mean 0 and variance 1: signs that lean one way, as a QR without correction leaves them, show there.
  constexpr int64_t n = 3, draws = 20000;
  Generator generator(8);
  double corner = 0, corner_square = 0, trace = 0, trace_square = 0;
  for (int64_t i = 0; i < draws; ++i) {
    const auto w = orthogonal()({n, n}, {n, n}, {.dtype = float64}, generator).to_vector<double>();
    const double t = w[0] + w[4] + w[8];
    corner += w[0] / draws, corner_square += w[0] * w[0] / draws;
    trace += t / draws, trace_square += t * t / draws;
  }
  const double square = 1.0 / n, fourth = 3.0 / (n * (n + 2));
  EXPECT_NEAR(corner, 0, 4 * std::sqrt(square / draws));
  EXPECT_NEAR(corner_square, square, 4 * std::sqrt((fourth - square * square) / draws));
  EXPECT_NEAR(trace, 0, 4 / std::sqrt(draws));
  EXPECT_NEAR(trace_square, 1, 4 * std::sqrt(2.0 / draws));  // E trace^4 = 3 from n = 3 on
}

TEST(Init, DoesNotDependOnTheNumberOfThreads) {
  const int threads = num_threads();
  for (const Initializer& initializer : {orthogonal(), truncated_normal(), he_uniform(), he_normal()}) {
    set_num_threads(1);
    const std::vector<double> one = draw(initializer, 150, 200);
    set_num_threads(3);
    EXPECT_EQ(draw(initializer, 150, 200), one);
  }
  set_num_threads(threads);
}

TEST(Init, FillsWithAConstant) { EXPECT_EQ(draw(constant(0.25), 3, 2), std::vector<double>(6, 0.25)); }

TEST(Init, RefusesBadFansAndGains) {
  Generator generator;
  EXPECT_EQ(error_of([&] { glorot_uniform()({2}, {0, 10}, {}, generator); }),
            "[glorot_uniform] fans must be at least 1, got 0 and 10");
  EXPECT_EQ(error_of([&] { glorot_normal()({2}, {10, -1}, {}, generator); }),
            "[glorot_normal] fans must be at least 1, got 10 and -1");
  EXPECT_EQ(error_of([&] { he_uniform()({2}, {0, 0}, {}, generator); }),
            "[he_uniform] fans must be at least 1, got 0 and 0");
  EXPECT_EQ(error_of([&] { he_normal()({2}, {0, 1}, {}, generator); }),
            "[he_normal] fans must be at least 1, got 0 and 1");
  EXPECT_EQ(error_of([&] { constant(1)({2}, {0, 1}, {}, generator); }),
            "[constant] fans must be at least 1, got 0 and 1");
  EXPECT_EQ(error_of([] { glorot_uniform(0); }), "[glorot_uniform] gain must be positive and finite, got 0");
  EXPECT_EQ(error_of([] { glorot_normal(-1); }), "[glorot_normal] gain must be positive and finite, got -1");
  EXPECT_EQ(error_of([] { he_uniform({.gain = std::nan("")}); }),
            "[he_uniform] gain must be positive and finite, got nan");
  EXPECT_EQ(error_of([] { he_normal({.gain = INFINITY}); }), "[he_normal] gain must be positive and finite, got inf");
  EXPECT_EQ(error_of([] { lecun_uniform(0); }), "[lecun_uniform] gain must be positive and finite, got 0");
  EXPECT_EQ(error_of([] { lecun_normal(-2); }), "[lecun_normal] gain must be positive and finite, got -2");
  EXPECT_EQ(error_of([] { orthogonal(0); }), "[orthogonal] gain must be positive and finite, got 0");
  EXPECT_EQ(error_of([] { uniform(1, 0); }),
            "[uniform] expected low <= high, with low, high and high - low finite, got 1 and 0");
  EXPECT_EQ(error_of([] { normal({.deviation = -1}); }),
            "[normal] mean and deviation must be finite, and deviation at least 0, got 0 and -1");
  EXPECT_EQ(error_of([] { truncated_normal({.mean = INFINITY}); }),
            "[truncated_normal] mean and deviation must be finite, and deviation at least 0, got inf and 1");
  EXPECT_EQ(error_of([] { truncated_normal({.cut = 0}); }), "[truncated_normal] cut must lie in (0, 8], got 0");
  EXPECT_EQ(error_of([] { truncated_normal({.cut = 9}); }), "[truncated_normal] cut must lie in (0, 8], got 9");
  for (const Initializer& initializer :
       {lecun_uniform(), lecun_normal(), orthogonal(), uniform(0, 1), normal(), truncated_normal()}) {
    EXPECT_NE(
        error_of([&] { initializer({2, 2}, {0, 2}, {}, generator); }).find("] fans must be at least 1, got 0 and 2"),
        std::string::npos);
    EXPECT_NE(error_of([&] { initializer({2, 2}, {2, 2}, {.dtype = int32}, generator); }), "no error");
  }
  EXPECT_EQ(error_of([&] { orthogonal()({4}, {1, 1}, {}, generator); }),
            "[orthogonal] expected a matrix [r, ...], got [4]");
  EXPECT_NE(error_of([&] { he_normal()({2}, {1, 1}, {.dtype = int32}, generator); }), "no error");
  EXPECT_NE(error_of([&] { he_uniform()({2}, {1, 1}, {.dtype = int32}, generator); }), "no error");
}

// ---- Gains ----

TEST(Gain, HasTheKnownValues) {
  EXPECT_DOUBLE_EQ(gain(formula::ReLU{}), std::numbers::sqrt2);
  EXPECT_NEAR(gain(formula::LeakyReLU{.alpha = 0.01}), 1.4141428570, 1e-10);
  EXPECT_NEAR(gain(formula::LeakyReLU{.alpha = 0.2}), 1.3867504906, 1e-10);
  EXPECT_EQ(gain(formula::Sigmoid{}), 1);
  EXPECT_DOUBLE_EQ(gain(formula::Tanh{}), 5.0 / 3);
}

TEST(Gain, IsKnownForSlopesThatAreLearnedOrDrawn) {
  EXPECT_NEAR(leaky_gain(0.25 * 0.25), 1.3719887, 1e-7);  // PReLU at its start
  const auto rrelu = [](double l, double u) { return leaky_gain((l * l + l * u + u * u) / 3); };
  EXPECT_NEAR(rrelu(1.0 / 8, 1.0 / 3), 1.3761, 1e-4);
  EXPECT_NEAR(rrelu(0.2, 0.2), gain(formula::LeakyReLU{.alpha = 0.2}), 1e-15);
  EXPECT_EQ(leaky_gain(0), gain(formula::ReLU{}));
  EXPECT_EQ(error_of([] { leaky_gain(-1); }),
            "[leaky_gain] the slope's mean square must be finite and at least 0, got -1");
  EXPECT_NE(error_of([] { leaky_gain(INFINITY); }), "no error");

  // RReLU simulated, slopes and divisors alike: E f(z)^2 gain^2 = 1 within 4 standard errors.
  constexpr int64_t n = 400000;
  Generator generator(5);
  const auto z = randn({n}, {.dtype = float64}, generator).to_vector<double>();
  const auto u = ramp::uniform({n}, 0, 1, {.dtype = float64}, generator).to_vector<double>();
  for (const bool divide : {false, true}) {
    const double l = divide ? 3 : 1.0 / 8, h = divide ? 8 : 1.0 / 3,
                 squared = divide ? 1 / (l * h) : (l * l + l * h + h * h) / 3;
    double mean = 0, square = 0;
    for (size_t i = 0; i < z.size(); ++i) {
      const double drawn = l + u[i] * (h - l), slope = z[i] >= 0 ? 1 : divide ? 1 / drawn : drawn;
      const double y = std::pow(slope * z[i] * leaky_gain(squared), 2);
      mean += y / n, square += y * y / n;
    }
    EXPECT_NEAR(mean, 1, 4 * std::sqrt((square - mean * mean) / n));
  }
}

TEST(Gain, HasTheTabledValuesOfSmoothActivations) {
  EXPECT_NEAR(gain(formula::ELU{}), 1.245198, 1e-6);
  EXPECT_NEAR(gain(formula::SELU{}), 1, 1e-8);
  EXPECT_NEAR(gain(formula::GELU{}), 1.533530, 1e-6);
}

TEST(Gain, ExistsForEveryActivation) {
#define RAMP_EXPECT_GAIN(Struct, function) EXPECT_GT(gain(formula::Struct{}), 0.5) << #Struct;
  RAMP_ACTIVATIONS(RAMP_EXPECT_GAIN);
#undef RAMP_EXPECT_GAIN
}

TEST(Gain, IntegratesFormulasWithoutAKnownValue) {
  EXPECT_NEAR(gain(formula::Neg{}), 1, 1e-8);
  EXPECT_NEAR(gain(formula::Abs{}), 1, 1e-8);
  EXPECT_NEAR(gain(formula::Square{}), 1 / std::sqrt(3.0), 1e-8);
  EXPECT_NEAR(gain(formula::Exp{}), 1 / std::numbers::e, 1e-8);
  EXPECT_NEAR(gain(formula::Pow{3}), 1 / std::sqrt(15.0), 1e-8);
  EXPECT_NEAR(gain(formula::Clamp{0, 100}), std::numbers::sqrt2, 1e-8);  // ReLU in other words
  // E clamp(z, -1, 1)^2 = 1 - 2 phi(1).
  EXPECT_NEAR(gain(formula::Clamp{-1, 1}), 1 / std::sqrt(1 - 2 * std::exp(-0.5) / std::sqrt(2 * std::numbers::pi)),
              1e-8);
}

TEST(Gain, KeepsTheMeanSquareLevel) {
  // f(z) / gain for z ~ N(0, 1), simulated: E f(z)^2 gain^2 = 1 within 4 standard errors.
  Generator generator(3);
  const auto z = randn({400000}, {.dtype = float64}, generator).to_vector<double>();
  const formula::LeakyReLU leaky{.alpha = 0.2};
  double mean = 0, square = 0;
  for (const double value : z) {
    const double y = std::pow(leaky(value) * gain(leaky), 2);
    mean += y / static_cast<double>(z.size());
    square += y * y / static_cast<double>(z.size());
  }
  EXPECT_NEAR(mean, 1, 4 * std::sqrt((square - mean * mean) / static_cast<double>(z.size())));
}

TEST(Gain, RefusesFunctionsWithoutAMeanSquare) {
  EXPECT_EQ(error_of([] { gain(formula::Log{}); }),
            "[gain] expected a function with a positive, finite mean square over N(0, 1), got log");
  EXPECT_EQ(error_of([] { gain(formula::Clamp{0, 0}); }),
            "[gain] expected a function with a positive, finite mean square over N(0, 1), got clamp");
}

}  // namespace
}  // namespace ramp::init

// Initialisers against their papers' numbers. Statistical bars are 4 standard errors at fixed seeds.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "error_of.h"
#include "ramp/init/init.h"

namespace ramp::init {
namespace {

std::vector<double> draw(const Initializer& initializer, int64_t in, int64_t out, uint64_t seed = 1) {
  Generator generator(seed);
  return initializer({out, in}, {in, out}, {.dtype = float64}, generator).to_vector<double>();
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

void expect_uniform(const Initializer& initializer, int64_t in, int64_t out, double bound) {
  const std::vector<double> w = draw(initializer, in, out);
  const auto n = static_cast<double>(w.size());
  const double deviation = bound / std::sqrt(3.0);
  EXPECT_NEAR(moment(w, 1), 0, 4 * deviation / std::sqrt(n));
  EXPECT_NEAR(moment(w, 2) / (deviation * deviation), 1, 4 * std::sqrt(0.8 / n));
  // Var x^4 of a uniform x in units of its deviation: 9 - 1.8^2.
  EXPECT_NEAR(moment(w, 4) / std::pow(deviation, 4), 1.8, 4 * std::sqrt((9 - 3.24) / n));
  const auto [low, high] = std::minmax_element(w.begin(), w.end());
  EXPECT_GE(*low, -bound);
  EXPECT_LT(*high, bound);
  EXPECT_GT(*high, bound * (1 - 20 / n));  // missed with probability e^-10
  EXPECT_LT(*low, -bound * (1 - 20 / n));
  EXPECT_LT(kolmogorov_smirnov(w, [&](double x) { return (x + bound) / (2 * bound); }), 2.2252);
}

void expect_normal(const Initializer& initializer, int64_t in, int64_t out, double deviation) {
  const std::vector<double> w = draw(initializer, in, out);
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

TEST(Init, HasThePapersDistributions) {
  for (const Layout& layout : layouts) {
    SCOPED_TRACE(std::to_string(layout.in) + " -> " + std::to_string(layout.out));
    expect_uniform(glorot_uniform(), layout.in, layout.out, layout.glorot_bound * (1 + 1e-8));
    expect_normal(glorot_normal(), layout.in, layout.out, layout.glorot_deviation);
    expect_uniform(he_uniform(), layout.in, layout.out, layout.he_bound * (1 + 1e-8));
    expect_normal(he_normal(), layout.in, layout.out, layout.he_deviation);
  }
}

/// The scale of two draws with the same seed, as a ratio that has no sampling error.
double ratio(const Initializer& a, const Initializer& b, int64_t in, int64_t out) {
  return draw(a, in, out)[7] / draw(b, in, out)[7];
}

TEST(Init, ScalesWithGainAndFan) {
  const int64_t in = 300, out = 100;
  EXPECT_NEAR(ratio(glorot_uniform(3), glorot_uniform(), in, out), 3, 1e-12);
  EXPECT_NEAR(ratio(glorot_normal(3), glorot_normal(), in, out), 3, 1e-12);
  EXPECT_NEAR(ratio(he_uniform({.gain = 1}), he_uniform(), in, out), std::sqrt(0.5), 1e-12);
  EXPECT_NEAR(ratio(he_normal({.gain = 1}), he_normal(), in, out), std::sqrt(0.5), 1e-12);
  EXPECT_NEAR(ratio(he_normal({.fan = FanMode::out}), he_normal(), in, out), std::sqrt(3.0), 1e-12);
  EXPECT_NEAR(ratio(he_uniform({.fan = FanMode::out}), he_uniform(), in, out), std::sqrt(3.0), 1e-12);
  EXPECT_NEAR(ratio(he_normal({.fan = FanMode::average}), he_normal(), in, out), std::sqrt(1.5), 1e-12);
  // He with gain 1 over the mean fan is Glorot.
  EXPECT_NEAR(ratio(he_uniform({.gain = 1, .fan = FanMode::average}), glorot_uniform(), in, out), 1, 1e-12);
  EXPECT_NEAR(ratio(he_normal({.gain = 1, .fan = FanMode::average}), glorot_normal(), in, out), 1, 1e-12);
}

TEST(Init, IsAFunctionOfTheSeed) {
  for (const Initializer& initializer : {glorot_uniform(), glorot_normal(), he_uniform(), he_normal()}) {
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
  for (const Initializer& initializer : {glorot_uniform(), glorot_normal(), he_uniform(), he_normal(), constant(2)}) {
    const Tensor plain = initializer({2, 3}, {3, 2}, {}, generator);
    const Tensor leaf = initializer({2, 3}, {3, 2}, {.requires_grad = true}, generator);
    EXPECT_FALSE(plain.requires_grad());
    EXPECT_TRUE(leaf.requires_grad() && leaf.is_leaf());
    EXPECT_EQ(leaf.shape(), (Shape{2, 3}));
  }
}

TEST(Init, FillsWithAConstant) { EXPECT_EQ(draw(constant(0.25), 3, 2), std::vector<double>(6, 0.25)); }

TEST(Init, RefusesBadFansAndGains) {
  Generator generator;
  EXPECT_EQ(error_of([&] {
              glorot_uniform()({2}, {0, 10}, {}, generator);
            }),
            "[glorot_uniform] fans must be at least 1, got 0 and 10");
  EXPECT_EQ(error_of([&] {
              glorot_normal()({2}, {10, -1}, {}, generator);
            }),
            "[glorot_normal] fans must be at least 1, got 10 and -1");
  EXPECT_EQ(error_of([&] {
              he_uniform()({2}, {0, 0}, {}, generator);
            }),
            "[he_uniform] fans must be at least 1, got 0 and 0");
  EXPECT_EQ(error_of([&] {
              he_normal()({2}, {0, 1}, {}, generator);
            }),
            "[he_normal] fans must be at least 1, got 0 and 1");
  EXPECT_EQ(error_of([&] {
              constant(1)({2}, {0, 1}, {}, generator);
            }),
            "[constant] fans must be at least 1, got 0 and 1");
  EXPECT_EQ(error_of([] { glorot_uniform(0); }), "[glorot_uniform] gain must be positive and finite, got 0");
  EXPECT_EQ(error_of([] { glorot_normal(-1); }), "[glorot_normal] gain must be positive and finite, got -1");
  EXPECT_EQ(error_of([] { he_uniform({.gain = std::nan("")}); }),
            "[he_uniform] gain must be positive and finite, got nan");
  EXPECT_EQ(error_of([] { he_normal({.gain = INFINITY}); }), "[he_normal] gain must be positive and finite, got inf");
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
  EXPECT_EQ(error_of([] {
              gain(formula::Clamp{0, 0});
            }),
            "[gain] expected a function with a positive, finite mean square over N(0, 1), got clamp");
}

}  // namespace
}  // namespace ramp::init

// PReLU, RReLU, CReLU, Maxout and AlphaDropout: gradients, moments, shapes and what they refuse.

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <numbers>
#include <sstream>

#include "error_of.h"
#include "ramp/core/autograd/create.h"
#include "ramp/core/autograd/gradcheck.h"
#include "ramp/core/backend/threads.h"
#include "ramp/layers/activations.h"
#include "ramp/layers/dense.h"
#include "ramp/layers/dropout.h"
#include "ramp/layers/maxout.h"
#include "ramp/layers/prelu.h"
#include "ramp/layers/rrelu.h"
#include "ramp/layers/sequential.h"
#include "ramp/optim/optimizers.h"

namespace ramp {
namespace {

TensorOptions variable() { return {.dtype = float64, .requires_grad = true}; }
using Floats = std::vector<float>;

struct Moments {
  double mean, variance;
};
Moments moments(const Tensor& x) {
  double sum = 0, square = 0;
  const Floats values = x.to_vector<float>();
  for (double v : values) sum += v;
  const double n = static_cast<double>(values.size()), mean = sum / n;
  for (double v : values) square += (v - mean) * (v - mean);
  return {mean, square / n};
}

// ---- PReLU ----

TEST(PReLU, HasOneSlopeOrOnePerChannel) {
  const Tensor x = tensor({{-2, 4}, {-1, -3}});
  PReLU shared;
  EXPECT_EQ(shared(x).to_vector<float>(), (Floats{-0.5, 4, -0.25, -0.75}));
  PReLU channels(2);
  channels.slope = tensor({0.5, -1});
  EXPECT_EQ(channels(x).to_vector<float>(), (Floats{-1, 4, -0.5, 3}));
  EXPECT_EQ(PReLU(3, {.start = 0.1}).slope.to_vector<float>(), (Floats{0.1f, 0.1f, 0.1f}));
  EXPECT_EQ(shared.describe(), "PReLU()");
  EXPECT_EQ(channels.describe(), "PReLU(2)");
}

TEST(PReLU, GradientsOfInputAndSlopesEqualTheJacobian) {
  Generator generator(1);
  const Tensor x = randn({6, 5}, variable(), generator);
  const auto f = [](const std::vector<Tensor>& in) { return prelu(in[0], in[1]); };
  const GradcheckOptions options{.kinks = {0}};
  gradcheck(f, {x, tensor({0.25}, variable())}, options);
  gradcheck(f, {x, uniform({5}, 0.1, 0.5, variable(), generator)}, options);
  gradcheck(f, {x, uniform({6, 5}, -1.5, -0.5, variable(), generator)}, options);
}

TEST(PReLU, GradientsThroughADenseLayerEqualTheJacobian) {
  Generator generator(7);
  const Tensor x = randn({6, 4}, variable(), generator), weight = randn({5, 4}, variable(), generator);
  const Tensor bias = randn({5}, variable(), generator);
  for (const int64_t slopes : {1, 5}) {
    const Tensor slope = uniform({slopes}, 0.1, 0.5, variable(), generator);
    gradcheck([&](const std::vector<Tensor>& in) { return prelu(dense(in[0], in[1], in[2]), in[3]); },
              {x, weight, bias, slope});
  }
}

TEST(PReLU, IsLeakyAtAFixedSlope) {
  Generator generator(2);
  const Tensor x = randn({1000}, {}, generator);
  EXPECT_EQ(prelu(x, tensor({0.2})).to_vector<float>(), leaky_relu(x, 0.2).to_vector<float>());
  EXPECT_EQ(prelu(x, tensor({0})).to_vector<float>(), relu(x).to_vector<float>());
  EXPECT_EQ(prelu(x, tensor({1})).to_vector<float>(), x.to_vector<float>());
}

/// The arrays of tests/oracles/prelu_torch.csv, by the case and their name.
std::map<std::string, std::map<std::string, std::vector<double>>> torchs() {
  std::ifstream in(RAMP_SOURCE_DIR "/tests/oracles/prelu_torch.csv");
  std::map<std::string, std::map<std::string, std::vector<double>>> cases;
  for (std::string of, name, numbers;
       std::getline(in, of, ',') && std::getline(in, name, ',') && std::getline(in, numbers);) {
    std::istringstream text(numbers);
    for (double number; text >> number;) cases[of][name].push_back(number);
  }
  return cases;
}

TEST(PReLU, AgreesWithPyTorch) {
  const auto cases = torchs();
  ASSERT_EQ(cases.size(), 3u);
  const auto expect_near = [](const Tensor& x, const std::vector<double>& expected, const std::string& what) {
    const std::vector<double> got = x.to_vector<double>();
    ASSERT_EQ(got.size(), expected.size()) << what;
    for (size_t i = 0; i < got.size(); ++i)
      EXPECT_NEAR(got[i], expected[i], 1e-12 * std::max(1.0, std::abs(expected[i]))) << what << " at " << i;
  };
  for (const auto& [name, arrays] : cases) {
    const Tensor x = from_vector(arrays.at("x"), {6, 3}).set_requires_grad();
    Tensor slope, y;
    if (name == "rrelu evaluation") {
      // PyTorch's slope at 0 is that of the left branch: here the mean one.
      RReLU layer({.slope_at_zero = (1.0 / 8 + 1.0 / 3) / 2});
      layer.eval();
      y = layer(x);
    } else {
      const std::vector<double>& start = arrays.at("slope");
      slope = from_vector(start, {static_cast<int64_t>(start.size())}).set_requires_grad();
      // And here each channel's own, which one number cannot be: the zeros of x lie in channels 0 and 1.
      y = prelu(x, slope, {.slope_at_zero = start[0]});
    }
    y.backward(from_vector(arrays.at("upstream"), {6, 3}));
    expect_near(y, arrays.at("y"), name);
    std::vector<double> expected = arrays.at("x gradient");
    if (slope.defined() && slope.numel() > 1) expected[4] *= arrays.at("slope")[0] / arrays.at("slope")[1];
    expect_near(x.grad(), expected, name + ", gradient");
    if (slope.defined()) expect_near(slope.grad(), arrays.at("slope gradient"), name + ", gradient of the slope");
  }
}

TEST(PReLU, TakesTheRightBranchAtZeroUnlessToldOtherwise) {
  for (const double at_zero : {1.0, 0.25, 0.0}) {
    const Tensor x = tensor({0, -0.0}, variable()), slope = tensor({0.25}, variable());
    const Tensor y = prelu(x, slope, {.slope_at_zero = at_zero});
    sum(y).backward();
    EXPECT_EQ(y.to_vector<double>(), (std::vector<double>{0, 0}));
    EXPECT_EQ(x.grad().to_vector<double>(), (std::vector<double>{at_zero, at_zero}));
    EXPECT_EQ(slope.grad().item(), 0);
  }
  PReLU layer(1, {.slope_at_zero = 0});
  const Tensor x = zeros({1, 1}, {.requires_grad = true});
  sum(layer(x)).backward();
  EXPECT_EQ(x.grad().item(), 0);
}

TEST(PReLU, PassesNaNOn) {
  const Tensor x = tensor({NAN, 1}, variable()), slope = tensor({0.25}, variable());
  const Tensor y = prelu(x, slope);
  sum(y).backward();
  EXPECT_TRUE(std::isnan(y.to_vector<double>()[0]) && std::isnan(x.grad().to_vector<double>()[0]));
  EXPECT_TRUE(std::isnan(slope.grad().item()));
  EXPECT_EQ(y.to_vector<double>()[1], 1);
}

TEST(PReLU, KeepsOutOfWeightDecay) {
  Sequential model{Dense(2, 2), PReLU(2)};
  const std::vector<Parameter> parameters = model.parameters();
  ASSERT_EQ(parameters.size(), 3u);
  EXPECT_EQ(parameters[2].name, "1.slope");
  EXPECT_FALSE(parameters[2].decay);
  const Floats weight = parameters[0].tensor.to_vector<float>();

  optim::SGD sgd(model.parameters(), {.learning_rate = 0.5, .weight_decay = 0.5});
  sum(model(zeros({1, 2})) * 0.0).backward();  // no gradient but the decay
  sgd.step();
  EXPECT_EQ(parameters[2].tensor.to_vector<float>(), (Floats{0.25, 0.25}));
  EXPECT_FLOAT_EQ(parameters[0].tensor.to_vector<float>()[0], 0.75f * weight[0]);
}

TEST(PReLU, RefusesWhatDoesNotFit) {
  EXPECT_EQ(error_of([] { PReLU(0); }), "[PReLU] channels must be at least 1, got 0");
  EXPECT_EQ(error_of([] { PReLU(1, {.start = NAN}); }), "[PReLU] start must be finite, got nan");
  PReLU layer(3);
  EXPECT_EQ(error_of([&] { layer(zeros({2, 4})); }), "[PReLU] expected input [n, 3], got [2, 4]");
}

// ---- RReLU ----

TEST(RReLU, SlopesFollowTheUniformLaw) {
  Generator generator(3);
  const int n = 1000000;
  const Tensor minus = full({n}, -1);
  const auto expect = [&](const RReLUOptions& options, double mean, double variance, double kurtosis) {
    const Tensor slopes = -rrelu(minus, options, generator);
    const Moments m = moments(slopes);
    EXPECT_NEAR(m.mean, mean, 4 * std::sqrt(variance / n));
    EXPECT_NEAR(m.variance, variance, 4 * variance * std::sqrt((kurtosis - 1) / n));
    EXPECT_GE(-max(-slopes).item(), options.draws == RReLUOptions::slope ? options.lower : 1 / options.upper - 1e-8);
    EXPECT_LE(max(slopes).item(), options.draws == RReLUOptions::slope ? options.upper : 1 / options.lower + 1e-7);
  };
  const double width = 1.0 / 3 - 1.0 / 8;
  expect({}, (1.0 / 3 + 1.0 / 8) / 2, width * width / 12, 1.8);
  expect({.lower = 0.5, .upper = 0.75}, 0.625, 0.0625 / 12, 1.8);
  // 1 / u for u in U(3, 8): E = ln(8/3) / 5, E^2 = 1/24, E^3 = (3^-2 - 8^-2) / 10, E^4 = (3^-3 - 8^-3) / 15.
  const double e = std::log(8.0 / 3) / 5, e2 = 1.0 / 24, e3 = (1.0 / 9 - 1.0 / 64) / 10,
               e4 = (1.0 / 27 - 1.0 / 512) / 15;
  const double variance = e2 - e * e, fourth = e4 - 4 * e * e3 + 6 * e * e * e2 - 3 * e * e * e * e;
  expect({.lower = 3, .upper = 8, .draws = RReLUOptions::divisor}, e, variance, fourth / (variance * variance));
}

TEST(RReLU, TakesTheMeanSlopeInEvaluation) {
  const Tensor x = tensor({{-2, 0, 3}});
  RReLU layer(0.1, 0.3);
  layer.eval();
  EXPECT_EQ(layer(x).to_vector<float>(), leaky_relu(x, 0.2).to_vector<float>());
  EXPECT_EQ(layer(x).to_vector<float>(), layer(x).to_vector<float>());
  RReLU divisor({.lower = 3, .upper = 8, .draws = RReLUOptions::divisor});
  divisor.eval();
  EXPECT_EQ(divisor(x).to_vector<float>(), leaky_relu(x, 1 / 5.5).to_vector<float>());
}

TEST(RReLU, BackwardUsesTheSlopesThatForwardDrew) {
  Generator generator(4);
  const Tensor x = randn({8, 7}, variable(), generator);
  for (const RReLUOptions& options : {RReLUOptions{}, {.lower = 3, .upper = 8, .draws = RReLUOptions::divisor}})
    gradcheck(
        [&](const std::vector<Tensor>& in) {
          Generator same(5);
          return rrelu(in[0], options, same);
        },
        {x}, {.kinks = {0}});
}

TEST(RReLU, SameSeedSameSlopesForAnyNumberOfThreads) {
  const Tensor minus = full({300000}, -1);
  const auto draw = [&](int threads, uint64_t seed) {
    const int before = num_threads();
    set_num_threads(threads);
    Generator generator(seed);
    RReLU layer({}, generator);
    const Floats slopes = layer(minus).to_vector<float>();
    set_num_threads(before);
    return slopes;
  };
  EXPECT_EQ(draw(1, 7), draw(2, 7));
  EXPECT_NE(draw(1, 7), draw(1, 8));
}

TEST(RReLU, IsLeakyWhenTheRangeIsAPoint) {
  Generator generator(6);
  const Tensor x = randn({1000}, {}, generator);
  EXPECT_EQ(rrelu(x, 0.25, 0.25, generator).to_vector<float>(), leaky_relu(x, 0.25).to_vector<float>());
}

TEST(RReLU, SaysAndRefuses) {
  EXPECT_EQ(RReLU().describe(), "RReLU(0.125, 0.333333)");
  EXPECT_EQ(RReLU({.lower = 3, .upper = 8, .draws = RReLUOptions::divisor}).describe(),
            "RReLU({.lower = 3, .upper = 8, .draws = divisor})");
  EXPECT_EQ(error_of([] { RReLU(0.5, 0.25); }),
            "[RReLU] slopes must satisfy 0 <= lower <= upper < 1, got 0.5 and 0.25");
  EXPECT_EQ(error_of([] { rrelu(ones({2}), 0.5, 2); }),
            "[rrelu] slopes must satisfy 0 <= lower <= upper < 1, got 0.5 and 2");
  EXPECT_EQ(error_of([] { RReLU({.lower = 0, .upper = 8, .draws = RReLUOptions::divisor}); }),
            "[RReLU] divisors must satisfy 1 < lower <= upper, got 0 and 8");
}

// ---- CReLU and Maxout ----

TEST(CReLU, DoublesTheWidth) {
  const Tensor x = tensor({{1, -2}, {0, 3}}, {.requires_grad = true});
  const Tensor y = CReLU()(x);
  EXPECT_EQ(y.shape(), (Shape{2, 4}));
  EXPECT_EQ(y.to_vector<float>(), (Floats{1, 0, 0, 2, 0, 3, 0, 0}));
  sum(y * tensor({1, 10, 100, 1000})).backward();
  EXPECT_EQ(x.grad().to_vector<float>(), (Floats{1, -1000, 1 - 100, 10}));  // at 0 both halves have slope 1

  Generator generator(8);
  gradcheck([](const std::vector<Tensor>& in) { return crelu(in[0]); }, {randn({4, 3}, variable(), generator)},
            {.kinks = {0}});
  EXPECT_EQ(error_of([] { crelu(scalar(1)); }), "[crelu] expected an axis to widen, got a scalar");
}

TEST(Maxout, TakesTheLargestOfNeighbours) {
  const Tensor x = tensor({{1, 5, 2, -3, -1, -2}}, {.requires_grad = true});
  const Tensor y = Maxout(3)(x);
  EXPECT_EQ(y.shape(), (Shape{1, 2}));
  EXPECT_EQ(y.to_vector<float>(), (Floats{5, -1}));
  sum(y * tensor({2, 3})).backward();
  EXPECT_EQ(x.grad().to_vector<float>(), (Floats{0, 2, 0, 0, 3, 0}));
  EXPECT_EQ(maxout(zeros({2, 4, 6}), 2).shape(), (Shape{2, 4, 3}));
  EXPECT_EQ(maxout(zeros({1, 1, 1, 1, 1, 1, 2, 6}), 2).shape(), (Shape{1, 1, 1, 1, 1, 1, 2, 3}));
  EXPECT_EQ(maxout(x, 1).to_vector<float>(), x.to_vector<float>());

  const Tensor tie = tensor({{4, 4}}, {.requires_grad = true});
  sum(maxout(tie, 2)).backward();
  EXPECT_EQ(tie.grad().to_vector<float>(), (Floats{1, 0}));

  Generator generator(9);
  gradcheck([](const std::vector<Tensor>& in) { return maxout(in[0], 4); }, {randn({3, 8}, variable(), generator)});
}

TEST(Maxout, HasTheGainOfTheLargestOfNormals) {
  EXPECT_NEAR(*Maxout(1).gain(), 1, 1e-12);
  EXPECT_NEAR(*Maxout(2).gain(), 1, 1e-12);
  // E max(z_1, z_2, z_3)^2 = 1 + sqrt(3) / (2 pi).
  EXPECT_NEAR(*Maxout(3).gain(), 1 / std::sqrt(1 + std::sqrt(3.0) / (2 * std::numbers::pi)), 1e-12);
  EXPECT_DOUBLE_EQ(*CReLU().gain(), std::numbers::sqrt2);
  // A million times the largest of 5, simulated: within 4 standard errors.
  Generator generator(6);
  const Tensor y = maxout(randn({1000000, 5}, variable(), generator), 5);
  const Tensor squares = y * y;
  const double mean_square = mean(squares).item(),
               variance = mean(squares * squares).item() - mean_square * mean_square;
  EXPECT_NEAR(mean_square * *Maxout(5).gain() * *Maxout(5).gain(), 1, 4 * std::sqrt(variance / 1e6) / mean_square);
}

TEST(Maxout, RefusesWhatDoesNotFit) {
  EXPECT_EQ(error_of([] { Maxout(0); }), "[Maxout] pieces must be at least 1, got 0");
  EXPECT_EQ(error_of([] { maxout(zeros({2, 5}), 2); }), "[maxout] expected a last axis divisible by 2, got [2, 5]");
  EXPECT_EQ(Maxout(4).describe(), "Maxout(4)");
}

// ---- AlphaDropout ----

TEST(AlphaDropout, KeepsMeanAndVariance) {
  Generator generator(10);
  const int n = 1000000;
  const Tensor x = randn({n}, {}, generator);
  for (const double p : {0.05, 0.5}) {
    const Moments m = moments(alpha_dropout(x, p, generator));
    // a x + b with probability 1 - p, else c; x is standard normal.
    const double s = -formula::SELU::lambda * formula::SELU::alpha;
    const double a = 1 / std::sqrt((1 - p) * (1 + p * s * s)), b = -a * p * s, c = a * s + b;
    const double fourth = (1 - p) * (b * b * b * b + 6 * b * b * a * a + 3 * a * a * a * a) + p * c * c * c * c;
    EXPECT_NEAR(m.mean, 0, 4 / std::sqrt(n)) << p;
    EXPECT_NEAR(m.variance, 1, 4 * std::sqrt((fourth - 1) / n)) << p;
  }
}

TEST(AlphaDropout, DropsToTheSaturationValue) {
  Generator generator(11);
  const double p = 0.5, s = -formula::SELU::lambda * formula::SELU::alpha;
  const double a = 1 / std::sqrt(0.5 * (1 + 0.5 * s * s)), b = -a * p * s;
  int dropped = 0;
  for (const float y : alpha_dropout(full({1000}, 2), p, generator).to_vector<float>()) {
    if (std::abs(y - (a * s + b)) < 1e-6) ++dropped;
    else EXPECT_NEAR(y, 2 * a + b, 1e-6);
  }
  EXPECT_NEAR(dropped, 500, 4 * std::sqrt(250));
}

TEST(AlphaDropout, LearnsInTrainingAndRestsInEvaluation) {
  Generator generator(12);
  const Tensor x = randn({5, 4}, variable(), generator);
  gradcheck(
      [](const std::vector<Tensor>& in) {
        Generator same(13);
        return alpha_dropout(in[0], 0.3, same);
      },
      {x});
  AlphaDropout layer(0.3);
  layer.eval();
  EXPECT_EQ(layer(x).to_vector<double>(), x.to_vector<double>());
  EXPECT_EQ(alpha_dropout(x, 0).to_vector<double>(), x.to_vector<double>());
  EXPECT_EQ(layer.describe(), "AlphaDropout(0.3)");
  EXPECT_EQ(error_of([] { AlphaDropout(1); }), "[AlphaDropout] p must lie in [0, 1), got 1");
}

// ---- The other activation layers ----

TEST(Activations, RefuseParametersOutsideTheirRange) {
  EXPECT_EQ(error_of([] { LeakyReLU(1.5); }), "[LeakyReLU] alpha must lie in [0, 1), got 1.5");
  EXPECT_EQ(error_of([] { LeakyReLU(-0.1); }), "[LeakyReLU] alpha must lie in [0, 1), got -0.1");
  EXPECT_EQ(error_of([] { ELU(-1); }), "[ELU] alpha must not be negative, got -1");
  EXPECT_EQ(error_of([] { CELU(0); }), "[CELU] alpha must be positive, got 0");
  EXPECT_EQ(error_of([] { Softplus(0); }), "[Softplus] beta must be positive, got 0");
  EXPECT_EQ(error_of([] { ClippedReLU(0); }), "[ClippedReLU] cap must be positive, got 0");
  EXPECT_EQ(error_of([] { ThresholdedReLU(-1); }), "[ThresholdedReLU] theta must not be negative, got -1");
  EXPECT_EQ(ELU(1.5).describe(), "ELU(1.5)");
  EXPECT_EQ(SELU().describe(), "SELU()");
  EXPECT_EQ(Softplus(2).describe(), "Softplus(2)");
  EXPECT_EQ(GELUTanh().describe(), "GELUTanh()");
}

}  // namespace
}  // namespace ramp

// init::initialize: which gain each Dense gets, and what that does to signals in deep networks.

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "error_of.h"
#include "ramp/layers/activations.h"
#include "ramp/layers/dense.h"
#include "ramp/layers/dropout.h"
#include "ramp/layers/initialize.h"
#include "ramp/layers/prelu.h"
#include "ramp/layers/rrelu.h"
#include "ramp/layers/sequential.h"
#include "ramp/optim/optimizers.h"

namespace ramp {
namespace {

/// Fills every weight with its gain, so that it can be read off.
init::Initializer filled_with_gain(double gain) { return init::constant(gain); }

std::vector<double> gains_of(Layer& model) {
  init::initialize(model, filled_with_gain);
  std::vector<double> gains;
  for (const Parameter& parameter : model.parameters())
    if (parameter.name.ends_with("weight")) gains.push_back(parameter.tensor.to(float64).to_vector<double>()[0]);
  return gains;
}

void expect_gains(Layer& model, const std::vector<double>& wanted) {
  const std::vector<double> gains = gains_of(model);
  ASSERT_EQ(gains.size(), wanted.size());
  for (size_t i = 0; i < gains.size(); ++i) EXPECT_NEAR(gains[i], wanted[i], 1e-6) << "Dense " << i;
}

const double relu_gain = std::numbers::sqrt2, leaky_gain = std::sqrt(2 / 1.04);

TEST(Initialize, GivesEachDenseTheGainOfTheActivationAfterIt) {
  Sequential model{Dense(3, 4), ReLU(), Dense(4, 4), LeakyReLU(0.2), Dense(4, 4), Tanh(), Dense(4, 2)};
  expect_gains(model, {relu_gain, leaky_gain, 5.0 / 3, 1});
  Sequential learned{Dense(3, 4), PReLU(), Dense(4, 4), PReLU(4, {.start = 0}), Dense(4, 4), RReLU(), Dense(4, 2)};
  expect_gains(learned, {1.3719886811400708, relu_gain, 1.3761172298, 1});  // 1/8 .. 1/3: E a^2 = 97/1728
}

TEST(Initialize, LooksThroughNestingAndLayersWithoutAGain) {
  Sequential model{ReLU(),  // before any Dense: nobody's
                   Sequential{Flatten(), Dense(3, 4)},
                   Dropout(0.1),
                   Sequential{ReLU(), Sequential{Dense(4, 4)}},
                   Dense(4, 4),  // so the one before is linear
                   Dropout(0.1),
                   Sequential{LeakyReLU(0.2), ReLU()}};
  expect_gains(model, {relu_gain, 1, leaky_gain});
}

/// A layer with a gain of its own, as a user writes one.
class Tripled : public Layer {
 public:
  std::optional<double> gain() const override { return 1.0 / 3; }

 private:
  Tensor forward(const Tensor& x) const override { return x * 3; }
};

class Block : public Layer {
 public:
  Block() : first(add("first", Dense(4, 4))), third(add("third", Tripled())), second(add("second", Dense(4, 4))) {}
  Dense& first;
  Tripled& third;
  Dense& second;

 private:
  Tensor forward(const Tensor& x) const override { return second(third(first(x))); }
};

TEST(Initialize, AsksUsersLayers) {
  Block block;
  expect_gains(block, {1.0 / 3, 1});
  Sequential model{Block(), ReLU()};
  expect_gains(model, {1.0 / 3, relu_gain});
  EXPECT_FALSE(Dense(2, 2).gain().has_value());
  EXPECT_DOUBLE_EQ(ReLU().gain().value(), std::numbers::sqrt2);
}

TEST(Initialize, IsHeNormalUnlessToldOtherwise) {
  const auto weights = [](const init::Scheme& scheme) {
    Sequential model{Dense(300, 200, {.dtype = float64}), LeakyReLU(0.2), Dense(200, 5)};
    Generator generator(4);
    init::initialize(model, scheme, generator);
    return model.parameters()[0].tensor.to_vector<double>();
  };
  const auto drawn_by = [](const init::Initializer& initializer) {
    Generator generator(4);
    return initializer({200, 300}, {300, 200}, {.dtype = float64}, generator).to_vector<double>();
  };
  EXPECT_EQ(weights(init::he_normal_of), drawn_by(init::he_normal({.gain = leaky_gain})));
  EXPECT_EQ(weights(init::glorot_uniform), drawn_by(init::glorot_uniform(leaky_gain)));
  EXPECT_EQ(weights(init::lecun_normal), drawn_by(init::lecun_normal(leaky_gain)));
  EXPECT_EQ(weights(init::orthogonal), drawn_by(init::orthogonal(leaky_gain)));

  Sequential model{Dense(30, 20), ReLU()};
  Generator generator(4), same(4);
  init::initialize(model, init::he_normal_of, generator);
  EXPECT_EQ(model.parameters()[0].tensor.to_vector<float>(),
            init::he_normal()({20, 30}, {30, 20}, {}, same).to_vector<float>());
}

TEST(Initialize, WorksInPlaceSoThatAnOptimizerStaysValid) {
  Sequential model{Dense(3, 2, {.init = init::constant(7)}), ReLU()};
  const std::vector<Parameter> parameters = model.parameters();
  optim::SGD sgd(parameters, {.learning_rate = 0.5});
  sum(model(ones({1, 3}))).backward();
  sgd.step();
  EXPECT_NE(parameters[1].tensor.to_vector<float>(), std::vector<float>(2, 0.0f));
  init::initialize(model, filled_with_gain);
  EXPECT_EQ(parameters[0].tensor.to_vector<float>(), std::vector<float>(6, static_cast<float>(relu_gain)));
  EXPECT_EQ(parameters[1].tensor.to_vector<float>(), std::vector<float>(2, 0.0f));
  EXPECT_EQ(error_of([&] { sgd.step(); }), "no error");
}

TEST(Initialize, RefusesSchemesThatDoNotFitAndChangesNothing) {
  Sequential model{Dense(3, 2, {.init = init::constant(7)}), ReLU(), Dense(2, 2, {.init = init::constant(8)})};
  EXPECT_EQ(error_of([&] { init::initialize(model, nullptr); }),
            "[initialize] the scheme must be a function, got an empty one");
  EXPECT_EQ(error_of([&] { init::initialize(model, [](double) { return init::Initializer(); }); }),
            "[initialize] the scheme must return a function, got an empty one");
  const auto wrong_second = [](double gain) -> init::Initializer {
    if (gain != 1) return init::constant(gain);
    return [](const Shape&, init::Fans, TensorOptions, Generator&) { return zeros({5}); };
  };
  EXPECT_EQ(error_of([&] { init::initialize(model, wrong_second); }),
            "[initialize] the scheme must return float32 [2, 2] on " + to_string(default_device()) +
                ", got float32 [5] on " + to_string(default_device()));
  EXPECT_EQ(model.parameters()[0].tensor.to_vector<float>(), std::vector<float>(6, 7.0f));
}

// ---- Signals through deep networks ----

constexpr int64_t width = 64, depth = 10, nets = 200;

/// How a net's weights are made: by an initialiser that each Dense is given, or by initialize() when there is none.
using Given = std::optional<init::Initializer>;

/// The mean over many nets of log2(q_depth / q_0), where q is the mean square of a signal that starts as N(0, 1).
template <class Activation>
double mean_log_ratio(double slope, const Given& given, uint64_t seed) {
  const NoGrad quiet;
  Generator generator(seed);
  double mean_log = 0;
  for (int64_t net = 0; net < nets; ++net) {
    Sequential model;
    for (int64_t layer = 0; layer < depth; ++layer) {
      model.push_back(Dense(width, width, {.bias = false, .init = given.value_or(init::constant(0))}, generator));
      if constexpr (std::is_same_v<Activation, ReLU>) model.push_back(ReLU());
      else model.push_back(Activation(slope));
    }
    if (!given) init::initialize(model, init::he_normal_of, generator);
    const Tensor x = randn({1, width}, {}, generator);
    mean_log += std::log2(mean(square(model(x))).item() / mean(square(x)).item()) / static_cast<double>(nets);
  }
  return mean_log;
}

/// E q doubles or halves exactly; log q of one net of Gaussian weights has the variance depth k / width and lies on
/// average half of that lower, with k = 6 (1 + a^4) / (1 + a^2)^2 - 1 for the slope a.
void expect_log_ratio(double mean_log, double a, double per_layer) {
  const double k = 6 * (1 + std::pow(a, 4)) / std::pow(1 + a * a, 2) - 1;
  const double variance = k * depth / static_cast<double>(width);
  const double bar = 4 * std::sqrt(variance / static_cast<double>(nets)) / std::numbers::ln2;
  EXPECT_LT(bar, 0.52);  // 0.052 a layer
  EXPECT_NEAR(mean_log, depth * per_layer - variance / 2 / std::numbers::ln2, bar);
}

TEST(Signals, HalveWithGlorotAndStayLevelWithHeInReLUNets) {
  expect_log_ratio(mean_log_ratio<ReLU>(0, init::glorot_normal(), 1), 0, -1);
  expect_log_ratio(mean_log_ratio<ReLU>(0, init::he_normal(), 2), 0, 0);
  expect_log_ratio(mean_log_ratio<ReLU>(0, {}, 3), 0, 0);
}

TEST(Signals, FollowTheSlopeInLeakyNets) {
  expect_log_ratio(mean_log_ratio<LeakyReLU>(0.2, init::glorot_normal(), 4), 0.2, std::log2(0.52));
  expect_log_ratio(mean_log_ratio<LeakyReLU>(0.2, init::he_normal(), 5), 0.2,
                   std::log2(1.04));  // ReLU's gain is too large
  expect_log_ratio(mean_log_ratio<LeakyReLU>(0.2, {}, 6), 0.2, 0);
}

TEST(Signals, KeepTheirLengthThroughOrthogonalLinearLayers) {
  Sequential model{Dense(40, 60, {.dtype = float64}), Dense(60, 60, {.dtype = float64})};
  init::initialize(model, init::orthogonal);
  const Tensor x = randn({5, 40}, {.dtype = float64});
  const auto before = sum(square(x), 1).to_vector<double>(), after = sum(square(model(x)), 1).to_vector<double>();
  for (size_t i = 0; i < before.size(); ++i) EXPECT_NEAR(after[i] / before[i], 1, 1e-12);
}

}  // namespace
}  // namespace ramp

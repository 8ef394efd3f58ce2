// What is known exactly, or up to sampling, of the claims that examples/studies measures. That signals halve with
// Glorot's weights and stay level with He's is in initialize_test.cpp.

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include <ramp/ramp.h>

namespace ramp {
namespace {

// ---- The sigmoid's vanishing gradient -------------------------------------------------------------------------------

/// E f(z) for z ~ N(0, variance), by the trapezoidal rule.
template <class F>
double expectation(double variance, F f) {
  double total = 0;
  constexpr double step = 0.01;
  for (double u = -8; u <= 8; u += step)
    total += step * std::exp(-u * u / 2) / std::sqrt(2 * std::numbers::pi) * f(std::sqrt(variance) * u);
  return total;
}

TEST(Studies, ASigmoidPassesOn23PercentOfTheGradient) {
  constexpr int64_t width = 256, depth = 10, samples = 64;
  // With weights of variance 1/n the inputs z of a layer have the variance q of the outputs before, and a gradient's
  // root mean square changes by sqrt(E sigmoid'(z)^2).
  const auto s = [](double z) { return 1 / (1 + std::exp(-z)); };
  double expected = 1, q = 1;
  for (int64_t layer = 0; layer < depth; ++layer) {
    expected *= std::sqrt(expectation(q, [&](double z) { return std::pow(s(z) * (1 - s(z)), 2); }));
    q = expectation(q, [&](double z) { return s(z) * s(z); });
  }
  EXPECT_NEAR(std::pow(expected, 1.0 / depth), 0.233, 0.001);  // a layer; 0.236 from the second on

  Generator generator(1);
  Sequential model;
  for (int64_t layer = 0; layer < depth; ++layer) {
    model.push_back(Dense(width, width, {.bias = false, .init = init::glorot_normal()}, generator));
    model.push_back(Sigmoid());
  }
  Tensor x = randn({samples, width}, {.requires_grad = true}, generator);
  const Tensor gradient = randn({samples, width}, {}, generator);
  model(x).backward(gradient);
  const double measured = std::sqrt(mean(square(x.grad())).item() / mean(square(gradient)).item());
  // The log of a mean square has a variance of about 2 / n a layer, and half its deviation is that of the root's.
  const double bar = 4 * std::sqrt(2.0 * depth / width) / 2;
  EXPECT_LT(bar, 0.6);  // so a factor of 1.8 over ten layers, 1.06 a layer
  EXPECT_NEAR(std::log(measured), std::log(expected), bar);
}

// ---- Sparsity -------------------------------------------------------------------------------------------------------

TEST(Studies, HalfOfReLUsOutputsAreZeroAtTheStart) {
  // Given the layer before, each unit's weights are symmetric, so its sign is a fair coin, independent of the others'.
  constexpr int64_t width = 1000, depth = 6;
  Generator generator(2);
  Tensor x = randn({1, width}, {}, generator);
  double zeros = 0;
  for (int64_t layer = 0; layer < depth; ++layer) {
    x = relu(Dense(width, width, {}, generator)(x));
    zeros += sum((x == 0.0).to(float32)).item();
  }
  EXPECT_NEAR(zeros / (width * depth), 0.5, 4 * 0.5 / std::sqrt(width * depth));
}

TEST(Studies, LeakyELUAndSigmoidGiveNoZeros) {
  Generator generator(3);
  const Tensor z = Dense(500, 500, {}, generator)(randn({20, 500}, {}, generator));
  for (const Tensor& y : {leaky_relu(z, 0.2), elu(z), sigmoid(z)}) EXPECT_EQ(sum((y == 0.0).to(float32)).item(), 0);
}

// ---- Born dead ------------------------------------------------------------------------------------------------------

constexpr int64_t networks = 10000;

/// The share of bias-free ReLU networks of `units` a layer whose output is 0 after `depth` layers, for the input 1 and
/// for both 1 and -1. Scale plays no part.
std::pair<double, double> born_dead(int64_t units, int depth, Generator& generator) {
  Tensor up = ones({networks, 1}), down = -up;
  for (int layer = 0; layer < depth; ++layer) {
    const Tensor weights = randn({networks, units, up.size(1)}, {}, generator);
    for (Tensor* x : {&up, &down}) *x = relu(sum(weights * reshape(*x, {networks, 1, -1}), 2));
  }
  const auto share = [](const Tensor& outputs) { return mean((max(outputs, 1) == 0.0).to(float32)).item(); };
  return {share(up), share(concat({up, down}, 1))};
}

double standard_error(double p) { return std::sqrt(p * (1 - p) / networks); }

TEST(Studies, NetworksAreBornDeadAsTheFormulaSays) {
  Generator generator(4);
  for (const int64_t units : {2, 3, 4, 5})
    for (const int depth : {5, 10}) {
      const double p = 1 - std::pow(1 - std::exp2(-units), depth);
      const auto [one, both] = born_dead(units, depth, generator);
      EXPECT_NEAR(one, p, 4 * standard_error(p)) << units << " units, " << depth << " layers";
      EXPECT_LE(both, one);  // who is dead for both signs is dead for one
    }
}

TEST(Studies, BothSignsOfAnInputKeepMoreNetworksAlive) {
  // By a simulation of 10^5 networks in another language, to 0.002.
  Generator generator(5);
  const double simulated[] = {0.620, 0.294, 0.115, 0.040};
  for (int64_t units = 2; units <= 5; ++units) {
    const double p = simulated[units - 2];
    EXPECT_NEAR(born_dead(units, 5, generator).second, p, 4 * standard_error(p) + 0.002) << units << " units";
  }
}

// ---- Dead for ever --------------------------------------------------------------------------------------------------

/// y = f(wx + b) at x = 1, after a step of rate 10 from w = 1, b = 0 towards 0 under the loss (y - t)^2 / 2. The steps
/// that follow have the rate 0.01 and the target 5.
struct Killed {
  explicit Killed(Unary f) : f(f) {
    step(0);
    sgd.set_learning_rate(0.01);
  }
  /// Returns the loss before the step.
  double step(double target) {
    const Tensor y = map(f, w + b), loss = 0.5 * mse(y, scalar(target));
    sgd.zero_grad();
    loss.backward();
    sgd.step();
    output = y.item();
    return loss.item();
  }
  /// The number of steps towards 5 after which the output is within 0.001.
  int steps_to_come_back(int limit) {
    for (int steps = 0; steps <= limit; ++steps)
      if (step(5); std::abs(output - 5) < 1e-3) return steps;
    return -1;
  }

  Unary f;
  Tensor w = scalar(1, {.requires_grad = true}), b = scalar(0, {.requires_grad = true});
  optim::SGD sgd{{w, b}, {.learning_rate = 10}};
  double output = 0;
};

TEST(Studies, OneStepKillsAReLUForEver) {
  Killed unit{formula::ReLU{}};
  for (int step = 0; step < 2000; ++step) ASSERT_EQ(unit.step(5), 12.5);
  EXPECT_EQ(unit.w.item(), -9);
  EXPECT_EQ(unit.b.item(), -10);
}

TEST(Studies, LeakyReLUComesBack) {
  EXPECT_NEAR(Killed{formula::LeakyReLU{0.2}}.steps_to_come_back(2000), 1129, 11);
  EXPECT_NEAR(Killed{formula::LeakyReLU{0.01}}.steps_to_come_back(30000), 19070, 190);
}

TEST(Studies, ELUSaturatesAndDoesNotComeBack) {
  // Its slope at -19 is e^-19: of w and b, 5.6e-9 times the error and the rate are lost in rounding.
  Killed unit{formula::ELU{}};
  EXPECT_EQ(unit.steps_to_come_back(2000), -1);
  EXPECT_EQ(unit.w.item(), -9);
  EXPECT_NEAR(unit.output, -1, 1e-6);
}

// ---- The bounce around a kink ---------------------------------------------------------------------------------------

/// The last two iterates of 200 steps of rate 0.1 down f(w) + f(-w) from 1.03, the last but one first.
std::pair<double, double> descend(const Unary& f, DType dtype) {
  Tensor w = scalar(1.03, {.dtype = dtype, .requires_grad = true});
  optim::SGD sgd({w}, {.learning_rate = 0.1});
  double before = 0;
  for (int step = 0; step < 200; ++step) {
    before = w.item();
    sgd.zero_grad();
    (map(f, w) + map(f, -w)).backward();
    sgd.step();
  }
  return {before, w.item()};
}

/// Two values in either order.
void expect_cycle(const Unary& f, double low, double high) {
  for (const DType dtype : {float32, float64}) {
    const auto [a, b] = descend(f, dtype);
    EXPECT_NEAR(std::min(a, b), low, 1e-6) << dtype;
    EXPECT_NEAR(std::max(a, b), high, 1e-6) << dtype;
  }
}

TEST(Studies, ReLUBouncesAroundItsKink) { expect_cycle(formula::ReLU{}, -0.07, 0.03); }
TEST(Studies, LeakyReLUBouncesLess) { expect_cycle(formula::LeakyReLU{0.2}, -0.01, 0.07); }

TEST(Studies, SmoothActivationsComeToRest) {
  // Near 0 the slope of f(w) + f(-w) is w for ELU and w / 2 for softplus: factors of 0.9 and 0.95 a step.
  const auto [elu_before, elu] = descend(formula::ELU{}, float64);
  EXPECT_NEAR(elu, 1.344e-9, 0.001e-9);
  EXPECT_NEAR(elu / elu_before, 0.9, 1e-5);
  const auto [softplus_before, softplus] = descend(formula::Softplus{}, float64);
  EXPECT_NEAR(softplus, 3.785e-5, 0.001e-5);
  EXPECT_NEAR(softplus / softplus_before, 0.95, 1e-5);
  EXPECT_NEAR(descend(formula::ELU{}, float32).second, 0, 1e-6);
}

}  // namespace
}  // namespace ramp

// Optimizers in captured steps (map_test.h has one of a user); limits on gradients; the state by name.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "error_of.h"
#include "optimizer_test.h"
#include "ramp/core/backend/threads.h"
#include "ramp/ramp.h"

namespace ramp {
namespace {

/// Trains a small net for 20 steps, in which a second head joins after 5 and the rate changes after 12. Returns all
/// parameters and states.
template <class Optimizer, class Options>
std::vector<double> train(const Options& options, bool capturing, int64_t* graphs = nullptr) {
  manual_seed(3);
  Sequential body{Dense(4, 8, {.dtype = float64}), Tanh()};
  Dense first(8, 3, {.dtype = float64}), second(8, 3, {.dtype = float64});
  std::vector<Parameter> parameters = body.parameters();
  for (Layer* head : {static_cast<Layer*>(&first), static_cast<Layer*>(&second)})
    for (const Parameter& p : head->parameters()) parameters.push_back(p);
  Optimizer optimizer(parameters, options);
  const Tensor x = randn({6, 4}, {.dtype = float64}), labels = from_vector(std::vector<int32_t>{0, 1, 2, 0, 1, 2}, {6});
  const auto one = [&](bool both) {
    return [&, both](const Tensor& in) {
      const Tensor hidden = body(in);
      Tensor loss = cross_entropy(first(hidden), labels);
      if (both) loss = loss + cross_entropy(second(hidden), labels);
      optimizer.zero_grad();
      loss.backward();
      optimizer.clip_grad_norm(0.5);
      optimizer.step();
      return loss;
    };
  };
  auto alone = capture(one(false)), both = capture(one(true));
  for (int i = 0; i < 20; ++i) {
    if (i == 12) optimizer.set_learning_rate(optimizer.learning_rate() / 2);
    const bool early = i < 5 || i == 17;
    if (capturing) (void)(early ? alone(x) : both(x));
    else (void)one(!early)(x);
  }
  if (graphs) *graphs = alone.graphs() + both.graphs();
  std::vector<double> all;
  for (const Parameter& p : parameters)
    for (double value : values(p.tensor)) all.push_back(value);
  for (const auto& [name, tensor] : optimizer.state())
    for (double value : values(tensor)) all.push_back(value);
  return all;
}

template <class Optimizer, class Options>
void expect_captured_equals_eager(const Options& options) {
  int64_t graphs = 0;
  const std::vector<double> eager = train<Optimizer>(options, false);
  const std::vector<double> captured = train<Optimizer>(options, true, &graphs);
  EXPECT_GE(graphs, 2) << Options::name;
  ASSERT_EQ(captured.size(), eager.size());
  for (size_t i = 0; i < eager.size(); ++i) {
    ASSERT_TRUE(std::isfinite(eager[i])) << Options::name;
    EXPECT_NEAR(captured[i], eager[i], 1e-12 * std::max(1.0, std::abs(eager[i]))) << Options::name << ' ' << i;
  }
}

TEST(Optimizers, CapturedStepsEqualEagerOnes) {
  expect_captured_equals_eager<optim::SGD>(optim::SGDOptions{.learning_rate = 0.1, .momentum = 0.9, .dampening = 0.2});
  expect_captured_equals_eager<optim::Adam>(optim::AdamOptions{.learning_rate = 0.01, .weight_decay = 0.1});
  expect_captured_equals_eager<optim::AdamW>(optim::AdamWOptions{.learning_rate = 0.01, .amsgrad = true});
}

TEST(Optimizers, TheStateHasNamesAndCountsEachParametersUpdates) {
  Tensor early = parameter({1, 2}), late = parameter({3});
  optim::Adam adam({{"early", early, true}, {"late", late, true}}, {.learning_rate = 0.1});
  give_gradient(early, {1, -2});
  adam.step();
  give_gradient(late, {0.5});
  adam.step();
  const auto state = adam.state();
  std::vector<std::string> names;
  for (const auto& [name, tensor] : state) names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"early.exp_avg", "early.exp_avg_sq", "early.step", "late.exp_avg",
                                             "late.exp_avg_sq", "late.step"}));
  EXPECT_EQ(values(state[2].second), (std::vector<double>{2}));
  EXPECT_EQ(values(state[5].second), (std::vector<double>{1}));
  EXPECT_EQ(state[2].second.shape(), Shape{});
  EXPECT_NEAR(values(state[0].second)[1], -2 * 0.1 * 1.9, 1e-15);  // (1 - 0.9^2) g
  EXPECT_NEAR(values(state[4].second)[0], 0.001 * 0.25, 1e-18);
  // The first step of Adam moves every element by the learning rate.
  EXPECT_NEAR(values(late)[0], 3 - 0.1, 1e-8);
}

TEST(Optimizers, AFrozenParameterMayBeGivenAndIsThawedLater) {
  Tensor frozen = parameter({1}), free = parameter({1});
  frozen.set_requires_grad(false);
  optim::Adam adam({frozen, free}, {.learning_rate = 0.5});
  give_gradient(free, {1});
  adam.step();
  EXPECT_EQ(values(frozen)[0], 1);
  EXPECT_NEAR(values(free)[0], 0.5, 1e-8);
  frozen.set_requires_grad();
  adam.zero_grad();
  give_gradient(frozen, {-1});
  adam.step();
  EXPECT_NEAR(values(frozen)[0], 1.5, 1e-8);
  EXPECT_NEAR(values(free)[0], 0.5, 1e-8);
}

// ---- Limits on gradients --------------------------------------------------------------------------------------------

TEST(Clipping, ScalesToTheNorm) {
  for (DType dtype : {float32, float64}) {
    Tensor a = parameter({0, 0}, dtype), b = parameter({0}, dtype), without = parameter({7}, dtype);
    optim::SGD sgd({a, without, b}, {.learning_rate = 1});
    give_gradient(a, {3, 0});
    give_gradient(b, {-4});
    EXPECT_NEAR(sgd.clip_grad_norm(10).item(), 5, 1e-6);  // below the limit: as they were
    EXPECT_EQ(values(a.grad())[0], 3);
    EXPECT_NEAR(sgd.clip_grad_norm(1).item(), 5, 1e-6);
    EXPECT_NEAR(values(a.grad())[0], 3 / (5 + 1e-6), 1e-7);
    EXPECT_NEAR(values(b.grad())[0], -4 / (5 + 1e-6), 1e-7);
    EXPECT_FALSE(without.grad().defined());
    EXPECT_NEAR(sgd.clip_grad_norm(1).item(), 1, 1e-6);
  }
}

TEST(Clipping, HasTheSameBitsOnAnyNumberOfThreads) {
  const int before = num_threads();
  std::vector<double> norms;
  for (int threads : {1, 2, 3}) {
    set_num_threads(threads);
    manual_seed(5);
    Tensor x = randn({300, 500}).set_requires_grad();
    optim::SGD sgd({x}, {.learning_rate = 1});
    sum(x * randn({300, 500})).backward();
    double exact = 0;
    for (double g : values(x.grad())) exact += g * g;
    norms.push_back(sgd.clip_grad_norm(1e-3).item());
    EXPECT_NEAR(norms.back(), std::sqrt(exact), 1e-6 * std::sqrt(exact));
  }
  set_num_threads(before);
  EXPECT_EQ(norms[1], norms[0]);
  EXPECT_EQ(norms[2], norms[0]);
}

TEST(Clipping, ACapturedStepClipsWhateverHasAGradient) {
  Tensor a = parameter({0, 0}), b = parameter({0});
  optim::SGD sgd({a, b}, {.learning_rate = 1});
  auto clip = capture([&](const Tensor& x) { return sgd.clip_grad_norm(1) * x; });
  const Tensor one = from_vector(std::vector<double>{1}, {1}, a.device());
  for (int i = 0; i < 12; ++i) {
    sgd.zero_grad();
    give_gradient(a, {3, 0});
    if (i >= 6) give_gradient(b, {4});
    EXPECT_NEAR(clip(one).item(), i < 6 ? 3 : 5, 1e-12) << i;
    EXPECT_NEAR(values(a.grad())[0], 3 / ((i < 6 ? 3 : 5) + 1e-6), 1e-12) << i;
  }
}

TEST(Clipping, LimitsEachValue) {
  Tensor a = parameter({0, 0, 0}), b = parameter({0});
  optim::SGD sgd({a, b}, {.learning_rate = 1});
  give_gradient(a, {3, -0.25, -2});
  sgd.clip_grad_value(0.5);
  EXPECT_EQ(values(a.grad()), (std::vector<double>{0.5, -0.25, -0.5}));
  EXPECT_FALSE(b.grad().defined());
}

TEST(Clipping, PassesNanOnAndRefusesWrongLimits) {
  Tensor a = parameter({0, 0});
  optim::SGD sgd({a}, {.learning_rate = 1});
  EXPECT_EQ(sgd.clip_grad_norm(1).item(), 0);  // there is no gradient
  give_gradient(a, {1, std::numeric_limits<double>::quiet_NaN()});
  for (double limit : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    EXPECT_EQ(error_of([&] { sgd.clip_grad_norm(limit); }).find("[clip_grad_norm] expected a finite limit > 0, got "),
              0);
    EXPECT_EQ(error_of([&] { sgd.clip_grad_value(limit); }).find("[clip_grad_value] expected a finite limit > 0"), 0);
  }
  EXPECT_EQ(values(a.grad())[0], 1);
  EXPECT_TRUE(std::isnan(sgd.clip_grad_norm(1).item()));
  EXPECT_TRUE(std::isnan(values(a.grad())[0]));
}

}  // namespace
}  // namespace ramp

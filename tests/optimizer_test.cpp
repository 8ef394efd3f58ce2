// The arenas, gradients, options and errors of optimizers. Their arithmetic is in optimizer_trajectories_test.cpp.

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>

#include "error_of.h"
#include "optimizer_test.h"
#include "ramp/core/autograd/autograd.h"

namespace ramp {
namespace {

using optim::SGD;
using optim::SGDOptions;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

// --- gradients and arenas -------------------------------------------------------------------------------------------

TEST(Sgd, ParametersBecomeAlignedViewsOfOneArena) {
  for (DType dtype : {float32, float64}) {
    Tensor a = parameter({1, 2, 3}, dtype), b = parameter({4, 5}, dtype), c = parameter({6}, dtype);
    const Tensor handle = a;
    SGD sgd({{"a", a, true}, {"b", b, false}, {"c", c, true}},
            {.learning_rate = 0.1, .momentum = 0.9, .weight_decay = 0.1});
    EXPECT_EQ(values(a), (std::vector<double>{1, 2, 3}));
    EXPECT_EQ(values(b), (std::vector<double>{4, 5}));
    EXPECT_EQ(values(c), (std::vector<double>{6}));
    for (const Tensor& x : {a, b, c}) {
      EXPECT_EQ(x.array().storage(), a.array().storage());
      EXPECT_EQ(x.node()->grad.storage(), a.node()->grad.storage());
      EXPECT_EQ(reinterpret_cast<uintptr_t>(x.array().data<void>()) % 256, 0u);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(x.node()->grad.data<void>()) % 256, 0u);
      EXPECT_FALSE(x.node()->has_grad);
    }
    for (int k = 0; k < 5; ++k) {
      sgd.zero_grad();
      give_gradient(a, {1, 2, 3});
      give_gradient(b, {1, 2});
      give_gradient(c, {1});
      sgd.step();
      EXPECT_EQ(a.node()->grad.storage(), c.node()->grad.storage());
    }
    EXPECT_EQ(handle.array().storage(), a.array().storage());
    EXPECT_EQ(values(handle), values(a));
    EXPECT_LT(values(handle)[0], 1);

    // Between the views lies only padding, and it stays zero.
    if (default_device().is_cuda()) continue;  // its bytes cannot be read here
    const Storage& storage = *a.array().storage();
    int64_t nonzero = 0;
    for (int64_t i = 0; i < 3 * 512; ++i) nonzero += static_cast<const unsigned char*>(storage.data())[i] != 0;
    int64_t in_views = 0;
    for (const Tensor& x : {a, b, c})
      for (int64_t i = 0; i < x.array().bytes(); ++i)
        in_views += static_cast<const unsigned char*>(x.array().data<void>())[i] != 0;
    EXPECT_EQ(nonzero, in_views);
  }
}

TEST(Sgd, DtypesHaveArenasOfTheirOwn) {
  Tensor a = parameter({1}, float64), b = parameter({1}, float32), c = parameter({1}, float64);
  SGD sgd({a, b, c}, {.learning_rate = 0.5});
  EXPECT_EQ(a.array().storage(), c.array().storage());
  EXPECT_NE(a.array().storage(), b.array().storage());
  for (const Tensor& x : {a, b, c}) give_gradient(x, {1});
  sgd.step();
  for (const Tensor& x : {a, b, c}) EXPECT_EQ(values(x)[0], 0.5);
}

TEST(Sgd, GradientsAccumulateUntilZeroGrad) {
  Tensor p = parameter({0, 0});
  SGD sgd({p}, {.learning_rate = 1});
  give_gradient(p, {1, 2});
  give_gradient(p, {10, 20});
  sgd.step();
  EXPECT_EQ(values(p), (std::vector<double>{-11, -22}));
  sgd.zero_grad();
  EXPECT_FALSE(p.grad().defined());
  sgd.step();  // no gradient, no step
  EXPECT_EQ(values(p), (std::vector<double>{-11, -22}));
  give_gradient(p, {1, 1});
  EXPECT_EQ(values(p.grad()), (std::vector<double>{1, 1}));
  sgd.step();
  EXPECT_EQ(values(p), (std::vector<double>{-12, -23}));
}

TEST(Sgd, ParametersLearnThroughTheGraph) {
  // Least squares on two points has one solution, w = 3 and b = -1, to which gradient descent contracts.
  Tensor w = parameter({0}), b = parameter({0});
  const Tensor x = from_vector(std::vector<double>{-1, 1}, {2}), y = from_vector(std::vector<double>{-4, 2}, {2});
  SGD sgd({w, b}, {.learning_rate = 0.1, .momentum = 0.5});
  for (int k = 0; k < 200; ++k) {
    const Tensor error = x * w + b - y;
    sgd.zero_grad();
    mean(error * error).backward();
    sgd.step();
  }
  EXPECT_NEAR(values(w)[0], 3, 1e-12);
  EXPECT_NEAR(values(b)[0], -1, 1e-12);
}

TEST(Sgd, AGradientFromBeforeIsKept) {
  Tensor p = parameter({0, 0}), q = parameter({0});
  give_gradient(p, {3, 4});
  SGD sgd({p, q}, {.learning_rate = 1});
  EXPECT_EQ(values(p.grad()), (std::vector<double>{3, 4}));
  EXPECT_FALSE(q.grad().defined());
  sgd.step();
  EXPECT_EQ(values(p), (std::vector<double>{-3, -4}));
  EXPECT_EQ(values(q), (std::vector<double>{0}));
}

TEST(Sgd, ASetGradientIsUsed) {
  Tensor p = parameter({0, 0}), q = parameter({0});
  SGD sgd({p, q}, {.learning_rate = 1});
  give_gradient(p, {3, 4});
  give_gradient(q, {5});
  p.set_grad(from_vector(std::vector<double>{0.5, 0.25}, {2}));
  sgd.step();
  EXPECT_EQ(values(p), (std::vector<double>{-0.5, -0.25}));
  EXPECT_EQ(values(q), (std::vector<double>{-5}));
}

TEST(Sgd, AFrozenParameterIsLeftAlone) {
  Tensor p = parameter({1}), q = parameter({1});
  SGD sgd({p, q}, {.learning_rate = 1, .momentum = 0.5});
  p.set_requires_grad(false);
  sgd.zero_grad();
  give_gradient(q, {1});
  sgd.step();
  EXPECT_EQ(values(p)[0], 1);
  EXPECT_EQ(values(q)[0], 0);
  p.set_requires_grad(true);
  sgd.zero_grad();
  give_gradient(p, {1});
  sgd.step();
  EXPECT_EQ(values(p)[0], 0);
  EXPECT_EQ(values(q)[0], 0);
  EXPECT_EQ(p.node()->grad.storage(), q.node()->grad.storage());  // back in the arena
}

TEST(Sgd, TheVelocityStartsWithAParametersOwnFirstGradient) {
  Tensor early = parameter({0}), late = parameter({0});
  SGD sgd({early, late}, {.learning_rate = 1, .momentum = 0.5, .dampening = 0.5});
  give_gradient(early, {1});
  sgd.step();  // v = 1
  give_gradient(late, {1});
  sgd.step();  // early: v = 0.5 + 0.5 = 1; late: v = 1, undamped
  EXPECT_EQ(values(early)[0], -2);
  EXPECT_EQ(values(late)[0], -1);
  sgd.zero_grad();
  give_gradient(late, {1});
  sgd.step();
  EXPECT_EQ(values(early)[0], -2);  // no gradient: no coasting either
  EXPECT_EQ(values(late)[0], -2);
}

TEST(Sgd, TwoOptimizersOnPartsOfAModel) {
  Tensor a = parameter({1}), b = parameter({1});
  SGD slow({a}, {.learning_rate = 0.1}), fast({b}, {.learning_rate = 1});
  for (int k = 0; k < 3; ++k) {
    slow.zero_grad();
    fast.zero_grad();
    sum(a * b).backward();
    const double a_before = values(a)[0], b_before = values(b)[0];
    slow.step();
    fast.step();
    EXPECT_DOUBLE_EQ(values(a)[0], a_before - 0.1 * b_before);
    EXPECT_DOUBLE_EQ(values(b)[0], b_before - a_before);
  }
}

TEST(Sgd, ParametersOutliveTheOptimizerAndMoveWithIt) {
  Tensor p = parameter({1});
  {
    SGD first({p}, {.learning_rate = 1});
    give_gradient(p, {1});
    SGD second = std::move(first);
    second.step();
  }
  EXPECT_EQ(values(p)[0], 0);
  EXPECT_EQ(values(p.grad())[0], 1);
}

// --- options --------------------------------------------------------------------------------------------------------

TEST(Sgd, OptionsOfGroups) {
  Tensor a = parameter({0}), b = parameter({0});
  SGD sgd({SGD::Group{{a}, {.learning_rate = 1}}, SGD::Group{{b}, {.learning_rate = 2, .momentum = 0.5}}});
  EXPECT_EQ(sgd.options().learning_rate, 1);
  EXPECT_EQ(sgd.options(1).momentum, 0.5);
  sgd.set_options({.learning_rate = 3, .momentum = 0.25}, 0);  // momentum from 0 to more
  for (int k = 0; k < 2; ++k) {
    sgd.zero_grad();
    give_gradient(a, {1});
    give_gradient(b, {1});
    sgd.step();
  }
  EXPECT_EQ(values(a)[0], -3 - 3 * 1.25);
  EXPECT_EQ(values(b)[0], -2 - 2 * 1.5);
  sgd.set_learning_rate(0.5);
  EXPECT_EQ(sgd.options(0).learning_rate, 0.5);
  EXPECT_EQ(sgd.options(0).momentum, 0.25);
  EXPECT_EQ(sgd.options(1).learning_rate, 0.5);
  EXPECT_EQ(error_of([&] { sgd.options(2); }), "[sgd] expected a group below 2, got 2");
  EXPECT_EQ(error_of([&] { sgd.set_options({.learning_rate = 1}, 7); }), "[sgd] expected a group below 2, got 7");
}

TEST(Sgd, OptionsOutsideTheirRangesThrow) {
  const std::vector<std::pair<SGDOptions, std::string>> wrong = {
      {{}, "expected a finite learning_rate >= 0, got nan"},
      {{.learning_rate = -0.5}, "expected a finite learning_rate >= 0, got -0.5"},
      {{.learning_rate = nan}, "expected a finite learning_rate >= 0, got nan"},
      {{.learning_rate = infinity}, "expected a finite learning_rate >= 0, got inf"},
      {{.learning_rate = 1, .momentum = -0.1}, "expected momentum in [0, 1), got -0.1"},
      {{.learning_rate = 1, .momentum = 1}, "expected momentum in [0, 1), got 1"},
      {{.learning_rate = 1, .momentum = nan}, "expected momentum in [0, 1), got nan"},
      {{.learning_rate = 1, .momentum = 0.9, .dampening = nan}, "expected a finite dampening, got nan"},
      {{.learning_rate = 1, .momentum = 0.9, .dampening = infinity}, "expected a finite dampening, got inf"},
      {{.learning_rate = 1, .weight_decay = -1e-4}, "expected a finite weight_decay >= 0, got -0.0001"},
      {{.learning_rate = 1, .weight_decay = nan}, "expected a finite weight_decay >= 0, got nan"},
      {{.learning_rate = 1, .weight_decay = infinity}, "expected a finite weight_decay >= 0, got inf"},
      {{.learning_rate = 1, .nesterov = true}, "nesterov needs momentum > 0, got 0"},
      {{.learning_rate = 1, .momentum = 0.9, .dampening = 0.1, .nesterov = true},
       "nesterov needs dampening 0, got 0.1"},
  };
  Tensor p = parameter({1}), q = parameter({1});
  SGD sgd({q}, {.learning_rate = 0.25});
  for (const auto& [bad, rule] : wrong) {
    const SGDOptions& options = bad;  // clang 14 captures no structured bindings
    const std::string message = "[sgd] " + rule;
    const Array before = p.array();
    EXPECT_EQ(error_of([&] { SGD({p}, options); }), message);
    EXPECT_EQ(error_of([&] { SGD({SGD::Group{{q}, {.learning_rate = 1}}, SGD::Group{{p}, options}}); }), message);
    EXPECT_EQ(p.array().storage(), before.storage());
    EXPECT_EQ(error_of([&] { sgd.set_options(options); }), message);
    EXPECT_EQ(sgd.options().learning_rate, 0.25);
  }
  EXPECT_EQ(error_of([&] { sgd.set_learning_rate(-1); }), "[sgd] expected a finite learning_rate >= 0, got -1");
  EXPECT_EQ(sgd.options().learning_rate, 0.25);
  give_gradient(q, {1});
  sgd.step();  // the failed constructions left q with this optimizer
  EXPECT_EQ(values(q)[0], 0.75);
}

TEST(Sgd, WrongParametersThrowAndChangeNothing) {
  const SGDOptions o = {.learning_rate = 0.1};
  Tensor good = parameter({1}), constant = from_vector(std::vector<double>{1}, {1});
  const Tensor labels = from_vector(std::vector<int32_t>{1}, {1});
  const auto storage = good.array().storage();

  EXPECT_EQ(error_of([&] { SGD(std::vector<Parameter>{}, o); }), "[sgd] expected at least one parameter, got none");
  EXPECT_EQ(error_of([&] { SGD(std::vector<SGD::Group>{}); }),
            "[optimizer] expected at least one group of parameters, got none");
  EXPECT_EQ(error_of([&] { SGD({SGD::Group{{good}, o}, SGD::Group{{}, o}}); }),
            "[sgd] expected at least one parameter, got none");
  EXPECT_EQ(error_of([&] { SGD({good, Tensor()}, o); }),
            "[sgd] expected defined tensors, got an undefined one for parameter 1");
  EXPECT_EQ(error_of([&] { SGD({{"0.weight", good, true}, {"labels", labels, true}}, o); }),
            "[sgd] expected float32 or float64, got int32 for parameter \"labels\"");
  EXPECT_NE(error_of([&] { SGD({good, good * 2}, o); }).find("[sgd] expected leaves, got the result of "),
            std::string::npos);
  EXPECT_EQ(error_of([&] { SGD({{"0.weight", good, true}, {"1.weight", good, true}}, o); }),
            "[sgd] expected every tensor once, got a second time parameter \"1.weight\"");
  EXPECT_EQ(error_of([&] { SGD({SGD::Group{{good}, o}, SGD::Group{{good}, o}}); }),
            "[sgd] expected every tensor once, got a second time parameter 0");
  EXPECT_EQ(good.array().storage(), storage);
  EXPECT_FALSE(good.node()->grad.defined());
}

TEST(Sgd, AReplacedParameterThrowsAndNothingMoves) {
  Tensor a = parameter({1}), b = parameter({1, 2});
  SGD sgd({{"0.weight", a, true}, {"0.bias", b, true}}, {.learning_rate = 1});
  give_gradient(a, {1});
  give_gradient(b, {1, 1});
  b.set_array(clone(b.array()));
  const std::string message = error_of([&] { sgd.step(); });
  EXPECT_EQ(message.find("[sgd] parameter \"0.bias\" was moved or replaced after the optimizer was made"), 0u);
  EXPECT_EQ(values(a)[0], 1);
  EXPECT_EQ(values(b), (std::vector<double>{1, 2}));

  // A second optimizer takes its parameters over.
  SGD next({a, b}, {.learning_rate = 1});
  EXPECT_EQ(error_of([&] { sgd.step(); }).find("[sgd] parameter \"0.weight\" was moved"), 0u);
  next.step();
  EXPECT_EQ(values(a)[0], 0);
  EXPECT_EQ(values(b), (std::vector<double>{0, 1}));
}

TEST(SGD, NoticesThatOneOfTiedParametersWasAssigned) {
  Dense a(2, 2), b(2, 2);
  b.weight = a.weight;
  Sequential model{std::move(a), std::move(b)};
  optim::SGD sgd(model.parameters(), {.learning_rate = 0.1});
  auto& last = dynamic_cast<Dense&>(model[1]);
  last.weight = Tensor(clone(last.weight.array()));
  sum(model(ones({1, 2}))).backward();
  EXPECT_EQ(error_of([&] { sgd.step(); }).substr(0, 73),
            "[sgd] parameter \"0.weight\" was moved or replaced after the optimizer was ");
}

}  // namespace
}  // namespace ramp

// Layers: what they compute, own, name, print and refuse.

#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

#include "error_of.h"
#include "ramp/core/autograd/gradcheck.h"
#include "ramp/layers/activations.h"
#include "ramp/layers/dense.h"
#include "ramp/layers/dropout.h"
#include "ramp/layers/sequential.h"

namespace ramp {
namespace {

TensorOptions in_double() { return {.dtype = float64}; }
TensorOptions variable() { return {.dtype = float64, .requires_grad = true}; }

class Block : public Layer {
 public:
  explicit Block(int64_t width)
      : first(add("first", Dense(width, width))), second(add("second", Dense(width, width))) {}
  Dense &first, &second;

 private:
  Tensor forward(const Tensor& x) const override { return x + second(relu(first(x))); }
};

/// Forgets to add its inner layer.
template <class Inner>
class Forgetful : public Layer {
 public:
  explicit Forgetful(Inner inner) : inner(std::move(inner)) {}
  Inner inner;

 private:
  Tensor forward(const Tensor& x) const override { return inner(x); }
};

/// Scales by a number of its own.
class Scale : public Layer {
 public:
  explicit Scale(const Tensor& value, const std::string& name = "factor")
      : factor(add(name, value, {.decay = false})) {}
  Tensor& factor;

 private:
  Tensor forward(const Tensor& x) const override { return x * factor; }
};

std::vector<std::string> names(const Layer& layer) {
  std::vector<std::string> names;
  for (const Parameter& parameter : layer.parameters()) names.push_back(parameter.name);
  return names;
}

// ---- Dense ----

TEST(Dense, ComputesProductPlusBias) {
  const Tensor x = tensor({{1, 2, 3}, {-1, 0, 1}}), weight = tensor({{1, 0, -1}, {2, 1, 0}}), bias = tensor({10, 20});
  EXPECT_EQ(dense(x, weight, bias).to_vector<float>(), (std::vector<float>{8, 24, 8, 18}));
  EXPECT_EQ(dense(x, weight).to_vector<float>(), (std::vector<float>{-2, 4, -2, -2}));
  EXPECT_EQ(dense(x, weight, bias).shape(), (Shape{2, 2}));

  Dense layer(3, 2);
  layer.weight = weight;
  layer.bias = bias;
  EXPECT_EQ(layer(x).to_vector<float>(), (std::vector<float>{8, 24, 8, 18}));
  EXPECT_EQ(layer(zeros({0, 3})).shape(), (Shape{0, 2}));
}

TEST(Dense, RunsWithAnActivationAsOneNodeAndTheSameNumbers) {
  const Unary formulas[] = {
#define RAMP_FORMULA(Struct, function) formula::Struct{},
      RAMP_ACTIVATIONS(RAMP_FORMULA)
#undef RAMP_FORMULA
  };
  Generator generator(4);
  const TensorOptions options{.dtype = float64};
  for (const Unary& f : formulas)
    for (const bool biased : {true, false}) {
      const Tensor x = randn({5, 7}, options, generator), upstream = randn({5, 6}, options, generator);
      const Tensor weight = randn({6, 7}, options, generator), bias = randn({6}, options, generator);
      const auto run = [&](bool together) {
        std::vector<Tensor> inputs{Tensor(x.array(), true), Tensor(weight.array(), true)};
        if (biased) inputs.push_back(Tensor(bias.array(), true));
        const Tensor b = biased ? inputs[2] : Tensor();
        const Tensor y = together ? dense(inputs[0], inputs[1], b, f) : map(f, dense(inputs[0], inputs[1], b));
        y.backward(upstream);
        std::vector<double> all = y.to_vector<double>();
        for (const Tensor& input : inputs)
          for (double g : input.grad().to_vector<double>()) all.push_back(g);
        return all;
      };
      EXPECT_EQ(run(true), run(false)) << name(f) << ", biased " << biased;
    }
}

TEST(Dense, IsSeenAloneByAnObserver) {
  manual_seed(1);
  Sequential model{Dense(3, 4), ReLU(), Dense(4, 2)};
  const Tensor x = randn({2, 3});
  const std::vector<float> expected = model(x).to_vector<float>();
  int seen = 0;
  for (const int i : {0, 1}) {
    model[i].add_observer([&](const Layer&, const Tensor&, const Tensor&) {
      ++seen;
      return false;
    });
    EXPECT_EQ(model(x).to_vector<float>(), expected);
    EXPECT_EQ(seen, i + 1);
  }
  EXPECT_STREQ(model(x).node()->op, "dense");
}

TEST(Dense, GradientsEqualTheJacobian) {
  Generator generator(1);
  const Tensor x = randn({4, 3}, variable(), generator), weight = randn({5, 3}, variable(), generator),
               bias = randn({5}, variable(), generator);
  gradcheck([](const std::vector<Tensor>& in) { return dense(in[0], in[1], in[2]); }, {x, weight, bias});
  gradcheck([](const std::vector<Tensor>& in) { return dense(in[0], in[1]); }, {x, weight});
  gradcheck([&](const std::vector<Tensor>& in) { return dense(x, weight, in[0]); }, {bias});
  gradcheck([](const std::vector<Tensor>& in) { return dense(in[0], in[0]); }, {x});
  gradcheck([&](const std::vector<Tensor>& in) { return dense(dense(x, in[0]), in[0]); },
            {randn({3, 3}, variable(), generator)});
}

TEST(Dense, AddsUpTheGradientsOfTwoBackwardCalls) {
  Dense layer(2, 1);
  const Tensor x = tensor({{1, 2}, {3, 4}});
  for (int i = 0; i < 2; ++i) sum(layer(x)).backward();
  EXPECT_EQ(layer.weight.grad().to_vector<float>(), (std::vector<float>{8, 12}));
  EXPECT_EQ(layer.bias.grad().to_vector<float>(), (std::vector<float>{4}));
  layer.zero_grad();
  EXPECT_FALSE(layer.weight.grad().defined());
  EXPECT_FALSE(layer.bias.grad().defined());
}

TEST(Dense, StartsWithHeNormalAndZeroBias) {
  manual_seed(3);
  const Dense layer(400, 300);
  double squares = 0;
  for (const float w : layer.weight.to_vector<float>()) squares += static_cast<double>(w) * w;
  const double count = 400 * 300;
  EXPECT_NEAR(squares / count / (2.0 / 400), 1, 4 * std::sqrt(2 / count));  // 4 standard errors of a variance
  EXPECT_EQ(layer.bias.to_vector<float>(), std::vector<float>(300, 0.0f));
}

TEST(Dense, TakesItsWeightFromTheGivenGenerator) {
  Generator one(5), two(5), other(6);
  const auto weight = [](Generator& generator) { return Dense(4, 3, {}, generator).weight.to_vector<float>(); };
  const auto first = weight(one);
  EXPECT_EQ(first, weight(two));
  EXPECT_NE(first, weight(one));
  EXPECT_NE(first, weight(other));
}

TEST(Dense, RefusesWhatDoesNotFit) {
  const Tensor x = zeros({128, 785}), weight = zeros({256, 784}), bias = zeros({256});
  Dense layer(784, 256);
  EXPECT_EQ(error_of([&] { layer(x); }), "[dense] expected input [n, 784], got [128, 785]");
  EXPECT_EQ(error_of([&] { layer(zeros({784})); }), "[dense] expected input [n, 784], got [784]");
  EXPECT_EQ(error_of([&] { dense(zeros({2, 784}), weight, zeros({255})); }), "[dense] expected bias [256], got [255]");
  EXPECT_EQ(error_of([&] { dense(zeros({2, 784}), weight, zeros({1, 256})); }),
            "[dense] expected bias [256], got [1, 256]");
  EXPECT_EQ(error_of([&] { dense(x, bias); }), "[dense] expected weight [out, in], got [256]");
  EXPECT_EQ(error_of([&] { dense(zeros({2, 784}, in_double()), weight, bias); }).substr(0, 8), "[dense] ");
  EXPECT_EQ(error_of([&] { dense(zeros({2, 784}, {.dtype = int32}), weight, bias); }).substr(0, 8), "[dense] ");
  EXPECT_NE(error_of([&] { layer(Tensor()); }), "no error");

  EXPECT_EQ(error_of([] { Dense(0, 10); }), "[Dense] in and out must be at least 1, got 0 and 10");
  EXPECT_EQ(error_of([] { Dense(3, -1); }), "[Dense] in and out must be at least 1, got 3 and -1");
  EXPECT_EQ(error_of([] { Dense(3, 1, {.dtype = int32}); }), "[Dense] expected float32 or float64, got int32");
  EXPECT_EQ(error_of([] { Dense(3, 1, {.init = nullptr}); }), "[Dense] init must be a function, got an empty one");
  const init::Initializer transposed = [](const Shape&, init::Fans, TensorOptions, Generator&) { return ones({3, 1}); };
  EXPECT_EQ(error_of([&] { Dense(3, 1, {.init = transposed}); }),
            "[Dense] init must return float32 [1, 3], got float32 [3, 1]");
}

// ---- Activations, Dropout, Flatten, Sequential ----

TEST(Activation, AppliesItsFormula) {
  const Tensor x = tensor({-2, 0, 3});
  ReLU rectify;
  LeakyReLU leak(0.25);
  Tanh squash;
  EXPECT_EQ(rectify(x).to_vector<float>(), (std::vector<float>{0, 0, 3}));
  EXPECT_EQ(leak(x).to_vector<float>(), (std::vector<float>{-0.5, 0, 3}));
  EXPECT_EQ(squash(x).to_vector<float>(), tanh(x).to_vector<float>());
}

TEST(Activation, DescribesItself) {
  EXPECT_EQ(ReLU().describe(), "ReLU()");
  EXPECT_EQ(ReLU({.slope_at_zero = 0}).describe(), "ReLU(0)");
  EXPECT_EQ(LeakyReLU().describe(), "LeakyReLU()");
  EXPECT_EQ(LeakyReLU(0.2).describe(), "LeakyReLU(0.2)");
  EXPECT_EQ(LeakyReLU({.slope_at_zero = 0}).describe(), "LeakyReLU(0.01, 0)");
  EXPECT_EQ(Sigmoid().describe(), "Sigmoid()");
}

TEST(Activation, InsistsOnThePapersRange) {
  EXPECT_EQ(error_of([] { LeakyReLU(1.0); }), "[LeakyReLU] alpha must lie in [0, 1), got 1");
  EXPECT_EQ(error_of([] { LeakyReLU(-0.1); }), "[LeakyReLU] alpha must lie in [0, 1), got -0.1");
  EXPECT_EQ(error_of([] { LeakyReLU(std::nan("")); }), "[LeakyReLU] alpha must lie in [0, 1), got nan");
  EXPECT_EQ(error_of([] { leaky_relu(tensor({1}), 1.5); }), "no error");  // the function takes any slope
}

TEST(Dropout, KeepsTheMeanAndDropsItsShare) {
  const int64_t n = 200000;
  for (const double p : {0.1, 0.5, 0.9}) {
    Generator generator(11);
    const auto y = dropout(ones({n}, in_double()), p, generator).to_vector<double>();
    int64_t dropped = 0;
    for (const double value : y) {
      if (value == 0) ++dropped;
      else ASSERT_DOUBLE_EQ(value, 1 / (1 - p));
    }
    const double share = static_cast<double>(dropped) / static_cast<double>(n);
    EXPECT_NEAR(share, p, 4 * std::sqrt(p * (1 - p) / static_cast<double>(n))) << p;  // 4 standard errors
  }
}

TEST(Dropout, SendsTheGradientThroughTheSameMask) {
  Generator generator(2);
  const Tensor x = ones({1000}, {.requires_grad = true});
  const Tensor y = dropout(x, 0.3, generator);
  sum(y).backward();
  EXPECT_EQ(x.grad().to_vector<float>(), y.to_vector<float>());

  gradcheck(
      [](const std::vector<Tensor>& in) {
        Generator same(4);
        return dropout(in[0], 0.5, same);
      },
      {randn({5, 4}, variable(), generator)});
}

TEST(Dropout, IsTheSameForTheSameSeedAndFreshAtEachCall) {
  Dropout layer(0.5);
  const Tensor x = ones({1000});
  manual_seed(7);
  const auto first = layer(x).to_vector<float>(), second = layer(x).to_vector<float>();
  manual_seed(7);
  EXPECT_EQ(layer(x).to_vector<float>(), first);
  EXPECT_EQ(layer(x).to_vector<float>(), second);
  EXPECT_NE(first, second);
}

TEST(Dropout, DoesNothingInEvaluation) {
  Dropout layer(0.9);
  layer.eval();
  const uint64_t ticket = default_generator().ticket();
  EXPECT_EQ(layer(ones({100})).to_vector<float>(), std::vector<float>(100, 1.0f));
  EXPECT_EQ(default_generator().ticket(), ticket);
  layer.train();
  EXPECT_NE(layer(ones({100})).to_vector<float>(), std::vector<float>(100, 1.0f));
  EXPECT_EQ(dropout(ones({100}), 0).to_vector<float>(), std::vector<float>(100, 1.0f));
}

TEST(Dropout, RefusesProbabilitiesOutsideItsRange) {
  EXPECT_EQ(error_of([] { Dropout(1.0); }), "[Dropout] p must lie in [0, 1), got 1");
  EXPECT_EQ(error_of([] { Dropout(-0.1); }), "[Dropout] p must lie in [0, 1), got -0.1");
  EXPECT_EQ(error_of([] { dropout(ones({2}), std::nan("")); }), "[dropout] p must lie in [0, 1), got nan");
  EXPECT_EQ(error_of([] { dropout(ones({2}, {.dtype = int32}), 0.5); }).substr(0, 10), "[dropout] ");
  EXPECT_EQ(Dropout(0.25).describe(), "Dropout(0.25)");
}

TEST(Flatten, JoinsAllAxesButTheFirst) {
  Flatten flat;
  EXPECT_EQ(flat(zeros({5, 2, 3, 4})).shape(), (Shape{5, 24}));
  EXPECT_EQ(flat(zeros({5, 2})).shape(), (Shape{5, 2}));
}

TEST(Sequential, CallsItsLayersInOrder) {
  manual_seed(1);
  Sequential model{Dense(3, 4), LeakyReLU(0.2), Dense(4, 2)};
  const auto parameters = model.parameters();
  ASSERT_EQ(parameters.size(), 4u);
  Generator generator(2);
  const Tensor x = randn({5, 3}, {}, generator);
  const Tensor by_hand = dense(leaky_relu(dense(x, parameters[0].tensor, parameters[1].tensor), 0.2),
                               parameters[2].tensor, parameters[3].tensor);
  EXPECT_EQ(model(x).to_vector<float>(), by_hand.to_vector<float>());
}

/// Counts how often it is asked to apply the formula of the layer that follows.
class Doubling : public Layer {
 public:
  mutable int fused = 0;

 private:
  Tensor forward(const Tensor& x) const override { return x * 2; }
  Tensor forward_with(const Tensor& x, const Unary& epilogue) const override {
    ++fused;
    return map(epilogue, x * 2);
  }
};
/// An activation of a program's own.
class Halve : public Layer {
 public:
  const Unary* epilogue() const override { return &leaky_; }

 private:
  Tensor forward(const Tensor& x) const override { return map(leaky_, x); }
  Unary leaky_ = formula::LeakyReLU{0.5};
};

TEST(Sequential, HandsAFormulaToTheLayerBeforeUnlessOneOfThemIsObserved) {
  Sequential model;
  Doubling& doubling = model.push_back(Doubling());
  Layer& halve = model.push_back(Halve());
  model.push_back(ReLU());  // Halve does not override forward_with(), and is then followed by this formula all the same
  const Tensor x = tensor({-4, 2});
  EXPECT_EQ(model(x).to_vector<float>(), (std::vector<float>{0, 4}));
  EXPECT_EQ(doubling.fused, 1);

  std::vector<float> seen;
  halve.add_observer([&](const Layer&, const Tensor&, const Tensor& y) {
    seen = y.to_vector<float>();
    return false;
  });
  EXPECT_EQ(model(x).to_vector<float>(), (std::vector<float>{0, 4}));
  EXPECT_EQ(doubling.fused, 1);
  EXPECT_EQ(seen, (std::vector<float>{-4, 4}));
  EXPECT_EQ(model(x).to_vector<float>(), (std::vector<float>{0, 4}));
  EXPECT_EQ(doubling.fused, 2);
}

TEST(Sequential, GrowsByPushBackAndIsTheIdentityWhenEmpty) {
  Sequential model;
  EXPECT_EQ(model(tensor({1, 2})).to_vector<float>(), (std::vector<float>{1, 2}));
  for (int i = 0; i < 3; ++i) {
    const Dense& dense = model.push_back(Dense(4, 4));
    EXPECT_EQ(dense.in(), 4);
    model.push_back(ReLU());
  }
  EXPECT_EQ(model(zeros({2, 4})).shape(), (Shape{2, 4}));
  EXPECT_EQ(names(model), (std::vector<std::string>{"0.weight", "0.bias", "2.weight", "2.bias", "4.weight", "4.bias"}));
}

TEST(Sequential, MakesTheSameModelFromTheSameSeed) {
  const auto weights = [] {
    manual_seed(9);
    Sequential model{Dense(3, 4), ReLU(), Dense(4, 2)};
    std::vector<float> all;
    for (const Parameter& parameter : model.parameters())
      for (const float value : parameter.tensor.to_vector<float>()) all.push_back(value);
    return all;
  };
  EXPECT_EQ(weights(), weights());
}

// ---- What every layer does ----

TEST(Layer, NamesParametersByTheirPlace) {
  EXPECT_EQ(names(Dense(2, 3)), (std::vector<std::string>{"weight", "bias"}));
  EXPECT_EQ(names(Dense(2, 3, {.bias = false})), (std::vector<std::string>{"weight"}));
  const Sequential model{Block(2), Scale(ones({2}))};
  EXPECT_EQ(names(model), (std::vector<std::string>{"0.first.weight", "0.first.bias", "0.second.weight",
                                                    "0.second.bias", "1.factor"}));
  for (const Parameter& parameter : model.parameters()) {
    EXPECT_TRUE(parameter.tensor.requires_grad());
    EXPECT_EQ(parameter.decay, parameter.name != "1.factor");
  }
}

TEST(Layer, KeepsReferencesAcrossMoves) {
  Block residual(3);
  const Dense* first = &residual.first;
  Sequential inner{std::move(residual)};
  Sequential model{std::move(inner), Dense(3, 2)};
  EXPECT_EQ(model.parameters().size(), 6u);
  EXPECT_EQ(model.parameters()[0].tensor.node(), first->weight.node());
  EXPECT_EQ(model(zeros({4, 3})).shape(), (Shape{4, 2}));
  sum(model(ones({4, 3}))).backward();
  EXPECT_TRUE(first->weight.grad().defined());
}

TEST(Layer, SeesAnAssignedParameterEverywhere) {
  Sequential model;
  Dense& layer = model.push_back(Dense(2, 1, {.bias = false}));
  layer.weight = tensor({{3, 4}}, {.requires_grad = true});
  EXPECT_EQ(model.parameters()[0].tensor.to_vector<float>(), (std::vector<float>{3, 4}));
  EXPECT_EQ(model(tensor({{1, 10}})).item(), 43);
}

TEST(Layer, ListsASharedTensorOnce) {
  const Tensor shared = ones({2});
  const Sequential model{Scale(shared), Scale(shared), Scale(ones({2}))};
  EXPECT_EQ(names(model), (std::vector<std::string>{"0.factor", "2.factor"}));
  EXPECT_NE(model.summary().find("total                       4\n"), std::string::npos) << model.summary();
}

TEST(Layer, RefusesToCallAnInnerLayerThatWasNotAdded) {
  Forgetful<Dense> forgetful(Dense(3, 4));
  EXPECT_EQ(error_of([&] { forgetful(zeros({1, 3})); }),
            "[Forgetful] calls Dense(3, 4), which it does not own: make it with add()");
  Sequential model{Forgetful<Dense>(Dense(3, 4))};
  EXPECT_EQ(error_of([&] { model(zeros({1, 3})); }),
            "[Forgetful] calls Dense(3, 4), which it does not own: make it with add()");
  Forgetful<Sequential> nested(Sequential{ReLU(), Dense(3, 4)});
  EXPECT_EQ(error_of([&] { nested(zeros({1, 3})); }),
            "[Forgetful] calls Sequential, which it does not own: make it with add()");

  Dense after(3, 4);  // the failed calls have left nothing behind
  EXPECT_EQ(after(zeros({1, 3})).shape(), (Shape{1, 4}));
  Forgetful<ReLU> harmless{ReLU()};
  EXPECT_EQ(harmless(tensor({-1, 1})).to_vector<float>(), (std::vector<float>{0, 1}));
}

TEST(Layer, MayCallALayerOfItsLayers) {
  class Reaching : public Layer {
   public:
    Reaching() : inner(add("inner", Sequential{Block(2)})) {}

   private:
    Tensor forward(const Tensor& x) const override { return static_cast<Block&>(inner[0]).first(x); }
    Sequential& inner;
  };
  Reaching reaching;
  EXPECT_EQ(reaching(zeros({1, 2})).shape(), (Shape{1, 2}));
}

TEST(Layer, PassesItsModeOn) {
  Sequential model{Dropout(), Sequential{Dropout()}};
  const Layer& inner = *model[1].children()[0].second;
  EXPECT_TRUE(model.training() && inner.training());
  model.eval();
  EXPECT_FALSE(model.training() || inner.training());
  model.train();
  EXPECT_TRUE(model.training() && inner.training());
}

TEST(Layer, ConvertsItsParameters) {
  const Tensor shared = tensor({2, 3});
  Sequential model{Dense(2, 2), Scale(shared), Scale(shared)};
  const auto before = model.parameters()[0].tensor.to_vector<float>();
  model.to(float64);
  ASSERT_EQ(model.parameters().size(), 3u);  // still shared
  for (const Parameter& parameter : model.parameters()) {
    EXPECT_EQ(parameter.tensor.dtype(), float64);
    EXPECT_TRUE(parameter.tensor.requires_grad() && parameter.tensor.is_leaf());
  }
  const auto after = model.parameters()[0].tensor.to_vector<double>();
  EXPECT_EQ(std::vector<double>(before.begin(), before.end()), after);
  EXPECT_EQ(model(ones({1, 2}, in_double())).dtype(), float64);
  model.to(Device::cpu());
  EXPECT_EQ(model.parameters()[0].tensor.to_vector<double>(), after);
  EXPECT_EQ(error_of([&] { model.to(int32); }), "[to] parameters are float32 or float64, got int32");
  EXPECT_EQ(model.parameters()[0].tensor.dtype(), float64);
}

TEST(Layer, GradientsOfACompositeEqualTheJacobian) {
  Generator generator(4);
  Sequential model;
  Dense& first = model.push_back(Dense(3, 4));
  model.push_back(Tanh());
  Dense& second = model.push_back(Dense(4, 2));
  model.to(float64);
  gradcheck(
      [&](const std::vector<Tensor>& in) {
        first.weight = in[1], first.bias = in[2], second.weight = in[3], second.bias = in[4];
        return model(in[0]);
      },
      {randn({5, 3}, variable(), generator), randn({4, 3}, variable(), generator), randn({4}, variable(), generator),
       randn({2, 4}, variable(), generator), randn({2}, variable(), generator)});
}

TEST(Layer, RefusesBadNamesAndValues) {
  class Twice : public Layer {
   public:
    Twice() {
      add("a", ones({1}));
      add("a", ReLU());
    }

   private:
    Tensor forward(const Tensor& x) const override { return x; }
  };
  EXPECT_EQ(error_of([] { Twice(); }), "[add] a name must be new in its layer, got \"a\" again");
  EXPECT_EQ(error_of([] { Scale(ones({1}), ""); }), "[add] a name must not be empty or have a dot, got \"\"");
  EXPECT_EQ(error_of([] { Scale(ones({1}), "a.b"); }), "[add] a name must not be empty or have a dot, got \"a.b\"");
  EXPECT_NE(error_of([] { Scale(ones({1}, {.dtype = int32})); }), "no error");
}

TEST(Layer, IsNamedAfterItsClassUnlessItSaysMore) {
  EXPECT_EQ(Block(2).describe(), "Block");
  EXPECT_EQ(Forgetful<ReLU>(ReLU()).describe(), "Forgetful");
}

TEST(Layer, SummarisesItself) {
  const Sequential model{Dense(784, 256), ReLU(), Dense(256, 10)};
  EXPECT_EQ(model.summary(),
            "name   layer            parameters\n"
            "----------------------------------\n"
            "       Sequential\n"
            "0      Dense(784, 256)     200,960\n"
            "1      ReLU()                    0\n"
            "2      Dense(256, 10)        2,570\n"
            "----------------------------------\n"
            "total                      203,530\n");
  EXPECT_NE(Dense(1000, 1000).summary().find("1,001,000\n"), std::string::npos);
  EXPECT_NE(Scale(ones({999})).summary().find(" 999\n"), std::string::npos);
}

TEST(Layer, SummarisesLongNamesIn80Columns) {
  class Wordy : public Layer {
   public:
    explicit Wordy(int depth) {
      if (depth > 0) add("a_name_of_some_length", Wordy(depth - 1));
    }
    std::string describe() const override { return std::string(200, 'x'); }

   private:
    Tensor forward(const Tensor& x) const override { return x; }
  };
  std::istringstream lines(Wordy(5).summary());
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80u) << line;
}

TEST(Layer, TakesAnAssignedParameterOfItsShapeAndDtypeOnly) {
  Dense dense(3, 4);
  const Tensor before = dense.weight;
  const std::string rule =
      "[assign] parameter \"weight\" must be assigned a tensor of its shape and dtype, [4, 3] float32, got ";
  EXPECT_EQ(error_of([&] { dense.weight = zeros({3, 3}); }), rule + "[3, 3] float32");
  EXPECT_EQ(error_of([&] { dense.weight = zeros({4, 3}, {.dtype = float64}); }), rule + "[4, 3] float64");
  EXPECT_EQ(error_of([&] { dense.weight = Tensor(); }),
            "[assign] parameter \"weight\" must be assigned a tensor of its shape and dtype, got an undefined one");
  EXPECT_TRUE(dense.weight.is(before));
  const Tensor next = ones({4, 3});
  dense.weight = next;
  EXPECT_TRUE(dense.weight.is(next));
  EXPECT_TRUE(next.requires_grad()) << "as the parameter that it replaces";
  const Tensor moved = std::move(dense.weight);
  EXPECT_TRUE(dense.weight.is(next)) << "a parameter stays";
  dense.weight.set_requires_grad(false);
  dense.weight = zeros({4, 3});
  EXPECT_FALSE(dense.weight.requires_grad()) << "a frozen one stays frozen";
}

TEST(Layer, NoticesATensorThatWantsAGradientButIsNoParameter) {
  class Forgetful : public Layer {
   public:
    Tensor scale = ones({2}, {.requires_grad = true});

   private:
    Tensor forward(const Tensor& x) const override { return x * scale; }
  };
  Forgetful layer;
  const std::string message =
      "[Forgetful] every tensor that wants a gradient must be an input, a layer's parameter (add()) or an optimizer's, "
      "got "
      "one of shape [2] that is neither";
  for (int i = 0; i < 2; ++i) EXPECT_EQ(error_of([&] { layer(ones({1, 2})); }), message);
  {
    const NoGrad quiet;
    layer(ones({1, 2}));  // nothing is trained here
  }
  // Not forgotten: an optimizer's tensor, another layer's parameter, an input.
  Forgetful trained;
  optim::SGD sgd({trained.scale}, {.learning_rate = 0.1});
  trained(ones({1, 2}, {.requires_grad = true}));
  class Borrowing : public Layer {
   public:
    explicit Borrowing(const Tensor& weight) : weight_(weight) {}

   private:
    Tensor forward(const Tensor& x) const override { return dense(x, weight_); }
    Tensor weight_;
  };
  Dense owner(2, 3);
  Borrowing borrowing(owner.weight);
  borrowing(ones({1, 2}));
}

TEST(Layer, KnowsAParameterThatWasFrozenAndThawed) {
  Dense dense(3, 2);
  for (const bool wants : {false, true}) dense.weight.set_requires_grad(wants);
  dense(ones({1, 3}));
  dense.weight.set_requires_grad(false);
  dense.weight = ones({2, 3});
  dense.weight.set_requires_grad(true);
  dense.add_observer([](const Layer&, const Tensor&, const Tensor&) { return true; });  // so that it is checked again
  dense(ones({1, 3}));
}

TEST(Layer, ObserversMayAddObserversAndThrow) {
  ReLU layer;
  std::vector<int> calls;
  layer.add_observer([&](const Layer&, const Tensor&, const Tensor&) {
    calls.push_back(0);
    for (int i = 0; i < 50; ++i)
      layer.add_observer([&](const Layer&, const Tensor&, const Tensor&) {
        calls.push_back(2);
        return false;
      });
    return false;
  });
  layer.add_observer([&](const Layer&, const Tensor&, const Tensor&) -> bool {
    calls.push_back(1);
    fail("observer", "sees enough");
  });
  EXPECT_EQ(error_of([&] { layer(ones({1})); }), "[observer] sees enough");
  EXPECT_EQ(calls, (std::vector<int>{0, 1}));
  calls.clear();
  EXPECT_EQ(error_of([&] { layer(ones({1})); }), "[observer] sees enough")
      << "the first one is done, the second is not";
  EXPECT_EQ(calls, (std::vector<int>{1}));
  EXPECT_EQ(error_of([&] { layer.add_observer({}); }), "[add_observer] expected a function, got an empty one");
}

TEST(Layer, AnObserverMayCallOtherLayers) {
  Dense model(2, 2), probe(2, 1);
  double seen = 0;
  model.add_observer([&](const Layer&, const Tensor&, const Tensor& y) {
    seen = probe(y.detach()).item();
    return true;
  });
  const Tensor y = model(ones({1, 2}));
  EXPECT_EQ(seen, probe(y.detach()).item());
}

TEST(Layer, AnObserverMayDestroyTheLayer) {
  auto layer = std::make_unique<Sequential>();
  int calls = 0;
  for (int i = 0; i < 2; ++i)
    layer->add_observer([&](const Layer&, const Tensor&, const Tensor&) {
      layer.reset();
      return ++calls > 0;
    });
  (*layer)(ones({1}));
  EXPECT_EQ(calls, 1) << "the second one is gone with the layer";
}

}  // namespace
}  // namespace ramp

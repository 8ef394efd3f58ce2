// What people do with a model beside plain training, in the way that a program writes it.

#include <gtest/gtest.h>

#include "error_of.h"
#include "ramp/ramp.h"

namespace ramp {
namespace {

using Numbers = std::vector<double>;

const DenseOptions in_double{.dtype = float64};

Tensor random(const Shape& shape, uint64_t seed) {
  Generator generator(seed);
  return randn(shape, {.dtype = float64}, generator);
}
Dense dense(int64_t in, int64_t out, uint64_t seed) {
  Generator generator(seed);
  return Dense(in, out, in_double, generator);
}
Numbers numbers(const Layer& layer) {
  Numbers all;
  for (const Parameter& parameter : layer.parameters())
    for (const double x : parameter.tensor.to_vector<double>()) all.push_back(x);
  return all;
}
void expect_near(const Numbers& got, const Numbers& expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 1e-12) << i;
}
void train(const Layer& model, optim::SGD& sgd, const Tensor& x, const Tensor& y) {
  sgd.zero_grad();
  mse(model(x), y).backward();
  sgd.step();
}

TEST(Recipes, FreezeALayerAndThawIt) {
  Sequential model{dense(3, 4, 1), ReLU(), dense(4, 2, 2)};
  optim::SGD sgd(model.parameters(), {.learning_rate = 0.1});
  const Tensor x = random({5, 3}, 3), y = random({5, 2}, 4);
  const Numbers first = numbers(model[0]), last = numbers(model[2]);

  for (Parameter parameter : model[0].parameters()) parameter.tensor.set_requires_grad(false);
  train(model, sgd, x, y);
  EXPECT_EQ(numbers(model[0]), first) << "frozen";
  EXPECT_NE(numbers(model[2]), last) << "trained";
}

TEST(Recipes, FreezeALayerBeforeTheOptimizerIsMade) {
  Sequential model{dense(3, 4, 1), ReLU(), dense(4, 2, 2)};
  for (Parameter parameter : model[0].parameters()) parameter.tensor.set_requires_grad(false);
  optim::SGD sgd(model[2].parameters(), {.learning_rate = 0.1});
  const Numbers first = numbers(model[0]), last = numbers(model[2]);
  train(model, sgd, random({5, 3}, 3), random({5, 2}, 4));
  EXPECT_EQ(numbers(model[0]), first) << "frozen";
  EXPECT_NE(numbers(model[2]), last) << "trained";
}

TEST(Recipes, TieTwoWeights) {
  Sequential model;
  Dense& first = model.push_back(dense(3, 3, 1));
  model.push_back(Tanh());
  Dense& second = model.push_back(dense(3, 3, 2));
  second.weight = first.weight;
  optim::SGD sgd(model.parameters(), {.learning_rate = 0.1});
  EXPECT_EQ(model.parameters().size(), 3U) << "one weight and two biases";

  const Tensor x = random({5, 3}, 3), y = random({5, 3}, 4);
  const Tensor w = Tensor(clone(first.weight.array()), true), v = Tensor(clone(first.weight.array()), true);
  mse(ramp::dense(tanh(ramp::dense(x, w, zeros({3}, {.dtype = float64}))), v, zeros({3}, {.dtype = float64})), y)
      .backward();
  const Numbers expected = (w - 0.1 * (w.grad() + v.grad())).to_vector<double>();
  train(model, sgd, x, y);
  expect_near(first.weight.to_vector<double>(), expected);
  EXPECT_TRUE(second.weight.is(first.weight));
}

TEST(Recipes, AccumulateTheGradientsOfTwoHalvesOfABatch) {
  Sequential whole{dense(3, 4, 1), ReLU(), dense(4, 2, 2)}, halves{dense(3, 4, 1), ReLU(), dense(4, 2, 2)};
  optim::SGD whole_sgd(whole.parameters(), {.learning_rate = 0.1});
  optim::SGD halves_sgd(halves.parameters(), {.learning_rate = 0.1});
  for (uint64_t step = 0; step < 3; ++step) {
    const Tensor x = random({8, 3}, step), y = random({8, 2}, 10 + step);
    train(whole, whole_sgd, x, y);

    halves_sgd.zero_grad();
    for (const int64_t begin : {0, 4}) {
      const Tensor loss = mse(halves(rows(x, begin, begin + 4)), rows(y, begin, begin + 4));
      (loss / 2).backward();
    }
    halves_sgd.step();
    expect_near(numbers(halves), numbers(whole));
  }
}

TEST(Recipes, AverageTheWeights) {
  const auto make = [] { return Sequential{dense(3, 4, 1), BatchNorm1d(4, {.dtype = float64}), dense(4, 2, 2)}; };
  Sequential model = make(), average = make();  // the same seed: the average starts at the model
  optim::SGD sgd(model.parameters(), {.learning_rate = 0.1});
  const std::vector<Parameter> from = model.parameters(), to = average.parameters();
  const double decay = 0.9;

  Numbers expected = numbers(model);
  for (uint64_t step = 0; step < 5; ++step) {
    train(model, sgd, random({8, 3}, step), random({8, 2}, 10 + step));
    const NoGrad no_grad;
    for (size_t i = 0; i < from.size(); ++i)
      copy((decay * to[i].tensor + (1 - decay) * from[i].tensor).array(), to[i].tensor.array());

    const Numbers now = numbers(model);
    for (size_t i = 0; i < now.size(); ++i) expected[i] = decay * expected[i] + (1 - decay) * now[i];
  }
  expect_near(numbers(average), expected);
  EXPECT_NE(numbers(average), numbers(model));
}

TEST(Recipes, TwoOptimizersOnOneModel) {
  const auto make = [] { return Sequential{dense(3, 4, 1), Tanh(), dense(4, 2, 2)}; };
  Sequential model = make(), twin = make();
  optim::SGD body(model[0].parameters(), {.learning_rate = 0.01}), head(model[2].parameters(), {.learning_rate = 0.2});
  // What one optimizer with a group for each layer does.
  optim::SGD both({{twin[0].parameters(), {.learning_rate = 0.01}}, {twin[2].parameters(), {.learning_rate = 0.2}}});
  for (uint64_t step = 0; step < 4; ++step) {
    const Tensor x = random({8, 3}, step), y = random({8, 2}, 10 + step);
    body.zero_grad(), head.zero_grad();
    mse(model(x), y).backward();
    body.step(), head.step();

    train(twin, both, x, y);
    expect_near(numbers(model), numbers(twin));
  }
}

}  // namespace
}  // namespace ramp

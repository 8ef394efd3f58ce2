// LayerNorm, BatchNorm1d and Residual: against an oracle in long double, their derivatives, running statistics, and
// captured steps.

#include <cmath>

#include "error_of.h"
#include "on_devices.h"
#include "ramp/core/autograd/gradcheck.h"
#include "ramp/ramp.h"

namespace ramp {
namespace {

using Numbers = std::vector<double>;

TensorOptions in_double() { return {.dtype = float64}; }
Numbers numbers(const Tensor& x) { return x.to(Device::cpu()).to(float64).to_vector<double>(); }

/// Mean and variance of the numbers begin, begin + stride, ..., count of them, in long double.
struct Moments {
  long double mean = 0, biased = 0, unbiased = 0;
  Moments(const Numbers& x, int64_t begin, int64_t stride, int64_t count) {
    for (int64_t i = 0; i < count; ++i) mean += static_cast<long double>(x[static_cast<size_t>(begin + i * stride)]);
    mean /= static_cast<long double>(count);
    for (int64_t i = 0; i < count; ++i) {
      const long double d = static_cast<long double>(x[static_cast<size_t>(begin + i * stride)]) - mean;
      biased += d * d;
    }
    unbiased = biased / static_cast<long double>(count - 1);
    biased /= static_cast<long double>(count);
  }
};

double normalized(double x, long double mean, long double variance, double eps, double weight, double bias) {
  const long double y = (static_cast<long double>(x) - mean) / std::sqrt(variance + static_cast<long double>(eps));
  return static_cast<double>(y * static_cast<long double>(weight) + static_cast<long double>(bias));
}

void expect_near(const Tensor& got, const Numbers& expected, double tolerance, const std::string& what) {
  const Numbers all = numbers(got);
  ASSERT_EQ(all.size(), expected.size()) << what;
  for (size_t i = 0; i < all.size(); ++i)
    EXPECT_NEAR(all[i], expected[i], tolerance * (1 + std::abs(expected[i]))) << what << ", element " << i;
}

class Normalization : public OnDevices {
 protected:
  Tensor random(const Shape& shape, uint64_t seed) const {
    Generator generator(seed);
    return (randn(shape, in_double(), generator) * 3 + 2).detach().to(dtype()).to(device());
  }
};
RAMP_ON_DEVICES(Normalization);

TEST_P(Normalization, LayerNormEqualsTheFormula) {
  const int64_t rows = 6, d = 5;
  for (const double eps : {1e-5, 0.5}) {
    LayerNorm layer(d, {.eps = eps, .dtype = dtype()});
    layer.to(device());
    layer.weight = random({d}, 2), layer.bias = random({d}, 3);
    const Tensor x = random({2, 3, d}, 1);
    const Numbers in = numbers(x), w = numbers(layer.weight), b = numbers(layer.bias);
    Numbers expected;
    for (int64_t i = 0; i < rows; ++i) {
      const Moments m(in, i * d, 1, d);
      for (int64_t j = 0; j < d; ++j)
        expected.push_back(normalized(in[static_cast<size_t>(i * d + j)], m.mean, m.biased, eps,
                                      w[static_cast<size_t>(j)], b[static_cast<size_t>(j)]));
    }
    for (const bool training : {true, false}) {
      layer.train(training);
      expect_near(layer(x), expected, 20 * tolerance(), "training " + std::to_string(training));
      EXPECT_EQ(layer(x).shape(), x.shape());
    }
  }
}

TEST_P(Normalization, BatchNormEqualsTheFormulaAndFollowsTheStatistics) {
  const int64_t n = 7, d = 4;
  const double eps = 1e-3, momentum = 0.3;
  BatchNorm1d layer(d, {.eps = eps, .momentum = momentum, .dtype = dtype()});
  layer.to(device());
  layer.weight = random({d}, 2), layer.bias = random({d}, 3);
  const Numbers w = numbers(layer.weight), b = numbers(layer.bias);
  Numbers mean(d, 0), variance(d, 1);
  for (uint64_t step = 0; step < 4; ++step) {
    const Tensor x = random({n, d}, 10 + step);
    const Numbers in = numbers(x);
    for (const bool training : {true, false}) {
      layer.train(training);
      Numbers expected(static_cast<size_t>(n * d));
      for (int64_t j = 0; j < d; ++j) {
        const auto column = static_cast<size_t>(j);
        const Moments m(in, j, d, n);
        if (training) {
          mean[column] = static_cast<double>(m.mean) * momentum + mean[column] * (1 - momentum);
          variance[column] = static_cast<double>(m.unbiased) * momentum + variance[column] * (1 - momentum);
        }
        for (int64_t i = 0; i < n; ++i) {
          const auto at = static_cast<size_t>(i * d + j);
          expected[at] = training ? normalized(in[at], m.mean, m.biased, eps, w[column], b[column])
                                  : normalized(in[at], mean[column], variance[column], eps, w[column], b[column]);
        }
      }
      expect_near(layer(x), expected, 20 * tolerance(), "training " + std::to_string(training));
      expect_near(layer.running_mean, mean, 20 * tolerance(), "running_mean");
      expect_near(layer.running_var, variance, 20 * tolerance(), "running_var");
    }
  }
}

TEST_P(Normalization, CapturedTrainingEqualsEagerTraining) {
  const auto make = [&] {
    Generator generator(4);
    const DenseOptions dense{.dtype = dtype()};
    Sequential model{Dense(3, 8, dense, generator),
                     BatchNorm1d(8, {.dtype = dtype()}),
                     ReLU(),
                     Residual(Sequential{LayerNorm(8, {.dtype = dtype()}), Dense(8, 8, dense, generator), Tanh()}),
                     BatchNorm1d(8, {.affine = false, .dtype = dtype()}),
                     Dense(8, 2, dense, generator)};
    model.to(device());
    return model;
  };
  Sequential eager = make(), captured = make();
  optim::SGD eager_sgd(eager.parameters(), {.learning_rate = 0.1, .momentum = 0.9});
  optim::SGD captured_sgd(captured.parameters(), {.learning_rate = 0.1, .momentum = 0.9});
  const auto train = [](Sequential& model, optim::SGD& sgd, const Tensor& x) {
    Tensor loss = mean(square(model(x) - 1));
    if (!model.training()) return loss;
    sgd.zero_grad();
    loss.backward();
    sgd.step();
    return loss;
  };
  auto step = capture([&](const Tensor& x) { return train(captured, captured_sgd, x); });
  for (uint64_t i = 0; i < 24; ++i) {
    const bool training = i < 10 || i >= 17;
    eager.train(training), captured.train(training);
    const Tensor x = random({6, 3}, i);
    expect_near(step(x), numbers(train(eager, eager_sgd, x)), 100 * tolerance(), "step " + std::to_string(i));
  }
  EXPECT_EQ(step.graphs(), 2) << "one to train, one to evaluate";
  EXPECT_EQ(step.eager_reason(), "");
  const std::vector<Buffer> a = captured.buffers(), b = eager.buffers();
  ASSERT_EQ(a.size(), 4U);
  for (size_t i = 0; i < a.size(); ++i) expect_near(a[i].tensor, numbers(b[i].tensor), 100 * tolerance(), a[i].name);
  const std::vector<Parameter> p = captured.parameters(), q = eager.parameters();
  for (size_t i = 0; i < p.size(); ++i) expect_near(p[i].tensor, numbers(q[i].tensor), 100 * tolerance(), p[i].name);
}

// ---- Derivatives ----

/// The input and, if the layer is affine, weight and bias, all to be differentiated.
std::vector<Tensor> variables(const Shape& shape, int64_t d, bool affine) {
  Generator generator(5);
  const TensorOptions variable{.dtype = float64, .requires_grad = true};
  std::vector<Tensor> all{randn(shape, variable, generator)};
  if (affine) all.push_back(randn({d}, variable, generator)), all.push_back(randn({d}, variable, generator));
  return all;
}

template <class L>
void expect_right_derivatives(L layer, const Shape& shape, int64_t d) {
  const bool affine = layer.weight.defined();
  gradcheck(
      [&](const std::vector<Tensor>& in) {
        if (affine) layer.weight = in[1], layer.bias = in[2];
        return layer(in[0]);
      },
      variables(shape, d, affine));
}

TEST(LayerNorm, GradientsEqualTheJacobian) {
  for (const bool affine : {true, false})
    for (const double eps : {1e-5, 0.3}) {
      const LayerNormOptions options{.eps = eps, .affine = affine, .dtype = float64};
      expect_right_derivatives(LayerNorm(4, options), {3, 4}, 4);
      expect_right_derivatives(LayerNorm(3, options), {2, 2, 3}, 3);
    }
}

TEST(BatchNorm1d, GradientsEqualTheJacobianInBothModes) {
  for (const bool affine : {true, false})
    for (const double eps : {1e-5, 0.3})
      for (const bool training : {true, false}) {
        BatchNorm1d layer(3, {.eps = eps, .affine = affine, .dtype = float64});
        layer.running_mean = tensor({0.5, -1, 2}).to(float64);
        layer.running_var = tensor({0.25, 3, 1.5}).to(float64);
        layer.train(training);
        if (training) expect_right_derivatives(std::move(layer), {5, 3}, 3);
        else expect_right_derivatives(std::move(layer), {1, 3}, 3);
      }
}

TEST(Residual, GradientsEqualTheJacobian) {
  Generator generator(6);
  Residual layer(
      Sequential{Dense(3, 5, {.dtype = float64}, generator), Tanh(), Dense(5, 3, {.dtype = float64}, generator)});
  gradcheck([&](const std::vector<Tensor>& in) { return layer(in[0]); },
            {randn({4, 3}, {.dtype = float64, .requires_grad = true}, generator)});
}

// ---- The rest ----

TEST(LayerNorm, OfEqualNumbersIsItsBias) {
  LayerNorm layer(4);
  layer.bias = tensor({1, 2, 3, 4});
  EXPECT_EQ(layer(full({2, 4}, 7)).to_vector<float>(), (std::vector<float>{1, 2, 3, 4, 1, 2, 3, 4}));
  EXPECT_EQ(layer(zeros({0, 4})).shape(), (Shape{0, 4}));
}

TEST(LayerNorm, KeepsItsDigitsFarFromZero) {
  const LayerNorm layer(4, {.affine = false});
  const std::vector<float> y = layer(tensor({{10000, 10001, 10002, 10003}})).to_vector<float>();
  const Numbers expected{-1.3416353, -0.4472118, 0.4472118, 1.3416353};  // (-3, -1, 1, 3) / 2 / sqrt(1.25 + 1e-5)
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(y[i], expected[i], 1e-6) << i;
}

TEST(BatchNorm1d, LeavesItsBuffersOutOfTrainingAndMovesThem) {
  Sequential model{BatchNorm1d(3)};
  EXPECT_EQ(model.parameters().size(), 2U);
  ASSERT_EQ(model.buffers().size(), 2U);
  EXPECT_EQ(model.buffers()[0].name, "0.running_mean");
  EXPECT_EQ(model.buffers()[1].name, "0.running_var");
  model.to(float64);
  EXPECT_EQ(model(ones({2, 3}, in_double())).dtype(), float64);
  optim::SGD(model.parameters(), {.learning_rate = 0.1});
}

TEST(BatchNorm1d, MayEvaluateBetweenForwardAndBackward) {
  BatchNorm1d layer(2, {.dtype = float64});
  const Tensor x = tensor({{1, 5}, {2, 3}, {7, 1}}).to(float64);
  const auto gradient = [&](bool twice) {
    layer.zero_grad();
    const Tensor loss = sum(square(layer(x)) * x);
    if (twice) layer(x * 5);  // writes the running statistics
    loss.backward();
    return layer.weight.grad().to_vector<double>();
  };
  EXPECT_EQ(gradient(true), gradient(false));
  layer.eval();
  const auto in_evaluation = gradient(false);
  const Tensor loss = sum(square(layer(x)) * x);
  layer.zero_grad();
  layer.train();
  layer(x);
  loss.backward();
  EXPECT_EQ(layer.weight.grad().to_vector<double>(), in_evaluation);
}

TEST(BatchNorm1d, RefusesWhatDoesNotFitAndKeepsItsStatistics) {
  const BatchNorm1d layer(3);
  EXPECT_EQ(error_of([&] { layer(ones({1, 3})); }), "[BatchNorm1d] training needs at least 2 rows, got [1, 3]");
  EXPECT_EQ(error_of([&] { layer(ones({2, 4})); }), "[BatchNorm1d] expected input [n, 3], got [2, 4]");
  EXPECT_EQ(error_of([&] { layer(ones({3})); }), "[BatchNorm1d] expected input [n, 3], got [3]");
  EXPECT_EQ(error_of([&] { layer(ones({2, 3}, in_double())); }).substr(0, 14), "[BatchNorm1d] ");
  EXPECT_EQ(layer.running_mean.to_vector<float>(), (std::vector<float>{0, 0, 0}));
  EXPECT_EQ(error_of([] { BatchNorm1d(0); }), "[BatchNorm1d] the number of features must be at least 1, got 0");
  EXPECT_EQ(error_of([] { BatchNorm1d(1, {.eps = 0}); }), "[BatchNorm1d] eps must be positive and finite, got 0");
  EXPECT_EQ(error_of([] { BatchNorm1d(1, {.momentum = 1.5}); }), "[BatchNorm1d] momentum must lie in [0, 1], got 1.5");
  EXPECT_EQ(error_of([] { BatchNorm1d(1, {.dtype = int32}); }), "[BatchNorm1d] expected float32 or float64, got int32");
}

TEST(LayerNorm, RefusesWhatDoesNotFit) {
  const LayerNorm layer(3);
  EXPECT_EQ(error_of([&] { layer(ones({2, 4})); }), "[LayerNorm] expected input [..., 3], got [2, 4]");
  EXPECT_EQ(error_of([&] { layer(ones({})); }), "[LayerNorm] expected input [..., 3], got []");
  EXPECT_EQ(error_of([&] { layer(ones({2, 3}, in_double())); }).substr(0, 12), "[LayerNorm] ");
  EXPECT_EQ(error_of([] { LayerNorm(3, {.affine = false})(ones({2, 3}, {.dtype = int32})); }).substr(0, 12),
            "[LayerNorm] ");
  EXPECT_EQ(error_of([] { LayerNorm(-1); }), "[LayerNorm] the number of features must be at least 1, got -1");
  EXPECT_EQ(error_of([] { LayerNorm(1, {.eps = std::nan("")}); }),
            "[LayerNorm] eps must be positive and finite, got nan");
}

TEST(LayerNorm, DescribesItself) {
  EXPECT_EQ(LayerNorm(8).describe(), "LayerNorm(8)");
  EXPECT_EQ(LayerNorm(8, {.eps = 0.5, .affine = false}).describe(), "LayerNorm(8, {.eps = 0.5, .affine = false})");
  EXPECT_EQ(BatchNorm1d(8).describe(), "BatchNorm1d(8)");
  EXPECT_EQ(BatchNorm1d(8, {.momentum = 0.5}).describe(), "BatchNorm1d(8, {.momentum = 0.5})");
}

TEST(Residual, AddsItsInput) {
  Residual layer(Dense(2, 2, {.init = init::constant(1)}));
  EXPECT_EQ(layer(tensor({{1, 2}})).to_vector<float>(), (std::vector<float>{4, 5}));
  EXPECT_EQ(layer.parameters()[0].name, "inner.weight");
  Residual narrow(Dense(2, 1));
  EXPECT_EQ(error_of([&] { narrow(ones({4, 2})); }),
            "[Residual] the inner layer must keep the shape [4, 2] of its input, got [4, 1]");
  Sequential model{Residual(Sequential{Residual(Dense(3, 3)), ReLU()}), Residual(ReLU())};
  EXPECT_EQ(model(ones({2, 3})).shape(), (Shape{2, 3}));
  EXPECT_EQ(model.parameters()[0].name, "0.inner.0.inner.weight");
}

}  // namespace
}  // namespace ramp

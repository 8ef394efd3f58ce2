// Losses and accuracy, against formulas written out by hand.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <sstream>

#include "error_of.h"
#include "ramp/core/autograd/create.h"
#include "ramp/core/autograd/gradcheck.h"
#include "ramp/layers/dense.h"
#include "ramp/layers/dropout.h"
#include "ramp/layers/losses.h"
#include "ramp/layers/metrics.h"
#include "ramp/layers/sequential.h"

namespace ramp {
namespace {

TensorOptions in_double() { return {.dtype = float64}; }
TensorOptions variable() { return {.dtype = float64, .requires_grad = true}; }

Tensor labels_of(const std::vector<int32_t>& labels) {
  return from_vector(labels, {static_cast<int64_t>(labels.size())});
}

/// -sum_c w_c t_c log softmax(z)_c with t = (1 - e) onehot(label) + e / C, a row at a time.
std::vector<double> losses_by_hand(const Tensor& logits, const std::vector<int32_t>& labels, double e = 0,
                                   const std::vector<double>& weights = {}) {
  const auto z = logits.to_vector<double>();
  const auto classes = static_cast<size_t>(logits.size(1));
  std::vector<double> losses;
  for (size_t row = 0; row < labels.size(); ++row) {
    double total = 0, loss = 0;
    for (size_t c = 0; c < classes; ++c) total += std::exp(z[row * classes + c]);
    for (size_t c = 0; c < classes; ++c) {
      const double target = (1 - e) * (static_cast<int32_t>(c) == labels[row]) + e / static_cast<double>(classes);
      const double weight = weights.empty() ? 1 : weights[c];
      loss -= weight * target * (z[row * classes + c] - std::log(total));
    }
    losses.push_back(loss);
  }
  return losses;
}

double total(const std::vector<double>& values) { return std::accumulate(values.begin(), values.end(), 0.0); }

void expect_near(const std::vector<double>& got, const std::vector<double>& wanted, double tolerance = 1e-13) {
  ASSERT_EQ(got.size(), wanted.size());
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_NEAR(got[i], wanted[i], tolerance * std::max(1.0, std::abs(wanted[i]))) << "element " << i;
}

const std::vector<int32_t> six_labels{0, 3, 2, 2, 1, 3};
Tensor six_logits() {
  Generator generator(1);
  return randn({6, 4}, in_double(), generator) * 3;
}

// ---- Cross-entropy ----

TEST(CrossEntropy, EqualsTheFormulaUnderEveryReduction) {
  const Tensor logits = six_logits(), labels = labels_of(six_labels);
  const std::vector<double> losses = losses_by_hand(logits, six_labels);
  const Tensor none = cross_entropy(logits, labels, {.reduction = Reduction::none});
  EXPECT_EQ(none.shape(), Shape{6});
  expect_near(none.to_vector<double>(), losses);
  const Tensor mean = cross_entropy(logits, labels);
  EXPECT_EQ(mean.shape(), Shape{});
  EXPECT_NEAR(mean.item(), total(losses) / 6, 1e-13);
  EXPECT_NEAR(cross_entropy(logits, labels, {.reduction = Reduction::sum}).item(), total(losses), 1e-12);
}

TEST(CrossEntropy, OfEqualLogitsIsLogC) {
  for (const int64_t classes : {1, 2, 10, 1000}) {
    const Tensor labels = labels_of({0, static_cast<int32_t>(classes - 1)});
    const double log_c = std::log(static_cast<double>(classes));
    EXPECT_NEAR(cross_entropy(full({2, classes}, 5, in_double()), labels).item(), log_c, 1e-14);
    EXPECT_NEAR(cross_entropy(full({2, classes}, -3), labels).item(), log_c, 1e-6 * std::max(1.0, log_c));
  }
}

TEST(CrossEntropy, StaysExactForExtremeLogits) {
  for (const DType dtype : {float32, float64}) {
    const Tensor logits = tensor({{1e4, 0, -1e4}, {1e4, 0, -1e4}, {1e4, 0, -1e4}, {-1e4, -1e4, -1e4}},
                                 {.dtype = dtype, .requires_grad = true});
    const Tensor losses = cross_entropy(logits, labels_of({0, 1, 2, 1}), {.reduction = Reduction::none});
    expect_near(losses.to(float64).to_vector<double>(), {0, 1e4, 2e4, std::log(3.0)}, 1e-6);
    losses.backward(ones({4}, {.dtype = dtype}));
    const double third = 1.0 / 3;
    expect_near(logits.grad().to(float64).to_vector<double>(), {0, 0, 0, 1, -1, 0, 1, 0, -1, third, third - 1, third},
                1e-6);
  }
}

TEST(CrossEntropy, DoesNotChangeUnderAShiftOfTheLogits) {
  const Tensor logits = six_logits(), labels = labels_of(six_labels);
  EXPECT_NEAR(cross_entropy(logits + 100, labels).item(), cross_entropy(logits, labels).item(), 1e-13);
}

TEST(CrossEntropy, GradientIsSoftmaxMinusOnehot) {
  const Tensor logits = six_logits().set_requires_grad();
  cross_entropy(logits, labels_of(six_labels)).backward();
  std::vector<double> wanted = softmax(logits.detach()).to_vector<double>();
  for (size_t row = 0; row < 6; ++row) wanted[row * 4 + static_cast<size_t>(six_labels[row])] -= 1;
  for (double& value : wanted) value /= 6;
  expect_near(logits.grad().to_vector<double>(), wanted, 1e-14);
}

TEST(CrossEntropy, GradientsEqualTheJacobianUnderEveryOption) {
  const Tensor labels = labels_of(six_labels);
  for (const Reduction reduction : {Reduction::mean, Reduction::sum, Reduction::none})
    for (const double smoothing : {0.0, 0.1, 1.0})
      for (const std::vector<double>& weights : {std::vector<double>{}, std::vector<double>{0.5, 2, 0, 1}})
        for (const std::optional<int> ignored : {std::optional<int>(), std::optional<int>(3)}) {
          const CrossEntropyOptions options{reduction, smoothing, weights, ignored};
          gradcheck([&](const std::vector<Tensor>& in) { return cross_entropy(in[0], labels, options); },
                    {six_logits().set_requires_grad()});
        }
}

TEST(CrossEntropy, SmoothsLabels) {
  const Tensor logits = six_logits(), labels = labels_of(six_labels);
  const double plain = cross_entropy(logits, labels).item();
  const double uniform = -mean(log_softmax(logits)).item();
  for (const double e : {0.0, 0.1, 0.7, 1.0}) {
    const Tensor smoothed = cross_entropy(logits, labels, {.reduction = Reduction::none, .label_smoothing = e});
    expect_near(smoothed.to_vector<double>(), losses_by_hand(logits, six_labels, e));
    EXPECT_NEAR(cross_entropy(logits, labels, {.label_smoothing = e}).item(), (1 - e) * plain + e * uniform, 1e-13);
  }
}

TEST(CrossEntropy, WeighsClasses) {
  const Tensor logits = six_logits(), labels = labels_of(six_labels);
  const std::vector<double> weights{0.5, 2, 0, 3};
  double weight = 0;
  for (const int32_t label : six_labels) weight += weights[static_cast<size_t>(label)];
  for (const double e : {0.0, 0.2}) {
    const std::vector<double> losses = losses_by_hand(logits, six_labels, e, weights);
    const auto with = [&](Reduction reduction) {
      return cross_entropy(logits, labels, {.reduction = reduction, .label_smoothing = e, .class_weights = weights});
    };
    expect_near(with(Reduction::none).to_vector<double>(), losses);
    EXPECT_NEAR(with(Reduction::sum).item(), total(losses), 1e-12);
    EXPECT_NEAR(with(Reduction::mean).item(), total(losses) / weight, 1e-13);
  }
  EXPECT_NEAR(cross_entropy(logits, labels, {.class_weights = {7, 7, 7, 7}}).item(),
              cross_entropy(logits, labels).item(), 1e-13);
}

TEST(CrossEntropy, LeavesIgnoredRowsOut) {
  Generator generator(3);
  Tensor logits = randn({4, 3}, in_double(), generator).set_requires_grad();
  for (const int ignored : {-100, 1}) {
    const Tensor labels = labels_of({2, ignored, 0, ignored});
    const std::vector<double> kept = losses_by_hand(logits.detach(), {2, 0, 0, 0});
    const auto with = [&](Reduction reduction) {
      return cross_entropy(logits, labels, {.reduction = reduction, .ignore_index = ignored});
    };
    expect_near(with(Reduction::none).to_vector<double>(), {kept[0], 0, kept[2], 0});
    EXPECT_NEAR(with(Reduction::sum).item(), kept[0] + kept[2], 1e-13);
    EXPECT_NEAR(with(Reduction::mean).item(), (kept[0] + kept[2]) / 2, 1e-13);
    logits.zero_grad();
    with(Reduction::mean).backward();
    const auto gradient = logits.grad().to_vector<double>();
    for (const size_t row : {1u, 3u})
      for (size_t c = 0; c < 3; ++c) EXPECT_EQ(gradient[row * 3 + c], 0);
    EXPECT_NE(gradient[0], 0);
  }
}

TEST(CrossEntropy, TakesLogitsThatWantNoGradient) {
  EXPECT_FALSE(cross_entropy(zeros({1, 2}), labels_of({0})).requires_grad());
}

TEST(CrossEntropy, PassesNaNOn) {
  const Tensor logits = tensor({{std::nan(""), 0}, {0, 0}});
  const auto losses = cross_entropy(logits, labels_of({1, 1}), {.reduction = Reduction::none}).to_vector<float>();
  EXPECT_TRUE(std::isnan(losses[0]));
  EXPECT_FLOAT_EQ(losses[1], std::log(2.0f));
}

TEST(CrossEntropy, RefusesWhatDoesNotFit) {
  const Tensor logits = zeros({2, 3}), labels = labels_of({0, 2});
  const auto error = [&](const Tensor& z, const Tensor& y, const CrossEntropyOptions& options = {}) {
    return error_of([&] { cross_entropy(z, y, options); });
  };
  EXPECT_EQ(error(logits, labels), "no error");
  EXPECT_EQ(error(zeros({3}), labels), "[cross_entropy] expected logits [n, C], got [3]");
  EXPECT_EQ(error(zeros({2, 3}, {.dtype = int32}), labels).substr(0, 16), "[cross_entropy] ");
  EXPECT_EQ(error(logits, zeros({2})), "[cross_entropy] expected int32 labels, got float32");
  EXPECT_EQ(error(logits, zeros({2}, {.dtype = uint8})), "[cross_entropy] expected int32 labels, got uint8");
  EXPECT_EQ(error(logits, labels_of({0})), "[cross_entropy] expected labels [2], got [1]");
  EXPECT_EQ(error(logits, zeros({2, 1}, {.dtype = int32})), "[cross_entropy] expected labels [2], got [2, 1]");
  EXPECT_EQ(error(zeros({0, 3}), zeros({0}, {.dtype = int32})),
            "[cross_entropy] a batch needs rows and classes, got logits [0, 3]");
  EXPECT_EQ(error(zeros({2, 0}), labels), "[cross_entropy] a batch needs rows and classes, got logits [2, 0]");
  EXPECT_NE(error(Tensor(), labels), "no error");
  EXPECT_NE(error(logits, Tensor()), "no error");

  for (const int32_t bad : {3, -1, std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()})
    for (const CrossEntropyOptions& options : {CrossEntropyOptions{}, CrossEntropyOptions{.ignore_index = -100}}) {
      const std::string message = error(logits, labels_of({0, bad}), options);
      EXPECT_EQ(message.substr(0, 16), "[cross_entropy] ");
      EXPECT_NE(message.find(std::to_string(bad)), std::string::npos) << message;
      EXPECT_NE(message.find("row 1"), std::string::npos) << message;
    }

  EXPECT_EQ(error(logits, labels, {.label_smoothing = -0.1}),
            "[cross_entropy] label_smoothing must lie in [0, 1], got -0.1");
  EXPECT_EQ(error(logits, labels, {.label_smoothing = 1.5}),
            "[cross_entropy] label_smoothing must lie in [0, 1], got 1.5");
  EXPECT_EQ(error(logits, labels, {.label_smoothing = std::nan("")}),
            "[cross_entropy] label_smoothing must lie in [0, 1], got nan");
  EXPECT_EQ(error(logits, labels, {.class_weights = {1, 2}}), "[cross_entropy] expected 3 class_weights, got 2");
  EXPECT_EQ(error(logits, labels, {.class_weights = {1, -2, 1}}),
            "[cross_entropy] class_weights must be finite and at least 0, got -2");
  EXPECT_EQ(error(logits, labels, {.class_weights = {1, INFINITY, 1}}),
            "[cross_entropy] class_weights must be finite and at least 0, got inf");
  EXPECT_EQ(error(logits, labels, {.class_weights = {0, 1, 0}}),
            "[cross_entropy] a mean needs labels whose weights do not sum to 0, got 0");
  EXPECT_EQ(error(logits, labels_of({1, 1}), {.ignore_index = 1}),
            "[cross_entropy] a mean needs labels whose weights do not sum to 0, got 0");
  EXPECT_EQ(error(logits, labels_of({1, 1}), {.reduction = Reduction::sum, .ignore_index = 1}), "no error");
}

// ---- Mean squared error ----

TEST(MSE, EqualsTheFormulaUnderEveryReduction) {
  const Tensor prediction = tensor({{1, 2}, {3, 4}}), target = tensor({{0, 2}, {5, 1}});
  EXPECT_EQ(mse(prediction, target, Reduction::none).to_vector<float>(), (std::vector<float>{1, 0, 4, 9}));
  EXPECT_EQ(mse(prediction, target, Reduction::sum).item(), 14);
  EXPECT_EQ(mse(prediction, target).item(), 3.5);
}

TEST(MSE, GradientsEqualTheJacobian) {
  Generator generator(2);
  for (const Reduction reduction : {Reduction::mean, Reduction::sum, Reduction::none})
    gradcheck([&](const std::vector<Tensor>& in) { return mse(in[0], in[1], reduction); },
              {randn({3, 2}, variable(), generator), randn({3, 2}, variable(), generator)});
}

TEST(MSE, RefusesWhatDoesNotFit) {
  EXPECT_EQ(error_of([] { mse(zeros({2, 1}), zeros({2})); }),
            "[mse] prediction and target must have equal shapes, got [2, 1] and [2]");
  EXPECT_EQ(error_of([] { mse(zeros({2}), zeros({2}, in_double())); }).substr(0, 6), "[mse] ");
  EXPECT_EQ(error_of([] { mse(zeros({0, 2}), zeros({0, 2})); }), "[mse] a batch must not be empty, got [0, 2]");
}

// ---- The other losses ----

constexpr Reduction reductions[] = {Reduction::mean, Reduction::sum, Reduction::none};

TEST(NLL, PicksTheLabelsLogProbability) {
  const Tensor x = log_softmax(six_logits()), labels = labels_of(six_labels);
  for (const Reduction reduction : reductions) {
    expect_near(nll(x, labels, reduction).to_vector<double>(),
                cross_entropy(six_logits(), labels, {.reduction = reduction}).to_vector<double>());
    gradcheck([&](const std::vector<Tensor>& in) { return nll(in[0], labels, reduction); },
              {six_logits().set_requires_grad()});
  }
  // An impossible class costs nothing as long as it is not the label.
  const Tensor impossible = tensor({{0, -INFINITY}, {-INFINITY, 0}});
  EXPECT_EQ(nll(impossible, labels_of({0, 1})).item(), 0);
  EXPECT_EQ(nll(impossible, labels_of({1, 1})).item(), INFINITY);
}

TEST(NLL, RefusesWhatDoesNotFit) {
  const Tensor x = zeros({2, 3});
  EXPECT_EQ(error_of([&] { nll(zeros({3}), labels_of({0})); }), "[nll] expected log-probabilities [n, C], got [3]");
  EXPECT_EQ(error_of([&] { nll(x, zeros({2})); }), "[nll] expected int32 labels, got float32");
  EXPECT_EQ(error_of([&] { nll(x, labels_of({0})); }), "[nll] expected labels [2], got [1]");
  EXPECT_EQ(error_of([&] { nll(x, labels_of({0, 3})); }), "[nll] labels must lie in [0, 3), got 3 at row 1");
  EXPECT_EQ(error_of([&] { nll(x, labels_of({-1, 0})); }), "[nll] labels must lie in [0, 3), got -1 at row 0");
  EXPECT_EQ(error_of([&] { nll(zeros({0, 3}), labels_of({})); }),
            "[nll] a batch needs rows and classes, got log-probabilities [0, 3]");
}

TEST(PairLosses, GradientsEqualTheJacobian) {
  Generator generator(4);
  const Tensor a = randn({3, 2}, in_double(), generator), b = randn({3, 2}, in_double(), generator);
  const Tensor target = ramp::uniform({3, 2}, 0.1, 0.9, in_double(), generator);  // so that a step stays in [0, 1]
  const auto leaf = [](const Tensor& x) { return x.detach().set_requires_grad(); };
  for (const Reduction reduction : reductions) {
    gradcheck([&](const std::vector<Tensor>& in) { return l1(in[0], in[1], reduction); }, {leaf(a), leaf(b)});
    for (const double delta : {0.2, 1.0, 9.0})
      gradcheck([&](const std::vector<Tensor>& in) { return huber(in[0], in[1], {delta, reduction}); },
                {leaf(a), leaf(b)});
    gradcheck([&](const std::vector<Tensor>& in) { return binary_cross_entropy_with_logits(in[0], in[1], reduction); },
              {leaf(a), leaf(target)});
  }
}

TEST(Huber, IsAParabolaThatGoesOverIntoLines) {
  const Tensor losses = huber(tensor({0, 0.5, -1, 3, -5}), zeros({5}), {.delta = 2, .reduction = Reduction::none});
  EXPECT_EQ(losses.to_vector<float>(), (std::vector<float>{0, 0.125, 0.5, 4, 8}));
  Tensor far = tensor({INFINITY, -INFINITY, 1e30}, variable());
  huber(far, zeros({3}, in_double()), {.delta = 2, .reduction = Reduction::sum}).backward();
  EXPECT_EQ(far.grad().to_vector<double>(), (std::vector<double>{2, -2, 2}));
  EXPECT_TRUE(std::isnan(huber(tensor({std::nan("")}), zeros({1})).item()));
}

TEST(BinaryCrossEntropy, KeepsItsDigitsForLargeLogits) {
  const auto loss = [](double x, double t) {
    return binary_cross_entropy_with_logits(tensor({x}, in_double()), tensor({t}, in_double())).item();
  };
  EXPECT_DOUBLE_EQ(loss(0, 0.3), std::numbers::ln2);
  EXPECT_DOUBLE_EQ(loss(40, 1), std::exp(-40));
  EXPECT_DOUBLE_EQ(loss(-40, 0), std::exp(-40));
  EXPECT_EQ(loss(1e4, 1), 0);
  EXPECT_EQ(loss(1e4, 0), 1e4);
  EXPECT_EQ(loss(-1e4, 1), 1e4);
  Tensor x = tensor({1e4, -1e4, 0}, variable());
  binary_cross_entropy_with_logits(x, tensor({0, 1, 1}, in_double()), Reduction::sum).backward();
  EXPECT_EQ(x.grad().to_vector<double>(), (std::vector<double>{1, -1, -0.5}));
}

TEST(PairLosses, RefuseWhatDoesNotFit) {
  EXPECT_EQ(error_of([] { l1(zeros({2, 1}), zeros({2})); }),
            "[l1] prediction and target must have equal shapes, got [2, 1] and [2]");
  EXPECT_EQ(error_of([] { huber(zeros({0}), zeros({0})); }), "[huber] a batch must not be empty, got [0]");
  for (const double delta :
       {0.0, -1.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()})
    EXPECT_EQ(error_of([&] { huber(zeros({1}), zeros({1}), {.delta = delta}); }).substr(0, 46),
              "[huber] delta must be positive and finite, got");
  EXPECT_EQ(error_of([] { binary_cross_entropy_with_logits(zeros({3}), zeros({2})); }),
            "[binary_cross_entropy_with_logits] logits and targets must have equal shapes, got [3] and [2]");
  EXPECT_EQ(error_of([] { binary_cross_entropy_with_logits(zeros({2}), tensor({1, -1})); }),
            "[binary_cross_entropy_with_logits] targets must lie in [0, 1], got -1 at element 1");
  EXPECT_EQ(error_of([] { binary_cross_entropy_with_logits(zeros({2}), tensor({1, 2})); }),
            "[binary_cross_entropy_with_logits] targets must lie in [0, 1], got 2 at element 1");
  EXPECT_NE(error_of([] { binary_cross_entropy_with_logits(zeros({1}), tensor({std::nan("")})); }), "no error");
  EXPECT_NE(error_of([] { binary_cross_entropy_with_logits(zeros({1}), zeros({1}, {.dtype = int32})); }), "no error");
}

TEST(L1Penalty, AddsUpSizesAndLeavesZerosAtRest) {
  Tensor x = tensor({{1, -2}, {0, 3}}, variable());
  const Tensor penalty = l1_penalty(x);
  EXPECT_EQ(penalty.item(), 6);
  penalty.backward();
  EXPECT_EQ(x.grad().to_vector<double>(), (std::vector<double>{1, -1, 0, 1}));

  const Tensor exempt = tensor({100}, variable());
  EXPECT_EQ(l1_penalty({Parameter("w", x, true), Parameter("slope", exempt, false), Parameter("b", x, true)}).item(),
            12);
  EXPECT_EQ(error_of([&] { l1_penalty({Parameter("slope", exempt, false)}); }),
            "[l1_penalty] expected a parameter that decay may pull at, got none");
  EXPECT_NE(error_of([] { l1_penalty(zeros({2}, {.dtype = int32})); }), "no error");
}

TEST(L1Penalty, OfAModelDrivesUselessWeightsToZero) {
  // y = 2 x_0 with a useless x_1: the Lasso's solution is 2 - lambda / (2 E x_0^2) and 0.
  Generator generator(6);
  const Tensor x = randn({200, 2}, in_double(), generator),
               first = matmul(x, reshape(tensor({1, 0}, in_double()), {2, 1}));
  const double lambda = 0.2;
  Dense model(2, 1, {.bias = false, .init = init::constant(1), .dtype = float64});
  for (int step = 0; step < 500; ++step) {
    model.zero_grad();
    (mse(model(x), 2 * first) + lambda * l1_penalty(model.parameters())).backward();
    model.weight.set_array(model.weight.array() + model.weight.grad().array() * -0.02);
  }
  const std::vector<double> w = model.weight.to_vector<double>();
  EXPECT_NEAR(w[1], 0, 0.02 * lambda * 2);  // it hops over 0 by at most a step
  EXPECT_NEAR(w[0], 2 - lambda / 2 / mean(square(first)).item(), 0.01);
}

// ---- Accuracy ----

TEST(Accuracy, CountsTheFirstOfEqualLogits) {
  const Tensor logits = tensor({{1, 2, 0}, {5, 5, 1}, {5, 5, 1}, {0, 0, 9}});
  EXPECT_EQ(accuracy(logits, labels_of({1, 0, 1, 2})), 0.75);
  EXPECT_EQ(accuracy(logits, labels_of({0, 1, 2, 0})), 0);
}

TEST(Accuracy, RefusesWhatDoesNotFit) {
  const Tensor logits = zeros({2, 3});
  EXPECT_EQ(error_of([&] { accuracy(zeros({2}), labels_of({0, 1})); }), "[accuracy] expected logits [n, C], got [2]");
  EXPECT_EQ(error_of([&] { accuracy(logits, zeros({2})); }), "[accuracy] expected int32 labels, got float32");
  EXPECT_EQ(error_of([&] { accuracy(logits, labels_of({0})); }), "[accuracy] expected labels [2], got [1]");
  EXPECT_EQ(error_of([&] { accuracy(logits, labels_of({0, 3})); }),
            "[accuracy] labels must lie in [0, 3), got 3 at row 1");
  EXPECT_EQ(error_of([&] { accuracy(logits, labels_of({-1, 0})); }),
            "[accuracy] labels must lie in [0, 3), got -1 at row 0");
  EXPECT_EQ(error_of([&] { accuracy(zeros({0, 3}), zeros({0}, {.dtype = int32})); }),
            "[accuracy] a batch needs rows and classes, got logits [0, 3]");
}

TEST(TopK, CountsTheLabelAmongTheLargest) {
  const Tensor logits = tensor({{1, 2, 0, 3}, {5, 5, 1, 5}, {0, 0, 0, 0}});
  const auto top = [&](const std::vector<int32_t>& labels, int64_t k) {
    return top_k_accuracy(logits, labels_of(labels), k);
  };
  EXPECT_EQ(top({3, 0, 0}, 1), 1);
  EXPECT_EQ(top({1, 1, 1}, 1), 0);
  EXPECT_EQ(top({1, 1, 1}, 2), 1);
  EXPECT_NEAR(top({0, 3, 3}, 3), 2.0 / 3, 1e-15);
  EXPECT_EQ(top({2, 2, 3}, 4), 1);
  // NaN counts as the largest, as argmax has it, so that k = 1 is accuracy.
  const Tensor broken = tensor({{1, std::nan(""), std::nan("")}, {std::nan(""), 9, 0}});
  for (int32_t a = 0; a < 3; ++a)
    for (int32_t b = 0; b < 3; ++b)
      EXPECT_EQ(top_k_accuracy(broken, labels_of({a, b}), 1), accuracy(broken, labels_of({a, b})));
}

TEST(TopK, RefusesWhatDoesNotFit) {
  const Tensor logits = zeros({2, 3}), labels = labels_of({0, 1});
  EXPECT_EQ(error_of([&] { top_k_accuracy(logits, labels, 0); }), "[top_k_accuracy] k must lie in [1, 3], got 0");
  EXPECT_EQ(error_of([&] { top_k_accuracy(logits, labels, 4); }), "[top_k_accuracy] k must lie in [1, 3], got 4");
  EXPECT_EQ(error_of([&] { top_k_accuracy(logits, labels_of({0, 3}), 1); }),
            "[top_k_accuracy] labels must lie in [0, 3), got 3 at row 1");
}

TEST(Confusion, CountsEachTrueClassAgainstEachPrediction) {
  const Tensor logits = tensor({{9, 0, 0}, {0, 9, 0}, {0, 9, 0}, {4, 4, 0}, {0, 0, 9}});
  const ConfusionMatrix matrix = confusion_matrix(logits, labels_of({0, 1, 0, 0, 1}));
  EXPECT_EQ(matrix.classes, 3);
  EXPECT_EQ(matrix.counts, (std::vector<int64_t>{2, 1, 0, 0, 1, 1, 0, 0, 0}));
  EXPECT_EQ(matrix(0, 1), 1);
  std::ostringstream text;
  text << matrix;
  EXPECT_EQ(text.str(),
            "  | 0 1 2 |  right\n"
            "--+-------+-------\n"
            "0 | 2 1 . |  66.7%\n"
            "1 | . 1 1 |  50.0%\n"
            "2 | . . . |      -\n");
  EXPECT_EQ(matrix.table({"cat", "1", "horse"}),
            "        | 0 1 2 |  right\n"
            "--------+-------+-------\n"
            "  cat 0 | 2 1 . |  66.7%\n"
            "      1 | . 1 1 |  50.0%\n"
            "horse 2 | . . . |      -\n");
  EXPECT_EQ(error_of([&] { matrix.table({"a"}); }), "[ConfusionMatrix] expected 3 names, got 1");
  EXPECT_EQ(error_of([&] { matrix(0, 3); }), "[ConfusionMatrix] expected classes from 0 to 2, got 0 and 3");
  EXPECT_EQ(error_of([&] { matrix(-1, 2); }), "[ConfusionMatrix] expected classes from 0 to 2, got -1 and 2");
  EXPECT_EQ(error_of([] { ConfusionMatrix{3, {1, 2}}.table(); }),
            "[ConfusionMatrix] expected 3 x 3 counts for 3 classes, got 2");
  EXPECT_EQ(error_of([] { ConfusionMatrix{2, {1, 2}}(0, 1); }),
            "[ConfusionMatrix] expected 2 x 2 counts for 2 classes, got 2");
  EXPECT_EQ(error_of([] { ConfusionMatrix{}(0, 0); }), "[ConfusionMatrix] expected at least one class, got 0");
  EXPECT_EQ(error_of([] { ConfusionMatrix{-1, {1}}.table(); }),
            "[ConfusionMatrix] expected at least one class, got -1");
  EXPECT_EQ(error_of([&] { confusion_matrix(logits, labels_of({0, 1, 0, 0, 3})); }),
            "[confusion_matrix] labels must lie in [0, 3), got 3 at row 4");
}

/// 2500 rows, so that predict needs three batches; row i has a 1 at its label i % 3, and every fifth label is false.
data::Dataset thirds() {
  const int64_t n = 2500;
  std::vector<float> images(static_cast<size_t>(n) * 3, 0.0f);
  std::vector<int32_t> labels;
  for (int64_t i = 0; i < n; ++i) {
    images[static_cast<size_t>(i * 3 + i % 3)] = 1;
    labels.push_back(static_cast<int32_t>((i + (i % 5 == 0)) % 3));
  }
  return {from_vector(images, {n, 3}), labels_of(labels)};
}

TEST(Accuracy, OfAModelRunsItInEvaluationModeAndPutsTheModesBack) {
  Sequential model{Dropout(0.9), Sequential{Dense(3, 3, {.init = init::constant(0)}), Dropout(0.9)}};
  model.parameters()[0].tensor.set_array(tensor({{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}).array());
  Layer& inner = model[1];
  inner.eval();
  for (const DType dtype : {float32, float64}) {
    model.to(dtype);
    EXPECT_EQ(accuracy(model, thirds()), 0.8);
    const Tensor logits = predict(model, thirds());
    EXPECT_EQ(logits.shape(), (Shape{2500, 3}));
    EXPECT_FALSE(logits.requires_grad());
    EXPECT_TRUE(model.training() && model[0].training());
    EXPECT_FALSE(inner.training() || inner.children()[1].second->training());
  }
}

TEST(Accuracy, PutsTheModeBackAfterAnError) {
  Sequential model{Dense(4, 3)};
  EXPECT_EQ(error_of([&] { accuracy(model, thirds()); }), "[dense] expected input [n, 4], got [1000, 3]");
  EXPECT_TRUE(model.training());
}

}  // namespace
}  // namespace ramp

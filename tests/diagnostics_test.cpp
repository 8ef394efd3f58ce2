// Diagnostics: each number against one computed by hand, the ways an observer may come and go, and what it shows of
// deep networks on real digits.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <sstream>

#include "error_of.h"
#include "ramp/core/data/loader.h"
#include "ramp/core/data/mnist.h"
#include "ramp/layers/activations.h"
#include "ramp/layers/dense.h"
#include "ramp/layers/diagnostics.h"
#include "ramp/layers/dropout.h"
#include "ramp/layers/losses.h"
#include "ramp/layers/sequential.h"
#include "ramp/optim/optimizers.h"

namespace ramp {
namespace {

/// y = relu(x W^T) with units that see x_0, -x_0 and always 0.
Sequential small_model(DType dtype = float64) {
  Sequential model{Dense(2, 3, {.dtype = dtype}), ReLU()};
  model.parameters()[0].tensor.set_array(tensor({{1, 0}, {-1, 0}, {0, 0}}, {.dtype = dtype}).array());
  return model;
}

double norm(const Tensor& x) { return std::sqrt(sum(square(x)).item()); }

TEST(Diagnostics, MeasuresOutputs) {
  for (const DType dtype : {float32, float64}) {
    Sequential model = small_model(dtype);
    const Diagnostics diagnostics(model);
    // In two batches, which count as one: x_0 = 1, 3, -2 and x_1 = 4.
    model(tensor({{1, 4}, {3, 4}}, {.dtype = dtype}));
    model(tensor({{-2, 4}}, {.dtype = dtype}));
    const std::vector<LayerStatistics> rows = diagnostics.rows();
    ASSERT_EQ(rows.size(), 2u);

    const LayerStatistics &dense = rows[0], &relu = rows[1];  // dense: 1 -1 0, 3 -3 0, -2 2 0
    EXPECT_EQ(dense.name, "0");
    EXPECT_EQ(dense.layer, "Dense(2, 3)");
    EXPECT_EQ(dense.samples, 3);
    EXPECT_EQ(dense.units, 3);
    EXPECT_EQ(dense.mean, 0);
    EXPECT_DOUBLE_EQ(*dense.deviation, std::sqrt(28.0 / 9));
    EXPECT_DOUBLE_EQ(*dense.mean_square_ratio, (28.0 / 9) / (62.0 / 6));
    EXPECT_DOUBLE_EQ(*dense.zeros, 3.0 / 9);
    EXPECT_DOUBLE_EQ(*dense.dead, 1.0 / 3);
    EXPECT_FALSE(dense.saturated.has_value());

    EXPECT_EQ(relu.name, "1");  // 1 0 0, 3 0 0, 0 2 0
    EXPECT_DOUBLE_EQ(*relu.mean, 6.0 / 9);
    EXPECT_DOUBLE_EQ(*relu.deviation, std::sqrt(14.0 / 9 - 4.0 / 9));
    EXPECT_DOUBLE_EQ(*relu.mean_square_ratio, 14.0 / 28);
    EXPECT_DOUBLE_EQ(*relu.zeros, 6.0 / 9);
    EXPECT_DOUBLE_EQ(*relu.dead, 1.0 / 3);
    EXPECT_DOUBLE_EQ(*relu.saturated, 3.0 / 9);  // negative inputs; at 0 the slope is 1
    for (const LayerStatistics& row : rows)
      for (const std::optional<double> value : {row.output_gradient, row.weight_gradient, row.update_ratio})
        EXPECT_FALSE(value.has_value());
  }
}

TEST(Diagnostics, CountsASlopeBelowOneInAHundredAsSaturated) {
  const auto saturated = [](Layer&& layer, const Tensor& x) {
    const Diagnostics diagnostics(layer);
    layer(x);
    return diagnostics.rows()[0].saturated.value();
  };
  const Tensor x = tensor({{-100, -4.7, -4.5, 0, 4.5, 4.7, 100, 3.1}});  // sigmoid'(4.585) = tanh'(2.993) = 0.01
  EXPECT_DOUBLE_EQ(saturated(Sigmoid(), x), 4.0 / 8);
  EXPECT_DOUBLE_EQ(saturated(Tanh(), x), 7.0 / 8);
  EXPECT_DOUBLE_EQ(saturated(LeakyReLU(0.01), x), 0);
  EXPECT_DOUBLE_EQ(saturated(ReLU(), x), 3.0 / 8);
}

TEST(Diagnostics, MeasuresGradients) {
  Sequential model{Dense(3, 4, {.dtype = float64}), Tanh(), Dense(4, 2, {.dtype = float64})};
  Diagnostics diagnostics(model);
  double weight_squares = 0, output_squares = 0;
  for (int batch = 0; batch < 3; ++batch) {
    model.zero_grad();
    const Tensor y = model(randn({5, 3}, {.dtype = float64}));
    const Tensor loss = sum(square(y));
    loss.backward();
    output_squares += std::pow(2 * norm(y), 2) / 3;
    const std::vector<Parameter> parameters = model.parameters();
    weight_squares +=
        (std::pow(norm(parameters[0].tensor.grad()), 2) + std::pow(norm(parameters[1].tensor.grad()), 2)) / 3;
  }
  const std::vector<LayerStatistics> rows = diagnostics.rows();
  EXPECT_NEAR(*rows[2].output_gradient, std::sqrt(output_squares), 1e-12);
  EXPECT_NEAR(*rows[0].weight_gradient, std::sqrt(weight_squares), 1e-12);
  EXPECT_FALSE(rows[1].weight_gradient.has_value());
  EXPECT_GT(*rows[1].output_gradient, 0);
  EXPECT_FALSE(rows[0].update_ratio.has_value());  // nothing has changed

  diagnostics.reset();
  for (const LayerStatistics& row : diagnostics.rows()) {
    EXPECT_EQ(row.samples, 0);
    for (const std::optional<double> value : {row.mean, row.zeros, row.output_gradient, row.weight_gradient})
      EXPECT_FALSE(value.has_value());
  }
}

TEST(Diagnostics, SeesNoGradientWhereNoneIsRecorded) {
  Sequential model = small_model();
  const Diagnostics diagnostics(model);
  const NoGrad quiet;
  model(ones({1, 2}, {.dtype = float64}));
  EXPECT_EQ(diagnostics.rows()[1].samples, 1);
  EXPECT_FALSE(diagnostics.rows()[1].output_gradient.has_value());
}

TEST(Diagnostics, MeasuresUpdatesAgainstTheWeights) {
  Sequential model{Dense(3, 4, {.dtype = float64}), ReLU(), Dense(4, 2, {.dtype = float64})};
  const std::vector<Parameter> parameters = model.parameters();
  optim::SGD sgd({parameters[2], parameters[3]}, {.learning_rate = 0.1});  // the first layer stays as it is
  Diagnostics diagnostics(model);
  const Tensor x = randn({5, 3}, {.dtype = float64});
  double ratios = 0;
  const int steps = 3;
  for (int step = 0; step < steps; ++step) {
    mse(model(x), zeros({5, 2}, {.dtype = float64}), Reduction::sum).backward();
    model(x);  // a forward without an update after it is no update
    double change = 0, before = 0;
    for (const size_t i : {2u, 3u}) {
      change += std::pow(0.1 * norm(parameters[i].tensor.grad()), 2);
      before += std::pow(norm(parameters[i].tensor), 2);
    }
    ratios += std::sqrt(change / before);
    sgd.step();
    model.zero_grad();
  }
  for (int again = 0; again < 2; ++again) {
    EXPECT_NEAR(*diagnostics.rows()[2].update_ratio, ratios / steps, 1e-12);
    EXPECT_EQ(diagnostics.rows()[0].update_ratio, 0);
    EXPECT_FALSE(diagnostics.rows()[1].update_ratio.has_value());
  }
  // What was updated before reset() belongs there.
  diagnostics.reset();
  model(x);
  EXPECT_FALSE(diagnostics.rows()[2].update_ratio.has_value());
}

TEST(Diagnostics, FollowsReplacedMovedAndConvertedParameters) {
  Sequential model;
  Dense& dense = model.push_back(Dense(2, 2));
  Diagnostics diagnostics(model);
  model(ones({1, 2}));
  model.to(float64);
  const Tensor x = ones({1, 2}, {.dtype = float64});
  sum(model(x)).backward();
  EXPECT_FALSE(diagnostics.rows()[0].update_ratio.has_value());
  EXPECT_DOUBLE_EQ(*diagnostics.rows()[0].weight_gradient, std::sqrt(6));
  const Tensor old = dense.weight;
  dense.weight = full({2, 2}, 1, {.dtype = float64, .requires_grad = true});
  sum(model(x)).backward();
  EXPECT_EQ(old.node()->hooks.size(), 0u);
  EXPECT_EQ(dense.weight.node()->hooks.size(), 1u);
}

TEST(Diagnostics, ChangesNoResult) {
  const auto trained = [](bool watched) {
    manual_seed(3);
    Sequential model{Dense(6, 20), ReLU(), Dropout(0.3), Dense(20, 4)};
    const std::vector<Parameter> parameters = model.parameters();
    optim::SGD sgd(parameters, {.learning_rate = 0.1, .momentum = 0.9});
    std::optional<Diagnostics> diagnostics;
    if (watched) diagnostics.emplace(model);
    const Tensor labels = from_vector(std::vector<int32_t>{0, 1, 2, 3}, {4});
    for (int step = 0; step < 5; ++step) {
      const Tensor loss = cross_entropy(model(randn({4, 6})), labels);
      sgd.zero_grad();
      loss.backward();
      sgd.step();
      if (watched) diagnostics->table();
    }
    return parameters[0].tensor.to_vector<float>();
  };
  EXPECT_EQ(trained(true), trained(false));
}

TEST(Diagnostics, LeavesNothingBehind) {
  Sequential model = small_model();
  const Tensor x = ones({1, 2}, {.dtype = float64});
  const std::vector<Parameter> parameters = model.parameters();
  Tensor y;
  {
    const Diagnostics diagnostics(model);
    y = sum(model(x));
    EXPECT_TRUE(model[0].observed());
    EXPECT_EQ(parameters[0].tensor.node()->hooks.size(), 1u);
  }
  EXPECT_EQ(parameters[0].tensor.node()->hooks.size(), 0u);
  y.backward();  // its hooks find nobody
  model(x);
  EXPECT_FALSE(model[0].observed());
}

TEST(Diagnostics, MayBeSeveral) {
  Sequential model = small_model();
  const Tensor x = ones({1, 2}, {.dtype = float64});
  const Diagnostics first(model);
  {
    const Diagnostics second(model);
    sum(model(x)).backward();
    EXPECT_EQ(second.rows()[0].samples, 1);
    EXPECT_EQ(second.rows()[0].weight_gradient, first.rows()[0].weight_gradient);
  }
  sum(model(x)).backward();
  EXPECT_EQ(first.rows()[0].samples, 2);
  EXPECT_GT(*first.rows()[0].weight_gradient, 0);
}

TEST(Diagnostics, OutlivesItsModelAndFollowsItsMoves) {
  auto model = std::make_unique<Sequential>(small_model());
  const Tensor x = ones({1, 2}, {.dtype = float64});
  const Diagnostics diagnostics(*model);
  const Tensor y = sum((*model)(x));
  Sequential moved = std::move(*model);
  model.reset();
  moved(x);
  EXPECT_EQ(diagnostics.rows()[1].samples, 2);
  {
    const Sequential gone = std::move(moved);
  }
  y.backward();
  EXPECT_DOUBLE_EQ(*diagnostics.rows()[1].output_gradient, std::sqrt(3));
  EXPECT_EQ(diagnostics.rows()[1].samples, 2);
  EXPECT_FALSE(diagnostics.table().empty());

  ReLU layer;  // a layer that is no child moves as well
  const Diagnostics of_layer(layer);
  ReLU elsewhere = std::move(layer);
  elsewhere(x);
  EXPECT_EQ(of_layer.rows()[0].name, "(model)");
  EXPECT_EQ(of_layer.rows()[0].samples, 1);
}

TEST(Diagnostics, PutsNoHookOnTheUsersInput) {
  Sequential model{Dropout(0.5), Dense(2, 1)};
  model.eval();
  const Diagnostics diagnostics(model);
  const Tensor x = ones({1, 2}, {.requires_grad = true});
  for (int i = 0; i < 3; ++i) model(x);
  EXPECT_EQ(x.node()->hooks.size(), 0u);
}

class Block : public Layer {
 public:
  explicit Block(int64_t width) : inner(add("inner", Sequential{Dense(width, width), ReLU()})) {}
  Sequential& inner;

 private:
  Tensor forward(const Tensor& x) const override { return x + inner(x); }
};

TEST(Diagnostics, GivesEveryLayerARowButSequential) {
  Sequential model{Dense(4, 4), Block(4), Dense(4, 2)};
  const Diagnostics diagnostics(model);
  std::vector<std::string> names, layers;
  for (const LayerStatistics& row : diagnostics.rows()) {
    names.push_back(row.name);
    layers.push_back(row.layer);
    EXPECT_EQ(row.samples, 0);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"0", "1.inner.0", "1.inner.1", "1", "2"}));
  EXPECT_EQ(layers, (std::vector<std::string>{"Dense(4, 4)", "Dense(4, 4)", "ReLU()", "Block", "Dense(4, 2)"}));
  model(ones({3, 4}));
  for (const LayerStatistics& row : diagnostics.rows()) EXPECT_EQ(row.samples, 3);
}

TEST(Diagnostics, RefusesALayerThatChangesItsWidth) {
  ReLU relu;
  Diagnostics diagnostics(relu);
  relu(ones({2, 3}));
  EXPECT_EQ(error_of([&] { relu(ones({2, 4})); }),
            "[diagnostics] layer (model) must keep its width until reset(), got 4 units after 3");
  diagnostics.reset();
  relu(ones({2, 4}));
  EXPECT_EQ(diagnostics.rows()[0].units, 4);
  relu(ones({0, 4}));
  EXPECT_EQ(diagnostics.rows()[0].samples, 2);
}

TEST(Diagnostics, ShowsNaN) {
  ReLU relu;
  const Diagnostics diagnostics(relu);
  relu(tensor({{1, std::nan("")}}));
  EXPECT_TRUE(std::isnan(*diagnostics.rows()[0].mean) && std::isnan(*diagnostics.rows()[0].deviation));
  EXPECT_EQ(diagnostics.rows()[0].zeros, 0);
  EXPECT_EQ(diagnostics.warnings(), std::vector<std::string>{"warning: not all outputs of layer (model) were finite"});
}

// ---- How it looks ----

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

TEST(Diagnostics, WarnsOfDeadLayersOnly) {
  Sequential model = small_model();
  const Diagnostics diagnostics(model);
  model(tensor({{1, 0}, {-1, 0}}, {.dtype = float64}));
  EXPECT_TRUE(diagnostics.warnings().empty());  // 1 of 3
  Sequential dying = small_model();
  const Diagnostics last_words(dying);
  dying(tensor({{1, 0}, {2, 0}}, {.dtype = float64}));
  EXPECT_EQ(last_words.warnings(),
            std::vector<std::string>{"warning: 2 of 3 units of layer 1 were 0 for all 2 samples"});
  EXPECT_EQ(lines_of(last_words.table()).back(), last_words.warnings()[0]);
}

TEST(Diagnostics, PrintsATable) {
  Sequential model = small_model();
  const Diagnostics diagnostics(model);
  sum(model(tensor({{1, 4}, {3, 4}, {-2, 4}}, {.dtype = float64}))).backward();
  std::ostringstream text;
  text << diagnostics;
  EXPECT_EQ(text.str(),
            "name layer           mean      std ms ratio  zeros   dead satur. grad out   grad w   update\n"
            "-------------------------------------------------------------------------------------------\n"
            "0    Dense(2, 3)        0     1.76    0.301  33.3%  33.3%      -     2.45     16.2        -\n"
            "1    ReLU()         0.667     1.05    0.500  66.7%  33.3%  33.3%     3.00        -        -\n");
}

TEST(Diagnostics, FitsAHundredColumns) {
  struct Wide : Layer {
    std::string describe() const override { return std::string(200, 'x'); }

   private:
    Tensor forward(const Tensor& x) const override { return x * -1.2345e-7; }
  };
  struct Deep : Layer {
    Deep() { add(std::string(120, 'n'), Wide()); }

   private:
    Tensor forward(const Tensor& x) const override { return (*children()[0].second)(x); }
  };
  Sequential model{Dense(3, 3), Deep(), Dense(3, 1)};
  const Diagnostics diagnostics(model);
  sum(model(randn({7, 3}) * 1e9)).backward();
  for (const std::string& line : lines_of(diagnostics.table())) EXPECT_LE(line.size(), 100u) << line;
}

TEST(Diagnostics, WritesCommaSeparatedValues) {
  Sequential model = small_model();
  const Diagnostics diagnostics(model);
  model(tensor({{1, 4}, {3, 4}, {-2, 4}}, {.dtype = float64}));
  const std::vector<std::string> lines = lines_of(diagnostics.csv(12));
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[1], "12,\"1\",\"ReLU()\",3,3,0.666666667,1.05409255,0.5,0.666666667,0.333333333,0.333333333,,,");
  const auto commas = [](const std::string& line) { return std::count(line.begin(), line.end(), ','); };
  EXPECT_EQ(commas(Diagnostics::csv_header()), commas(lines[1]));
  EXPECT_EQ(commas(lines[0]), commas(lines[1]) + 1);  // one inside "Dense(2, 3)"
}

// ---- What it shows: 784-(10x128)-10 on digits ----

constexpr int hidden = 10;

template <class Act>
Sequential deep_model(const init::Initializer& initializer, Generator& generator) {
  Sequential model;
  for (int layer = 0; layer < hidden; ++layer) {
    model.push_back(Dense(layer == 0 ? 784 : 128, 128, {.init = initializer}, generator));
    model.push_back(Act());
  }
  model.push_back(Dense(128, 10, {.init = initializer}, generator));
  return model;
}

data::Dataset digits() { return data::load_mnist(RAMP_SOURCE_DIR "/examples/data/mnist-10k").train; }

std::vector<LayerStatistics> activations_of(const Diagnostics& diagnostics) {
  std::vector<LayerStatistics> rows;
  for (const LayerStatistics& row : diagnostics.rows())
    if (!row.layer.starts_with("Dense")) rows.push_back(row);
  return rows;
}

/// The factor by which the gradient's norm falls from one activation to the one before it: the geometric mean.
template <class Act>
double fall_per_layer(const init::Initializer& initializer) {
  Generator generator(11);
  Sequential model = deep_model<Act>(initializer, generator);
  const Diagnostics diagnostics(model);
  const data::Loader loader(digits().subset(0, 1024), {.batch_size = 256});
  for (const auto& [images, labels] : loader)
    cross_entropy(model(images.to(default_device())), labels.to(default_device())).backward();
  const std::vector<LayerStatistics> rows = activations_of(diagnostics);
  return std::pow(*rows.back().output_gradient / *rows.front().output_gradient, 1.0 / (hidden - 1));
}

TEST(Diagnostics, ShowsGradientsVanishInSigmoidNetsAndNotInReLUNets) {
  // n s^2 E f'^2 = E sigmoid'(z)^2 for Glorot, where z is narrow, so close to (1/4)^2: a factor of about 4.
  const double sigmoid = fall_per_layer<Sigmoid>(init::glorot_normal());
  EXPECT_GT(sigmoid, 3.4);
  EXPECT_LT(sigmoid, 5);
  // He: 1. log of a squared norm has the deviation sqrt(5 / 128) a layer, so 4 of them over 9 layers are a factor
  // exp(4 sqrt(5 * 9 / 128) / 2 / 9) = 1.14 a layer.
  const double relu = fall_per_layer<ReLU>(init::he_normal());
  EXPECT_GT(relu, 1 / 1.14);
  EXPECT_LT(relu, 1.14);
}

TEST(Diagnostics, ShowsReLUsDieOfALargeLearningRate) {
  // One step suffices; after a few more at such rates the weights overflow.
  const data::Dataset train = digits().subset(0, 1024);
  for (const uint64_t seed : {12, 13, 14}) {
    std::vector<double> dead;
    for (const double learning_rate : {0.01, 0.5, 3.0}) {
      Generator generator(seed);
      Sequential model = deep_model<ReLU>(init::he_normal(), generator);
      optim::SGD sgd(model.parameters(), {.learning_rate = learning_rate});
      Diagnostics diagnostics(model);
      const auto [on_cpu, labels] = *data::Loader(train, {.batch_size = 1024}).begin();
      const Tensor images = on_cpu.to(default_device());
      cross_entropy(model(images), labels.to(default_device())).backward();
      EXPECT_TRUE(diagnostics.warnings().empty());
      sgd.step();
      diagnostics.reset();
      model(images);
      dead.push_back(0);
      for (const LayerStatistics& row : activations_of(diagnostics)) dead.back() += *row.dead / hidden;
      if (learning_rate != 0.5) {
        EXPECT_EQ(diagnostics.warnings().empty(), learning_rate < 0.5) << diagnostics;
      }
    }
    EXPECT_LT(dead[0], 0.1);
    EXPECT_GT(dead[1], dead[0] + 0.05);
    EXPECT_GT(dead[2], 0.35);
  }
}

}  // namespace
}  // namespace ramp

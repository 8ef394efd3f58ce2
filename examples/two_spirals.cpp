// Two spirals that wind around each other, told apart by a deep net with normalized layers and skip connections.
// Training stops when the held-out loss has not improved for 20 epochs, and goes back to the best weights.

#include <cmath>
#include <iostream>
#include <limits>

#include <ramp/ramp.h>

using namespace ramp;

/// n noisy points of the plane, and which spiral each lies on: a point at angle t has radius t / 10, and the second
/// spiral is the first one turned by half a circle.
data::Dataset spirals(int64_t n) {
  std::vector<float> points;
  std::vector<int32_t> labels;
  const std::vector<float> t = uniform({n}, 1, 12).to_vector<float>(), noise = randn({2 * n}).to_vector<float>();
  for (size_t i = 0; i < t.size(); ++i) {
    const float side = i % 2 == 0 ? 1.0f : -1.0f;
    points.push_back(side * t[i] / 10 * std::cos(t[i]) + 0.03f * noise[2 * i]);
    points.push_back(side * t[i] / 10 * std::sin(t[i]) + 0.03f * noise[2 * i + 1]);
    labels.push_back(static_cast<int32_t>(i % 2));
  }
  return data::Dataset(from_vector(points, {n, 2}), from_vector(labels, {n}));
}

Sequential block() { return Sequential{Dense(32, 32), BatchNorm1d(32), ReLU()}; }

int main() try {
  manual_seed(1);
  const data::Dataset train = spirals(1000), held_out = spirals(500);
  Sequential model{Dense(2, 32), ReLU(), Residual(block()), Residual(block()), Residual(block()), Dense(32, 2)};
  optim::AdamW adam(model.parameters(), {.learning_rate = 3e-3});

  double best = std::numeric_limits<double>::infinity();
  std::vector<Tensor> best_weights;
  for (int epoch = 1, best_epoch = 1; epoch - best_epoch < 20; ++epoch) {
    for (auto [points, labels] : data::Loader(train, {.batch_size = 64, .shuffle = true})) {
      Tensor loss = cross_entropy(model(points), labels);
      adam.zero_grad();
      loss.backward();
      adam.step();
    }
    const double loss = cross_entropy(predict(model, held_out), held_out.targets).item();
    if (loss >= best) continue;
    best = loss, best_epoch = epoch;
    std::cout << "epoch " << epoch << ": held-out loss " << loss << '\n';
    best_weights.clear();
    for (const Parameter& p : model.parameters()) best_weights.emplace_back(clone(p.tensor.array()));
    for (const Buffer& b : model.buffers()) best_weights.emplace_back(clone(b.tensor.array()));
  }
  size_t i = 0;
  for (const Parameter& p : model.parameters()) copy(best_weights[i++].array(), p.tensor.array());
  for (const Buffer& b : model.buffers()) copy(best_weights[i++].array(), b.tensor.array());
  std::cout << 100 * accuracy(model, held_out) << " % of 500 held-out points are right\n";
} catch (const Error& error) {
  std::cerr << error.what() << '\n';
  return 1;
}

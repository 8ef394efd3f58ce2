// A regression on a CSV table: how long a pendulum takes to swing, told from its length, its angle and gravity.
//
// data/pendulum.csv has 1,000 made-up measurements of the true period, 2 pi sqrt(length / gravity) / agm(1, cos(angle /
// 2)) in metres, degrees and seconds (agm: the arithmetic-geometric mean), each with a normal error of 1 %.

#include <cmath>
#include <iostream>

#include <ramp/ramp.h>

using namespace ramp;

/// The root mean square error, in seconds.
double rmse(const Tensor& predicted, const Tensor& measured) { return std::sqrt(mse(predicted, measured).item()); }

int main(int argc, char** argv) try {
  manual_seed(1);
  const data::Dataset table =
      data::load_csv(argc > 1 ? argv[1] : EXAMPLES_DIR "/data/pendulum.csv", {.targets = {"period"}});
  auto [train, test] = table.split(0.8);

  // Both sets are scaled by what the training rows say; the test rows stay unseen.
  const data::Standardization inputs(train.inputs), targets(train.targets);
  train.standardization = test.standardization = inputs;
  train.targets = targets.apply(train.targets);

  Sequential model{Dense(3, 32), GELU(), Dense(32, 32), GELU(), Dense(32, 1)};
  optim::SGD sgd(model.parameters(), {.learning_rate = 0.05, .momentum = 0.9});
  for (int epoch = 1; epoch <= 100; ++epoch) {
    if (epoch == 81) sgd.set_learning_rate(0.005);
    for (auto [x, y] : data::Loader(train, {.batch_size = 32, .shuffle = true})) {
      Tensor loss = mse(model(x), y);
      sgd.zero_grad();
      loss.backward();
      sgd.step();
    }
    if (epoch % 20 == 0)
      std::cout << "epoch " << epoch << ": RMSE " << rmse(targets.inverse(predict(model, test)), test.targets)
                << " s on " << test.size() << " held-out rows\n";
  }
  const Tensor mean = full(test.targets.shape(), targets.mean().item());
  std::cout << "The mean of the training rows has RMSE " << rmse(mean, test.targets) << " s there.\n";
} catch (const Error& error) {
  std::cerr << error.what() << '\n';
  return 1;
}

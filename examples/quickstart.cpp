// A small network learns the bundled digits.
#include <ramp/ramp.h>

#include <iostream>

using namespace ramp;

int main() {
  manual_seed(1);
  auto [train, test] = data::load_mnist(data::find("mnist-10k"));
  Sequential model{Dense(784, 256), ReLU(), Dense(256, 256), LeakyReLU(0.2), Dense(256, 10)};
  const Device device = Device::best();  // CUDA when there is one, else the CPU
  model.to(device);
  optim::SGD sgd(model.parameters(), {.learning_rate = 0.05, .momentum = 0.9});

  for (int epoch = 0; epoch < 10; ++epoch) {
    for (auto [images, labels] : data::Loader(train, {.batch_size = 128, .shuffle = true})) {
      Tensor loss = cross_entropy(model(images.to(device)), labels.to(device));
      sgd.zero_grad();
      loss.backward();
      sgd.step();
    }
    std::cout << "epoch " << epoch << ": " << accuracy(model, test) << '\n';
  }
}

// A user's whole program: learns XOR, and fails if it did not.
#include <ramp/ramp.h>

#include <iostream>

using namespace ramp;

int main() {
  manual_seed(1);
  const Tensor inputs = tensor({{0, 0}, {0, 1}, {1, 0}, {1, 1}});
  const Tensor labels = tensor({0, 1, 1, 0}, {.dtype = int32});

  Sequential model{Dense(2, 16), LeakyReLU(0.2), Dense(16, 2)};
  optim::SGD sgd(model.parameters(), {.learning_rate = 0.1, .momentum = 0.9});
  double last = 0;
  for (int step = 0; step < 300; ++step) {
    const Tensor loss = cross_entropy(model(inputs), labels);
    sgd.zero_grad();
    loss.backward();
    sgd.step();
    last = loss.item();
  }

  const Tensor predictions = argmax(model(inputs), 1);
  std::cout << "loss " << last << ", predictions " << predictions << '\n';
  return predictions.to_vector<int32_t>() == labels.to_vector<int32_t>() ? 0 : 1;
}

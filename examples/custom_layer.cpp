// A layer of one's own, by composition: a residual block, stacked into a network and trained on real digits.
//
// A block adds to its input what two inner layers make of it. (ramp::Residual does so with any inner layer.) Its
// parameters need no bookkeeping: what add() holds is found by parameters(), summary(), train() and to(), and a layer
// that was not added refuses to be called.

#include <iostream>

#include <ramp/ramp.h>

using namespace ramp;

/// y = x + second(relu(first(x))), after He, Zhang, Ren & Sun 2016. The second layer starts small, so that the block
/// starts near the identity.
class Block : public Layer {
 public:
  explicit Block(int64_t width)
      : first(add("first", Dense(width, width))),
        second(add("second", Dense(width, width, {.init = init::he_normal({.gain = 0.1})}))) {}
  Dense &first, &second;

 private:
  Tensor forward(const Tensor& x) const override { return x + second(relu(first(x))); }
};

int main() try {
  manual_seed(1);
  auto [train, test] = data::load_mnist(data::find("mnist-10k"));
  Sequential model{Dense(784, 64), ReLU(), Block(64), Block(64), Block(64), Dense(64, 10)};
  std::cout << model;

  optim::SGD sgd(model.parameters(), {.learning_rate = 0.05, .momentum = 0.9});
  for (int epoch = 1; epoch <= 4; ++epoch) {
    for (auto [images, labels] : data::Loader(train, {.batch_size = 64, .shuffle = true})) {
      Tensor loss = cross_entropy(model(images), labels);
      sgd.zero_grad();
      loss.backward();
      sgd.step();
    }
    std::cout << "epoch " << epoch << ": accuracy " << 100 * accuracy(model, test) << " % on 2,000 held-out digits\n";
  }
} catch (const Error& error) {
  std::cerr << error.what() << '\n';
  return 1;
}

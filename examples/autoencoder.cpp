// An autoencoder whose decoder has the encoder's weights, transposed: 784 pixels through 32 numbers and back. A model
// with two functions of its own, encode and decode.

#include <iostream>

#include <ramp/ramp.h>

using namespace ramp;

class Autoencoder : public Layer {
 public:
  Autoencoder(int64_t pixels, int64_t code)
      : encoder_(add("encoder", Dense(pixels, code))), bias_(add("bias", zeros({pixels}))) {}

  Tensor encode(const Tensor& images) const {
    const InCall in_call(this);
    return tanh(encoder_(images));
  }
  Tensor decode(const Tensor& codes) const {
    const InCall in_call(this);
    return sigmoid(matmul(codes, encoder_.weight) + bias_);  // weight [code, pixels] makes codes on the way in
  }

 private:
  Dense& encoder_;
  Tensor& bias_;
};

int main() try {
  manual_seed(1);
  const auto [train, test] = data::load_mnist(data::find("mnist-10k"));
  // Pixels in [0, 1], as a sigmoid's are.
  const auto brightness = [](const data::Dataset& set) { return set.inputs.to(float32) / 255; };
  const data::Dataset images(brightness(train), train.targets);
  const Tensor unseen = brightness(test);

  Autoencoder model(784, 32);
  optim::Adam adam(model.parameters(), {.learning_rate = 5e-3});
  auto step = capture([&](const Tensor& x) {
    Tensor loss = mse(model.decode(model.encode(x)), x);
    adam.zero_grad();
    loss.backward();
    adam.step();
    return loss;
  });
  for (int epoch = 1; epoch <= 10; ++epoch) {
    for (auto [x, labels] : data::Loader(images, {.batch_size = 64, .shuffle = true})) step(x);
    std::cout << "epoch " << epoch << ": mean squared error " << mse(model.decode(model.encode(unseen)), unseen).item()
              << " on the test set\n";
  }
  std::cout << "The average image has " << mean(square(unseen - mean(images.inputs, 0))).item() << ".\n";
} catch (const Error& error) {
  std::cerr << error.what() << '\n';
  return 1;
}

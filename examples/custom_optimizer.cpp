// An optimizer of one's own: one struct with its options and the update of one number. Optimizer does the rest:
// parameter groups, learning rates, clipping, state by name, captured steps.

#include <iostream>

#include <ramp/ramp.h>

using namespace ramp;

/// Lion: a step of one size in the direction of a momentum's sign. Chen et al. 2023.
struct LionRule {
  double learning_rate = 1e-4, beta1 = 0.9, beta2 = 0.99, weight_decay = 0;

  static constexpr const char* name = "lion";
  static constexpr std::array<const char*, 1> state_names = {"momentum"};
  int states() const { return 1; }
  struct Factors {
    double rate;
  };
  RAMP_HD Factors factors(double rate, double /*step*/) const { return {rate}; }
  template <class V>
  RAMP_HD V operator()(V parameter, V gradient, V* state, const Factors& k) const {
    const V c = V(beta1) * state[0] + V(1 - beta1) * gradient;
    state[0] = V(beta2) * state[0] + V(1 - beta2) * gradient;
    const V sign = math::select(c > V(0.0), V(1.0), math::select(c < V(0.0), V(-1.0), V(0.0)));
    return parameter - V(k.rate) * (sign + V(weight_decay) * parameter);
  }
  void check() const { formula::check_rate(name, "learning_rate", learning_rate); }
  bool operator==(const LionRule&) const = default;
};
using Lion = optim::OptimizerOf<LionRule>;

int main() try {
  manual_seed(1);
  auto [train, test] = data::load_mnist(data::find("mnist-10k"));
  Sequential model{Dense(784, 128), ReLU(), Dense(128, 10)};
  Lion lion(model.parameters(), {.learning_rate = 3e-4, .weight_decay = 0.1});
  auto step = capture([&](const Tensor& images, const Tensor& labels) {
    Tensor loss = cross_entropy(model(images), labels);
    lion.zero_grad();
    loss.backward();
    lion.clip_grad_norm(1);
    lion.step();
    return loss;
  });
  for (int epoch = 1; epoch <= 5; ++epoch) {
    for (auto [images, labels] : data::Loader(train, {.batch_size = 128, .shuffle = true})) step(images, labels);
    std::cout << "epoch " << epoch << ": " << 100 * accuracy(model, test) << " % of the test set\n";
  }
} catch (const Error& error) {
  std::cerr << error.what() << '\n';
  return 1;
}

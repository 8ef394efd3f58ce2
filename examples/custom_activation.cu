// An activation of one's own on the GPU: one formula, from which come both devices' forward and backward.
//
// A .cu file is compiled for the CPU and for CUDA, so this program runs where there is no GPU too.

#include <iostream>

#include <ramp/ramp.h>
#include <ramp/cuda/map.cuh>

using namespace ramp;

/// (x + sqrt(x^2 + b)) / 2, a ReLU without its kink. Barron 2021.
struct SquareplusFormula {
  double b = 4;
  template <class V>
  RAMP_HD V operator()(V x) const {
    return V(0.5) * (x + math::sqrt(x * x + V(b)));
  }
};

class Squareplus : public Layer {
 private:
  Tensor forward(const Tensor& x) const override { return map(SquareplusFormula{}, x); }
};

int main() try {
  manual_seed(1);
  gradcheck([](const std::vector<Tensor>& in) { return map(SquareplusFormula{}, in[0]); },
            {randn({4, 5}, {.dtype = float64, .requires_grad = true})});
  std::cout << "gradcheck: the derivative of squareplus is right\n";

  // Does a point of the plane lie within the unit circle?
  const Device device = Device::best();
  const auto label = [](const Tensor& points) { return (sum(points * points, 1) < 1).to(int32); };
  const Tensor points = uniform({2000, 2}, -1.3, 1.3), inside = label(points);
  Sequential model{Dense(2, 32), Squareplus(), Dense(32, 2)};
  model.to(device);
  optim::SGD sgd(model.parameters(), {.learning_rate = 0.5, .momentum = 0.9});
  auto step = capture([&](const Tensor& x, const Tensor& y) {
    Tensor loss = cross_entropy(model(x), y);
    sgd.zero_grad();
    loss.backward();
    sgd.step();
    return loss;
  });
  const Tensor x = points.to(device), y = inside.to(device);
  for (int i = 1; i <= 500; ++i) {
    const Tensor loss = step(x, y);
    if (i % 100 == 0) std::cout << "step " << i << " on " << device << ": loss " << loss.item() << '\n';
  }
  const Tensor fresh = uniform({2000, 2}, -1.3, 1.3);
  const double right = accuracy(model(fresh.to(device)), label(fresh).to(device));
  std::cout << "accuracy " << 100 * right << " % on 2,000 fresh points\n";
} catch (const Error& error) {
  std::cerr << error.what() << '\n';
  return 1;
}

// How long a training step of 784-512-512-10 takes: not a test, its numbers are only reported. tests/gpu prints them.

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "ramp/ramp.h"

namespace {

using namespace ramp;

/// Microseconds a step: the median of five rounds, each long enough to hide that it ends with a wait.
template <class Step>
double microseconds(const Step& step, int steps) {
  for (int i = 0; i < 10; ++i) step().item();
  std::vector<double> rounds;
  for (int round = 0; round < 5; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    Tensor loss;
    for (int i = 0; i < steps; ++i) loss = step();
    loss.item();
    rounds.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count() /
                     steps);
  }
  std::sort(rounds.begin(), rounds.end());
  return rounds[2];
}

void measure(Device device, int64_t batch) {
  manual_seed(1);
  Sequential model{Dense(784, 512), ReLU(), Dense(512, 512), ReLU(), Dense(512, 10)};
  model.to(device);
  optim::SGD sgd(model.parameters(), {.learning_rate = 0.01, .momentum = 0.9});
  const Tensor images = randn({batch, 784}, {.device = device});
  const Tensor labels = uniform({batch}, 0, 10).to(int32).to(device);
  const auto step = [&](const Tensor& images, const Tensor& labels) {
    Tensor loss = cross_entropy(model(images), labels);
    sgd.zero_grad();
    loss.backward();
    sgd.step();
    return loss;
  };
  const int steps = !device.is_cuda() ? 3 : batch <= 1024 ? 200 : 20;
  const double eager = microseconds([&] { return step(images, labels); }, steps);
  auto captured = capture(step);
  const double replayed = device.is_cuda() ? microseconds([&] { return captured(images, labels); }, steps) : eager;
  std::printf("%-7s %7lld  eager %9.1f us", to_string(device).c_str(), static_cast<long long>(batch), eager);
  if (device.is_cuda()) std::printf("  captured %9.1f us", replayed);
  std::printf("\n");
  std::fflush(stdout);
}

}  // namespace

int main() {
  std::printf("784-512-512-10, float32, SGD with momentum, data on the device; microseconds a step\n");
  try {
    const Device device = Device::best();
    for (const int64_t batch : {128, 1024, 65536}) {
      if (device == Device::cpu() && batch > 1024) break;
      measure(device, batch);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "step_time: %s\n", error.what());
    return 1;
  }
}

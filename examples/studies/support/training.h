#pragma once
// Networks for the studies, and one pass of training.

#include <functional>
#include <string>
#include <vector>

#include <ramp/ramp.h>

#include "studies/support/study.h"

namespace studies {

/// Of the digits, and of the clothes of Fashion-MNIST.
inline constexpr int64_t classes = 10;

/// An activation to be compared, under a name of its own and with the name of its colour.
struct Choice {
  std::string name, color;
  std::function<void(ramp::Sequential&)> append;
};
/// choice("leaky 0.2", "leaky_relu", [] { return LeakyReLU(0.2); })
template <class Make>
Choice choice(std::string name, std::string color, Make make) {
  return {std::move(name), std::move(color), [make](ramp::Sequential& model) { model.push_back(make()); }};
}

/// Dense layers from width to width, 784-128-10 for {784, 128, 10}, with the activation after each but the last.
/// Weights are He's with the gain of the activation, biases 0.
ramp::Sequential mlp(const std::vector<int64_t>& widths, const Choice& activation);
/// {inputs, width, ..., width, outputs} with `depth` hidden layers.
std::vector<int64_t> widths(int64_t inputs, int64_t width, int depth, int64_t outputs);

/// One pass over the loader's data. Adds a batch's images to the study's progress after each step, and calls `seen`
/// with each batch's loss. Returns the mean loss of the pass, which may be NaN or infinite where training diverges.
double train_epoch(ramp::Layer& model, ramp::optim::SGD& sgd, const ramp::data::Loader& loader, Study& study,
                   const std::function<void(double loss)>& seen = {});

}  // namespace studies

#include "ramp/layers/initialize.h"

#include "ramp/core/array_ops/array_ops.h"
#include "ramp/layers/dense.h"

namespace ramp::init {
namespace {

struct Found {
  Dense* dense;
  double gain;
  bool open;  // no activation and no other Dense yet
};

void find(Layer& layer, std::vector<Found>& found) {
  const bool waiting = !found.empty() && found.back().open;
  if (auto* dense = dynamic_cast<Dense*>(&layer)) {
    if (waiting) found.back().open = false;
    found.push_back({dense, 1, true});
  } else if (waiting) {
    if (const std::optional<double> gain = layer.gain()) {
      found.back().gain = *gain;
      found.back().open = false;
    }
  }
  for (const auto& [name, child] : layer.children()) find(*child, found);
}

}  // namespace

Initializer he_normal_of(double gain) { return he_normal({.gain = gain}); }

void initialize(Layer& model, const Scheme& scheme, Generator& generator) {
  if (!scheme) fail("initialize", "the scheme must be a function, got an empty one");
  std::vector<Found> found;
  find(model, found);

  std::vector<Tensor> weights;
  for (const auto& [dense, gain, open] : found) {
    const Tensor& old = dense->weight;
    const Initializer initializer = scheme(gain);
    if (!initializer) fail("initialize", "the scheme must return a function, got an empty one");
    weights.push_back(initializer(old.shape(), {.in = dense->in(), .out = dense->out()},
                                  {.dtype = old.dtype(), .device = old.device()}, generator));
    const Tensor& drawn = weights.back();
    if (drawn.shape() != old.shape() || drawn.dtype() != old.dtype() || drawn.device() != old.device())
      fail("initialize", "the scheme must return ", old.dtype(), ' ', old.shape(), " on ", old.device(), ", got ",
           drawn.dtype(), ' ', drawn.shape(), " on ", drawn.device());
  }
  for (size_t i = 0; i < found.size(); ++i) {
    const Dense& dense = *found[i].dense;
    copy(weights[i].array(), dense.weight.array());
    if (dense.bias.defined()) fill(dense.bias.array(), 0);
  }
}

}  // namespace ramp::init

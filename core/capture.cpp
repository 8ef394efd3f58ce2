#include "ramp/core/capture.h"

#include "ramp/core/autograd.h"
#include "ramp/core/backend.h"
#include "ramp/core/step_graphs.h"

namespace ramp {

namespace {

constexpr const char* op = "capture";

thread_local bool inside = false;  // of a step: a captured step within one is part of it

struct Inside {
  Inside() { inside = true; }
  ~Inside() { inside = false; }
};

}  // namespace

StepGraphs::StepGraphs(CaptureOptions options) : options_(options) {
  if (options.warmup < 1) fail(op, "warmup must be at least 1, got ", options.warmup);
}

Tensor StepGraphs::run(std::span<const Tensor> inputs, const Step& step) {
  StepKey key{inputs[0].device(), recording(), {}};
  for (const Tensor& x : inputs) {
    if (x.device() != key.device) fail(op, "inputs must be on one device, got ", key.device, " and ", x.device());
    if (x.requires_grad()) fail(op, "an input must not require a gradient, got one of shape ", x.shape());
    key.inputs.emplace_back(x.shape(), x.dtype());
  }
  if (inside) return step(inputs);
  const Inside guard;
  return on(key.device, [&]<class B>(B) -> Tensor {
    if constexpr (requires { typename B::Graph; }) {
      if (!held_) held_ = std::make_shared<StepGraphList<typename B::Graph>>();
      return static_cast<StepGraphList<typename B::Graph>*>(held_.get())
          ->run(key, inputs, step, options_.warmup, graphs_);
    } else {
      return Tensor(clone(step(inputs).array()));
    }
  });
}

}  // namespace ramp

#include "ramp/core/capture/capture.h"

#include <iostream>

#include "ramp/core/autograd/autograd.h"
#include "ramp/core/capture/step_graphs.h"
#include "ramp/core/dispatch/on.h"

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

Tensor StepGraphs::run(std::span<const Tensor> inputs, const CapturedStep& step) {
  if (!step) fail(op, "the step must be a function, got an empty one");
  if (inputs.empty()) fail(op, "a step takes at least one tensor, got none");
  const Device device = inputs[0].device();
  for (const Tensor& x : inputs) {
    if (x.device() != device) fail(op, "inputs must be on one device, got ", device, " and ", x.device());
    if (x.requires_grad()) fail(op, "an input must not require a gradient, got one of shape ", x.shape());
  }
  if (inside) return step(inputs);
  keep_shown_gradients();
  const Inside guard;
  const bool warned = !report_.eager_reason.empty();
  Tensor out = on(device, [&]<class B>(B) {
    std::shared_ptr<void>& held = held_[device.is_cuda()];
    if (!held) held = std::make_shared<StepGraphList<typename B::Graph>>();
    return static_cast<StepGraphList<typename B::Graph>*>(held.get())->run(inputs, step, options_, report_);
  });
  if (!warned && !report_.eager_reason.empty())
    std::cerr << "ramp: a step cannot be captured and runs eagerly: " << report_.eager_reason << std::endl;
  return out;
}

}  // namespace ramp

#include "ramp/core/capture/capture.h"

#include <algorithm>
#include <iostream>

#include "ramp/core/array_ops/array_ops.h"
#include "ramp/core/capture/step_graph.h"
#include "ramp/core/dispatch/on.h"

namespace ramp {

namespace {

constexpr const char* op = "capture";

// capture() promises these bounds: neither an option that changes in every step nor batches of many sizes may fill the
// memory with graphs.
constexpr size_t most_graphs = 16;
constexpr std::ptrdiff_t most_of_a_kind = 4;  // for inputs of one kind
constexpr int most_wasted = 4;                // in a row that were captured and never replayed

}  // namespace

std::unique_ptr<StepRecorder> make_recorder(Device device) {
  return on(device, [](auto backend) -> std::unique_ptr<StepRecorder> {
    return std::make_unique<typename decltype(backend)::Graph>();
  });
}

StepCache::StepCache(CaptureOptions options, std::unique_ptr<StepRecorder> (*make)(Device))
    : options_(options), make_(make) {
  if (options.warmup < 1) fail(op, "warmup must be at least 1, got ", options.warmup);
}
StepCache::~StepCache() = default;

Tensor StepCache::run(std::span<const Tensor> inputs, const CapturedStep& step) {
  if (!step) fail(op, "the step must be a function, got an empty one");
  if (inputs.empty()) fail(op, "a step takes at least one tensor, got none");
  const Device device = inputs[0].device();
  for (const Tensor& x : inputs) {
    if (x.device() != device) fail(op, "inputs must be on one device, got ", device, " and ", x.device());
    if (x.requires_grad()) fail(op, "an input must not require a gradient, got one of shape ", x.shape());
  }
  if (capture_state.in_step) return step(inputs);
  keep_shown_gradients();
  const CaptureScope scope;
  const bool warned = !eager_reason_.empty();
  Tensor out = run_outermost(inputs, step);
  if (!warned && !eager_reason_.empty())
    std::cerr << "ramp: a step cannot be captured and runs eagerly: " << eager_reason_ << '\n';
  return out;
}

Tensor StepCache::run_outermost(std::span<const Tensor> inputs, const CapturedStep& step) {
  const auto graph = find(inputs);
  graphs_.splice(graphs_.end(), graphs_, graph);
  if (graph->eager()) return Tensor(clone(step(inputs).array()));
  graph->take(inputs);
  if (graph->captured()) return options_.verify ? graph->verify(inputs, step) : graph->replay();
  if (graph->warmed_up() < options_.warmup) {
    evict(inputs);
    return graph->warm_up(step);
  }
  std::string why;
  Tensor out;
  try {
    out = graph->capture(step, why);
  } catch (...) {
    graphs_.erase(graph);
    throw;
  }
  if (graph->captured()) {
    ++captured_;
    evict(inputs);
    return out;
  }
  graphs_.erase(graph);  // with what is left of the attempt
  if (!why.empty()) {
    graphs_.emplace_back(inputs, nullptr, 0);
    eager_reason_ = why;
  }
  return out;
}

/// The graph that does what the step would do now, else the one that warms up for that, else a new one.
StepCache::Graphs::iterator StepCache::find(std::span<const Tensor> inputs) {
  auto warming = graphs_.end();
  int wasted = 0;
  for (auto next = graphs_.begin(); next != graphs_.end();) {
    const auto graph = next++;
    if (!graph->fits(inputs)) continue;
    if (!graph->captured()) {
      warming = graph;
    } else if (!graph->same_objects()) {
      wasted = graph->wasted_with_this();
      graphs_.erase(graph);
    } else if (graph->same_state()) {
      return graph;
    }
  }
  if (warming != graphs_.end()) return warming;
  const bool eager = wasted == most_wasted;
  if (eager)
    eager_reason_ =
        "[capture] a step must read the same tensors in each call, got others in most; copy() into the old ones";
  return graphs_.emplace(graphs_.end(), inputs, eager ? nullptr : make_(inputs[0].device()), wasted);
}

void StepCache::evict(std::span<const Tensor> inputs) {
  graphs_.remove_if([](const StepGraph& graph) { return graph.captured() && !graph.same_objects(); });
  const auto of_kind = [&](const StepGraph& graph) { return graph.fits(inputs); };
  if (std::count_if(graphs_.begin(), graphs_.end(), of_kind) > most_of_a_kind)
    graphs_.erase(std::find_if(graphs_.begin(), graphs_.end(), of_kind));
  if (graphs_.size() > most_graphs) graphs_.pop_front();
}

}  // namespace ramp

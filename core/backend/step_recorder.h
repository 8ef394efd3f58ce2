#pragma once
// What a backend's Graph, which records a training step and replays it, offers to capture/.

#include <concepts>
#include <functional>
#include <span>

#include "ramp/core/array/array.h"
#include "ramp/core/random/key.h"

namespace ramp {

/// For one graph the calls come in this order: take() and warm_up() in each warm-up step, take() and capture() once,
/// then take() and launch() in each replay.
template <class Graph>
concept StepRecorder = requires(Graph graph, const Graph& recorded, const Array& x, const std::function<void()>& step,
                                std::span<const RandomKey> keys) {
  /// (from, to): passes an input to the step, which reads it in `to`. Returns true if the caller must copy `from` to
  /// `to` now, and false if the replay reads `from` in place.
  { graph.take(x, x) } -> std::same_as<bool>;
  /// Runs the step eagerly.
  graph.warm_up(step);
  /// Records what the step does, without doing it. Throws what the step throws.
  graph.capture(step);
  /// Called inside capture() by a step that cannot be captured: runs what was recorded, and lets the rest of the step
  /// run eagerly.
  graph.stop();
  /// The keys that the recorded step drew random numbers with, in the order of its kernels.
  { recorded.drawn() } -> std::convertible_to<std::span<const RandomKey>>;
  /// Does what was recorded, drawing with these keys, as many as drawn(). Throws what a kernel finds wrong.
  graph.launch(keys);
};

}  // namespace ramp

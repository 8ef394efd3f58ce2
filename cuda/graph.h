#pragma once
// A step as a CUDA graph; core/capture/capture.h says what for. No CUDA header is needed to read this one.

#include <functional>
#include <span>
#include <vector>

#include "ramp/core/array/array.h"
#include "ramp/core/random/key.h"
#include "ramp/cuda/pool.h"

struct CUgraphExec_st;

namespace ramp::cuda {

/// On the device that was current when it was made. Arrays made in its steps lie in its own memory.
class Graph {
 public:
  Graph();
  /// Waits for replays that still run.
  ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  /// Gives the step its input: `to` stands for it.
  void take(const Array& from, const Array& to);
  /// Runs a step as ever. What it needs beside memory (plans of products, the number of random arrays) is there afterwards.
  void warm_up(const std::function<void()>& step);
  /// Records a step without running it. Throws what it throws, and Error when it holds more than kernels, fills and copies
  /// on the device.
  void capture(const std::function<void()>& step);
  /// Called by the step that is being captured: runs what was recorded so far, and lets the rest of the step run at once.
  void stop();
  /// How many kernels, fills and copies the captured step is.
  size_t nodes() const { return nodes_; }
  /// The keys that the captured step drew with, in order.
  const std::vector<RandomKey>& drawn() const { return drawn_; }
  /// Queues a replay that draws with these keys instead. Throws Error when an earlier replay met an index out of range.
  void launch(std::span<const RandomKey> keys);

  /// Where a kernel of the captured step finds its present key.
  const RandomKey* renewed(const char* op, RandomKey key);

 private:
  Pool pool_;
  int device_;
  size_t draws_ = 0;  // of the last warm-up step
  size_t nodes_ = 0;
  std::vector<RandomKey> drawn_;
  Array keys_;
  CUgraphExec_st* executable_ = nullptr;
  std::function<void()> end_;  // of the recording that runs
};

/// Where a kernel finds its present key, or null outside of captured steps.
const RandomKey* renewed(const char* op, RandomKey key);
/// Queues writing keys to the device.
void write_keys(std::span<const RandomKey> keys, RandomKey* to);

}  // namespace ramp::cuda

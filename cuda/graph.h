#pragma once
// A step as a CUDA graph; core/capture/capture.h describes its use. This header includes no CUDA header.

#include <functional>
#include <span>
#include <vector>

#include "ramp/core/array/array.h"
#include "ramp/core/backend/step_recorder.h"
#include "ramp/core/random/key.h"
#include "ramp/cuda/pool.h"

struct CUgraphExec_st;

namespace ramp::cuda {

/// A graph belongs to the device that was current when it was made. Arrays made in its steps lie in its own pool.
class Graph final : public StepRecorder {
 public:
  Graph();
  /// Waits for replays that still run.
  ~Graph() override;

  bool take(const Array&, const Array&) override { return true; }
  /// Afterwards all that a capture needs is there: memory, plans of products, and the number of random arrays.
  void warm_up(const std::function<void()>& step) override;
  /// Throws Error if the graph holds anything but kernels, fills and copies on the device.
  void capture(const std::function<void()>& step) override;
  void stop() override;
  /// The number of kernels, fills and copies in the graph.
  size_t nodes() const { return nodes_; }
  const std::vector<RandomKey>& drawn() const override { return drawn_; }
  /// Queues a replay. Throws Error if an earlier replay or load_batch() met an index out of range.
  void launch(std::span<const RandomKey> keys) override;

  /// The address from which the next kernel of the captured step reads its current key; null if the step runs eagerly.
  const RandomKey* replay_key(const char* op, RandomKey key);

 private:
  Pool pool_;
  int device_;
  size_t draws_ = 0;  // of the last warm-up step
  size_t nodes_ = 0;
  std::vector<RandomKey> drawn_;
  Array keys_;
  CUgraphExec_st* executable_ = nullptr;
  std::function<void()> end_;  // ends the current recording and makes the graph executable
};

/// The address from which a kernel reads its current key; null outside of captured steps.
const RandomKey* replay_key(const char* op, RandomKey key);
/// Queues a kernel that writes the keys to `to` on the device.
void write_keys(std::span<const RandomKey> keys, RandomKey* to);

}  // namespace ramp::cuda

#pragma once
// A captured step on the CPU (core/capture/capture.h): the loops of its operations, recorded so that they can run again
// without tensors, nodes or allocation, and in another order.
//
// Loops are grouped into phases, and the threads wait for each other only between phases. A loop that reads, part by
// part, what another loop writes joins the chain of that loop: the same thread takes the same rows through both without
// waiting for the others. So a training step of dense layers has two phases: each thread takes its rows of the batch
// forward through all layers and back, and then computes its rows of every weight gradient, each followed at once by
// the update of those weights. The price is memory: all arrays of a step live at the same time, since a loop may run
// earlier or later than in the program.

#include <atomic>
#include <deque>
#include <exception>
#include <functional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ramp/core/backend/step_recorder.h"
#include "ramp/core/cpu/autotune.h"
#include "ramp/core/cpu/loops.h"
#include "ramp/core/cpu/parallel.h"

namespace ramp::cpu {

class Graph final : public StepRecorder, public LoopRecorder {
 public:
  /// A replay reads an input in place, unless the step writes to its input or its loops use the memory of `from`.
  bool take(const Array& from, const Array& to) override;
  void warm_up(const std::function<void()>& step) override { step(); }
  void capture(const std::function<void()>& step) override;
  void stop() override { launch(drawn_); }
  const std::vector<RandomKey>& drawn() const override { return drawn_; }
  /// If a loop throws, those of later phases do not run.
  void launch(std::span<const RandomKey> keys) override;
  LoopRecorder* loops() override { return this; }

  void record(int64_t n, int64_t grain, std::initializer_list<AnyAccess> arrays, Body body) override;
  const RandomKey* replay_key(RandomKey key) override;

 private:
  /// Loops that are cut alike: one thread runs the same piece of all of them in turn. `rows` divides every loop's n.
  struct Chain {
    int64_t rows;
    std::vector<size_t> loops;
    double work = 0;  // in grains
    int64_t pieces = 1;
  };
  struct Phase {
    std::vector<Chain> chains;
    std::vector<std::pair<size_t, int64_t>> tasks;  // chain and piece
  };
  struct Kept {
    Body run;
    std::vector<Array> arrays;  // keep their memory alive
    std::vector<void*> data;
  };
  /// An input of the step. `uses` lists every address in the recorded loops that points into its stand-in, and its
  /// offset there; a replay redirects them to the caller's array.
  struct Input {
    const Storage* stand_in;
    std::vector<std::pair<void**, std::ptrdiff_t>> uses;
    const void* now;
  };

  void plan(int threads);
  void place(size_t index, const std::vector<Dependency>& dependencies, int threads);
  void run(const Phase& phase, int task) noexcept;
  void run_together();

  std::vector<Kept> bodies_;
  std::vector<Loop> loops_;
  std::vector<Input> inputs_;
  LoopIndex recorded_{loops_};                     // all of them
  std::unordered_map<const Storage*, bool> held_;  // all that the loops use, and whether they write to it
  std::vector<RandomKey> drawn_;
  std::deque<RandomKey> keys_;  // of the current replay; a deque, since the loops hold their addresses

  int planned_for_ = 0;  // number of threads
  std::vector<Phase> phases_;
  Autotune autotune_;
  struct alignas(64) Progress {
    std::atomic<int> next{0}, done{0};
  };
  std::deque<Progress> progress_;  // of each phase of the current replay
  std::atomic<bool> failed_{false};
  std::exception_ptr error_;
};

}  // namespace ramp::cpu

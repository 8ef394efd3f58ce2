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
#include <map>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "ramp/core/cpu/parallel.h"
#include "ramp/core/cpu/sharing.h"
#include "ramp/core/random/key.h"

namespace ramp::cpu {

class Graph {
 public:
  Graph() = default;
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  /// Passes an input to the step, which reads it in `to`. A replay reads `from` in place, unless the step writes to its
  /// input or its loops use the memory of `from`; then, and before the capture, it returns true: copy `from` to `to`.
  bool take(const Array& from, const Array& to);
  /// Runs the step eagerly.
  void warm_up(const std::function<void()>& step) { step(); }
  /// Records the loops of the step without running them. Throws what the step throws.
  void capture(const std::function<void()>& step);
  /// Called by the step that is being captured: runs the loops recorded so far; all later loops run immediately.
  void stop();
  /// The keys that the captured step drew random numbers with, in order.
  const std::vector<RandomKey>& drawn() const { return drawn_; }
  /// Runs the loops with these keys instead. Throws what a loop throws; the loops of later phases have then not run.
  void launch(std::span<const RandomKey> keys);

 private:
  friend void record(int64_t, int64_t, std::initializer_list<Access>, Body);
  friend const RandomKey* renewed(RandomKey key);

  /// A range of memory that a loop over [0, n) accesses.
  struct Range {
    const Storage* storage;
    const char *begin, *end;
    bool whole, writes;  // a check counts as a write: readers come after it
  };
  /// Indices [first, first + n) of a body.
  struct Loop {
    int64_t first, n, grain;
    std::vector<Range> ranges;
    size_t body;
    size_t phase = 0, chain = 0;
  };
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
    std::vector<bool> writes;
  };
  /// An input of the step. `uses` lists every address in the recorded loops that points into its stand-in, and its
  /// offset there; a replay redirects them to the caller's array.
  struct Input {
    const Storage* stand_in;
    std::vector<std::pair<void**, std::ptrdiff_t>> uses;
    const void* now;
  };

  /// The loops that access a storage, sorted by where their ranges begin, so that finding the loops that another one
  /// depends on does not take a scan of all loops.
  struct Touching {
    std::multimap<const char*, size_t> readers, writers;
    std::ptrdiff_t longest = 0;  // bytes of the longest range
  };

  void keep(int64_t n, int64_t grain, std::initializer_list<Access> arrays, Body body);
  std::vector<int64_t> cuts(const Loop& loop) const;
  void note(size_t index);
  std::vector<size_t> related(const Loop& loop) const;
  void plan(int threads);
  void place(size_t index, int threads);
  void run(const Phase& phase, int task) noexcept;
  void run_together();

  std::vector<Kept> bodies_;
  std::vector<Loop> loops_;
  std::vector<Input> inputs_;
  std::unordered_map<const Storage*, Touching> touching_;  // the loops recorded or placed so far
  std::unordered_set<const Storage*> held_;                // all that the loops use
  std::vector<RandomKey> drawn_;
  std::deque<RandomKey> keys_;  // of the current replay; a deque, since the loops hold their addresses

  int planned_for_ = 0;  // number of threads
  std::vector<Phase> phases_;
  Sharing sharing_;
  struct alignas(64) Progress {
    std::atomic<int> next{0}, done{0};
  };
  std::deque<Progress> progress_;  // of each phase of the current replay
  std::atomic<bool> failed_{false};
  std::exception_ptr error_;
};

/// If this thread is capturing a step, records `key` and returns the address where replays put their key; else null.
const RandomKey* renewed(RandomKey key);

}  // namespace ramp::cpu

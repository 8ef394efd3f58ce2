#pragma once
// A captured step on the CPU (core/capture/capture.h): the loops of its operations, kept to be run again without tensors, nodes or
// allocation, and in an order of its own.
//
// Loops are gathered into phases with one wait between two of them. A loop that reads, part by part, what another one
// writes goes into one chain with it: the same thread takes the same rows through both without waiting for the others. So
// a training step of dense layers is two phases: each thread takes its rows of the batch forward through all layers and
// back, and then its rows of every weight gradient, with the update of those weights right behind. The price is memory: the
// arrays of a step all live at once, for a loop may run earlier or later than in the program.

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

  /// Gives the step its input: `to` stands for it. A replay reads `from` where it lies.
  void take(const Array& from, const Array& to);
  /// Runs a step as ever.
  void warm_up(const std::function<void()>& step) { step(); }
  /// Keeps a step's loops without running them. Throws what it throws.
  void capture(const std::function<void()>& step);
  /// Called by the step that is being captured: runs the loops so far, and lets all further ones run at once.
  void stop();
  /// The keys that the captured step drew with, in order.
  const std::vector<RandomKey>& drawn() const { return drawn_; }
  /// Runs the loops, drawing with these keys instead. Throws what a loop throws; those of later phases have then not run.
  void launch(std::span<const RandomKey> keys);

 private:
  friend void record(int64_t, int64_t, std::initializer_list<Access>, Body);
  friend const RandomKey* renewed(RandomKey key);

  /// A part of memory that a loop over [0, n) touches.
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
  /// Loops whose pieces belong together. `rows` divides every loop's n.
  struct Chain {
    int64_t rows;
    std::vector<size_t> loops;
    double work = 0;  // in pieces of the loops' grains
    int64_t pieces = 1;
  };
  struct Phase {
    std::vector<Chain> chains;
    std::vector<std::pair<size_t, int64_t>> tasks;  // chain and piece
  };
  struct Kept {
    Body run;
    std::vector<Array> arrays;  // holds their memory
    std::vector<void*> data;
    std::vector<bool> writes;
  };
  /// An array for which the caller's own may stand in a replay: the addresses in it, and where the loops have them.
  struct Input {
    const Storage* stand_in;
    std::vector<std::pair<void**, std::ptrdiff_t>> uses;
    const void* now;
  };

  /// The loops that touch a storage, by where their ranges begin: for a loop to find those that it depends on without looking
  /// at all.
  struct Touching {
    std::multimap<const char*, size_t> readers, writers;
    std::ptrdiff_t longest = 0;  // range
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
  std::unordered_map<const Storage*, Touching> touching_;  // of the loops so far
  std::unordered_set<const Storage*> held_;                // by the loops
  std::vector<RandomKey> drawn_;
  std::deque<RandomKey> keys_;  // present ones; a deque, for the loops have their addresses

  int planned_for_ = 0;  // threads
  std::vector<Phase> phases_;
  Sharing sharing_;
  struct alignas(64) Progress {
    std::atomic<int> next{0}, done{0};
  };
  std::deque<Progress> progress_;  // of each phase in the replay that runs
  std::atomic<bool> failed_{false};
  std::exception_ptr error_;
};

/// Where a loop of the step that this thread captures finds its present key, or null.
const RandomKey* renewed(RandomKey key);

}  // namespace ramp::cpu

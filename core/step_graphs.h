#pragma once
// From eager steps to replays: which graph belongs to a call, if any. `Graph` is a backend's or a test's.

#include <algorithm>
#include <list>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "ramp/core/autograd.h"
#include "ramp/core/capture.h"
#include "ramp/core/precision.h"
#include "ramp/core/trace.h"

namespace ramp {

/// What a graph is captured for, beside what its trace holds.
class StepKey {
 public:
  explicit StepKey(std::span<const Tensor> inputs)
      : device_(inputs[0].device()), precision_(precision(device_)), records_(recording()) {
    for (const Tensor& x : inputs) inputs_.push_back({x.shape(), x.dtype()});
  }
  bool fits(std::span<const Tensor> inputs) const {
    return inputs[0].device() == device_ && precision(device_) == precision_ && recording() == records_ &&
           std::equal(inputs_.begin(), inputs_.end(), inputs.begin(), inputs.end(),
                      [](const Input& a, const Tensor& b) { return a.shape == b.shape() && a.dtype == b.dtype(); });
  }

 private:
  struct Input {
    Shape shape;
    DType dtype;
  };
  Device device_;
  Precision precision_;
  bool records_;
  std::vector<Input> inputs_;
};

/// One graph and its way there.
template <class Graph>
struct StepGraph {
  StepKey key;
  int warmed = 0;
  Graph graph;                 // the members below hold memory of it
  std::vector<Tensor> inputs;  // where it reads them
  std::optional<Trace> trace;  // once captured
  Array result;
  std::vector<RandomKey> keys;
  Tensor returned[2];  // by the last replays: of `loss = step(x, y)` one is still held when the next is made

  explicit StepGraph(std::span<const Tensor> given) : key(given) {
    for (const Tensor& x : given) inputs.emplace_back(Array(x.shape(), x.dtype(), x.device()));
  }

  void take(std::span<const Tensor> given) {
    for (size_t i = 0; i < inputs.size(); ++i) graph.take(given[i].array(), inputs[i].array());
  }

  /// What the step returns; not an input itself, for where that lies is not where its numbers will be.
  Array run(const StepGraphs::Step& step) {
    const Array out = step(inputs).array();
    const bool own = std::none_of(inputs.begin(), inputs.end(),
                                  [&](const Tensor& x) { return x.array().storage() == out.storage(); });
    return own ? out : clone(out);
  }

  Tensor warm_up(const StepGraphs::Step& step) {
    Array out;
    graph.warm_up([&] { out = run(step); });
    ++warmed;
    return Tensor(clone(out));
  }

  Tensor capture(const StepGraphs::Step& step) {
    Trace made;
    try {
      graph.capture([&] {
        const Tracing scope(made);
        result = run(step);
      });
    } catch (...) {
      made.undo();
      throw;
    }
    const bool kept = made.close(graph.drawn());
    graph.launch(graph.drawn());
    // Only now, when this very step is done and the new tensor has its numbers.
    if (!kept)
      fail("capture",
           "a tensor that the step reads was replaced in it, which a replay cannot do; copy() into it instead");
    trace = std::move(made);
    return Tensor(clone(result));
  }

  Tensor replay() {
    trace->present_keys(keys);
    trace->prepare();
    graph.launch(keys);
    trace->advance();
    // Into a tensor that the caller is done with, when there is one: a replay then asks for no memory.
    Tensor* out = std::find_if(returned, returned + 2, [](const Tensor& t) { return t.defined() && t.unshared(); });
    if (out == returned + 2) {
      out = std::find_if(returned, returned + 1, [](const Tensor& t) { return !t.defined(); });
      *out = Tensor(clone(result));
    } else {
      copy(result, out->array());
    }
    return *out;
  }
};

/// All graphs of a step.
template <class Graph>
class StepGraphList {
 public:
  Tensor run(std::span<const Tensor> inputs, const StepGraphs::Step& step, int warmup, int64_t& graphs) {
    auto entry = find(inputs);
    if (entry == entries_.end()) entry = entries_.emplace(entries_.end(), inputs);
    entries_.splice(entries_.end(), entries_, entry);  // the last one used is the last one evicted
    entry->take(inputs);
    if (entry->trace) return entry->replay();
    if (entry->warmed < warmup) return entry->warm_up(step);
    try {
      Tensor out = entry->capture(step);
      ++graphs;
      evict(inputs);
      return out;
    } catch (...) {
      entries_.erase(entry);
      throw;
    }
  }

 private:
  using List = std::list<StepGraph<Graph>>;

  /// The graph that does what the step would do now, else the one that is warming up, else the end.
  typename List::iterator find(std::span<const Tensor> inputs) {
    auto warming = entries_.end();
    for (auto entry = entries_.begin(); entry != entries_.end();) {
      if (entry->trace && !entry->trace->same_objects()) {
        entry = entries_.erase(entry);
        continue;
      }
      if (entry->key.fits(inputs)) {
        if (!entry->trace) warming = entry;
        else if (entry->trace->same_state()) return entry;
      }
      ++entry;
    }
    return warming;
  }

  void evict(std::span<const Tensor> inputs) {
    const auto of_key = [&](const StepGraph<Graph>& entry) { return entry.key.fits(inputs); };
    if (std::count_if(entries_.begin(), entries_.end(), of_key) > most_variants)
      entries_.erase(std::find_if(entries_.begin(), entries_.end(), of_key));
  }

  static constexpr std::ptrdiff_t most_variants =
      4;  // of a key: an option that changes in every step must not fill the memory
  List entries_;
};

}  // namespace ramp

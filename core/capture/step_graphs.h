#pragma once
// From eager steps to replays: which graph belongs to a call, if any. `Graph` is a backend's or a test's.

#include <algorithm>
#include <cmath>
#include <list>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ramp/core/array_ops/array_ops.h"
#include "ramp/core/autograd/autograd.h"
#include "ramp/core/backend/precision.h"
#include "ramp/core/backend/step_recorder.h"
#include "ramp/core/capture/step.h"
#include "ramp/core/capture/trace.h"

namespace ramp {

/// What a graph is captured for, beside what its trace holds.
class StepKey {
 public:
  explicit StepKey(std::span<const Tensor> inputs)
      : device_(inputs[0].device()),
        default_device_(default_device()),
        precision_(precision(device_)),
        records_(recording()) {
    for (const Tensor& x : inputs) inputs_.push_back({x.shape(), x.dtype()});
  }
  bool fits(std::span<const Tensor> inputs) const {
    return inputs[0].device() == device_ && default_device() == default_device_ && precision(device_) == precision_ &&
           recording() == records_ &&
           std::equal(inputs_.begin(), inputs_.end(), inputs.begin(), inputs.end(),
                      [](const Input& a, const Tensor& b) { return a.shape == b.shape() && a.dtype == b.dtype(); });
  }

 private:
  struct Input {
    Shape shape;
    DType dtype;
  };
  Device device_, default_device_;
  Precision precision_;
  bool records_;
  std::vector<Input> inputs_;
};

/// Throws Error where a replay's numbers differ from the step's own by more than rounding, relative to the largest of
/// them.
inline void check_replay(const char* what, const Array& replayed, const Array& eager) {
  const auto values = [](const Array& x) { return Tensor(to(x, float64)).to_vector<double>(); };
  const std::vector<double> got = values(replayed), expected = values(eager);
  double largest = 0;
  for (double x : expected) largest = std::isfinite(x) ? std::max(largest, std::abs(x)) : largest;
  const double tolerance = eager.dtype() == float64                          ? 1e-8
                           : eager.dtype() != float32                        ? 0
                           : precision(eager.device()) == Precision::float32 ? 1e-3
                                                                             : 3e-2;
  for (size_t i = 0; i < expected.size(); ++i)
    if (got[i] != expected[i] && !(std::isnan(got[i]) && std::isnan(expected[i])) &&
        !(std::abs(got[i] - expected[i]) <= tolerance * largest))
      fail("capture", "a replay must give what the step itself gives, got ", got[i], " instead of ", expected[i],
           " at element ", i, " of ", what, " ", eager.dtype(), ' ', eager.shape(),
           "; does the step use a number of the program that changed since it was captured?");
}

/// One graph and its way there.
template <StepRecorder Graph>
struct StepGraph {
  StepKey key;
  int warmed = 0;
  bool eager;                  // the step cannot be captured; there is no graph
  Graph graph;                 // the members below hold memory of it
  std::vector<Tensor> inputs;  // where it reads them
  std::optional<Trace> trace;  // once captured
  Array result;
  std::vector<RandomKey> keys;
  int replays = 0;
  int wasted;                   // graphs of this key that were dropped in a row without a replay
  UncountedTensor returned[2];  // by the last replays: of `loss = step(x, y)` one is still held when the next is made

  StepGraph(std::span<const Tensor> given, int wasted, bool eager = false) : key(given), eager(eager), wasted(wasted) {}

  void take(std::span<const Tensor> given) {
    for (size_t i = inputs.size(); i < given.size(); ++i)
      inputs.emplace_back(Array(given[i].shape(), given[i].dtype(), given[i].device()));
    for (size_t i = 0; i < inputs.size(); ++i)
      if (graph.take(given[i].array(), inputs[i].array())) copy(given[i].array(), inputs[i].array());
  }

  /// The step's result. If the step returns one of its inputs, a copy: a replay reads its inputs elsewhere.
  Array run(const CapturedStep& step) {
    const Array out = step(inputs).array();
    const bool own = std::none_of(inputs.begin(), inputs.end(),
                                  [&](const Tensor& x) { return x.array().storage() == out.storage(); });
    return own ? out : clone(out);
  }

  Tensor warm_up(const CapturedStep& step) {
    Array out;
    graph.warm_up([&] { out = run(step); });
    ++warmed;
    return Tensor(clone(out));
  }

  /// Captures the step and runs it. `trace` is set when replays will do what the step does; else `why` says why not,
  /// and is empty where another warm-up may help.
  Tensor capture(const CapturedStep& step, std::string& why) {
    Trace made([this] { graph.stop(); });
    graph.capture([&] {
      const Tracing scope(made);
      try {
        result = run(step);
      } catch (...) {
        made.stop("");  // as eagerly, where all that came before has happened
        throw;
      }
    });
    if (made.stopped()) {
      why = made.reason();
      return Tensor(clone(result));
    }
    bool kept = false, launched = false;
    Array out;
    try {
      kept = made.close(graph.drawn());
      out = Array(result.shape(), result.dtype(), result.device());
      launched = true;
      graph.launch(graph.drawn());
    } catch (...) {
      made.undo();
      if (launched) made.advance_generators();  // as the step has drawn when it meets what is wrong
      throw;
    }
    made.forget_undo();
    if (kept) trace = std::move(made);
    else why = "[capture] the step must not replace a tensor that it reads, got one replaced; copy() into it instead";
    copy(result, out);
    return Tensor(out);
  }

  Tensor replay() {
    ++replays;
    // Into a tensor that the caller is done with, when there is one: a replay then asks for no memory.
    UncountedTensor* out = std::find_if(returned, returned + 2, [](const UncountedTensor& t) { return t.unshared(); });
    if (out == returned + 2) {
      out = returned + returned[0].defined();
      *out = UncountedTensor(Tensor(Array(result.shape(), result.dtype(), result.device())));
    }
    trace->present_keys(keys);
    trace->prepare();
    try {
      graph.launch(keys);
    } catch (...) {
      trace->advance_generators();  // as the step has drawn when it meets what is wrong
      throw;
    }
    trace->advance();
    copy(result, (*out)->value);
    return out->get();
  }

  /// A replay, then the step itself from the same state. Throws Error where the two differ.
  Tensor verify(std::span<const Tensor> given, const CapturedStep& step) {
    const Trace::State before = trace->state();
    const Array replayed = clone(replay().array());
    const Trace::State after = trace->state();
    trace->restore(before);
    const Array out = clone(step(given).array());
    const Trace::State eager = trace->state();
    check_replay("the result,", replayed, out);
    for (size_t i = 0; i < eager.arrays.size(); ++i)
      check_replay("an array that the step changes,", after.arrays[i], eager.arrays[i]);
    if (after.tickets != eager.tickets || after.has_gradient != eager.has_gradient)
      fail("capture", "a replay must leave generators and gradients as the step itself does, got another state");
    return Tensor(out);
  }
};

/// All graphs of a step.
template <StepRecorder Graph>
class StepGraphList {
 public:
  Tensor run(std::span<const Tensor> inputs, const CapturedStep& step, const CaptureOptions& options,
             CaptureReport& report) {
    int wasted = 0;
    auto entry = find(inputs, wasted);
    if (entry == entries_.end()) {
      entry = entries_.emplace(entries_.end(), inputs, wasted, wasted == most_wasted);
      if (entry->eager)
        report.eager_reason =
            "[capture] a step must read the same tensors in each call, got others in most; copy() into the old ones";
    }
    entries_.splice(entries_.end(), entries_, entry);  // the last one used is the last one evicted
    if (entry->eager) return Tensor(clone(step(inputs).array()));
    entry->take(inputs);
    if (entry->trace) return options.verify ? entry->verify(inputs, step) : entry->replay();
    if (entry->warmed < options.warmup) {
      evict(inputs);
      return entry->warm_up(step);
    }
    std::string why;
    Tensor out;
    try {
      out = entry->capture(step, why);
    } catch (...) {
      entries_.erase(entry);
      throw;
    }
    if (entry->trace) {
      ++report.graphs;
      evict(inputs);
      return out;
    }
    entries_.erase(entry);  // with what is left of the attempt
    if (!why.empty()) {
      entries_.emplace(entries_.end(), inputs, 0, true);
      report.eager_reason = why;
    }
    return out;
  }

 private:
  using List = std::list<StepGraph<Graph>>;

  /// The graph that does what the step would do now, else the one that is warming up, else the end; then `wasted` is
  /// the new one's.
  typename List::iterator find(std::span<const Tensor> inputs, int& wasted) {
    auto warming = entries_.end();
    for (auto entry = entries_.begin(); entry != entries_.end();) {
      const auto here = entry++;
      if (!here->key.fits(inputs)) continue;
      if (!here->trace) {
        warming = here;
      } else if (!here->trace->same_objects()) {
        wasted = here->replays == 0 ? here->wasted + 1 : 0;
        entries_.erase(here);
      } else if (here->trace->same_state()) {
        return here;
      }
    }
    return warming;
  }

  void evict(std::span<const Tensor> inputs) {
    entries_.remove_if([](const StepGraph<Graph>& entry) { return entry.trace && !entry.trace->same_objects(); });
    const auto of_key = [&](const StepGraph<Graph>& entry) { return entry.key.fits(inputs); };
    if (std::count_if(entries_.begin(), entries_.end(), of_key) > most_variants)
      entries_.erase(std::find_if(entries_.begin(), entries_.end(), of_key));
    if (entries_.size() > most_entries) entries_.pop_front();
  }

  // Capture.h promises these bounds: neither an option that changes in every step nor batches of many sizes may fill
  // the memory with graphs.
  static constexpr std::ptrdiff_t most_variants = 4;  // of a key
  static constexpr size_t most_entries = 16;
  static constexpr int most_wasted = 4;  // graphs in a row that were captured and never replayed
  List entries_;
};

}  // namespace ramp

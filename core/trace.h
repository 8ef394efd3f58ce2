#pragma once
// What a step that is being captured (capture.h) looks at on the host. Its replays run no host code, so this is how they
// tell whether that code would still do the same, and how they do what it would have done to the host's own state.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "ramp/core/birth.h"
#include "ramp/core/random.h"
#include "ramp/core/tensor.h"

namespace ramp {

class Trace {
 public:
  Trace();

  // ---- While the step runs: called by what it uses.

  /// A tensor is read. Its memory is held, for the graph's kernels have its address.
  void see(const std::shared_ptr<Tensor::Impl>& tensor);
  /// The same for arrays that are read without a tensor.
  void hold(const Array& x);
  /// What an optimizer keeps of these parameters, Storage::rounded(), is read: it must be true when a replay begins.
  void rely_on_rounded(const Array& parameters);
  /// A generator hands out a key.
  void draw(Generator& generator, RandomKey key);
  /// A flag decides what is done.
  void depend(const std::shared_ptr<const bool>& flag);
  /// Something else does: replays are refused while same() is false, and forever after `owner` is gone.
  void depend(const std::weak_ptr<const void>& owner, std::function<bool()> same);

  // ---- Afterwards.

  /// After the step ran: `drawn` are the keys that reached the device, in order. False when the step replaced a tensor that
  /// it reads, so that a replay would read the old one again.
  bool close(std::span<const RandomKey> drawn);
  /// After the step threw: the host's state is as before it.
  void undo();

  /// Whether everything that the step read is still where it was. Once false, always false.
  bool same_objects() const;
  /// Whether flags and options, and which tensors have a gradient already, are as they were when the step began.
  bool same_state() const;
  /// Makes `keys` those that the step would draw now, in the order of `drawn`.
  void present_keys(std::vector<RandomKey>& keys) const;
  /// Before a replay: rounds parameters again that were written to meanwhile.
  void prepare() const;
  /// After it: leaves generators, gradients and what is known of rounded parameters as the step would.
  void advance();

 private:
  struct Seen {
    std::shared_ptr<Tensor::Impl> tensor;
    Array value;
    std::shared_ptr<Node> node;
    bool had_gradient, has_gradient;  // before and after
    Array gradient;                   // after
  };
  /// What a storage has to have rounded before the step, and what it has after; null for nothing.
  struct Rounded {
    std::shared_ptr<Storage> before, after;
  };
  struct Draws {
    Generator* generator;
    uint64_t first, count;  // tickets
  };
  struct Draw {
    RandomKey key;
    size_t draws;     // of which generator: a position in draws_, or
    bool fixed;       // of none
    uint64_t offset;  // from its first ticket
  };
  struct Condition {
    std::weak_ptr<const void> owner;
    std::function<bool()> same;
  };

  uint64_t number_;
  std::vector<Seen> seen_;
  std::unordered_map<const void*, size_t> positions_;
  std::unordered_map<std::shared_ptr<Storage>, Rounded> held_;
  std::vector<Draws> draws_;
  std::vector<Draw> order_;    // as handed out
  std::vector<Draw> sources_;  // as they reached the device
  std::vector<std::pair<std::shared_ptr<const bool>, bool>> flags_;
  std::vector<Condition> conditions_;

  friend class Tracing;
};

/// The trace that is being written on this thread, or null.
inline constinit thread_local Trace* current_trace = nullptr;
inline Trace* tracing() { return current_trace; }

/// While one lives, what runs on this thread is noted.
class Tracing {
 public:
  explicit Tracing(Trace& trace) {
    current_trace = &trace;
    Birth::current = trace.number_;
  }
  ~Tracing() {
    current_trace = nullptr;
    Birth::current = 0;
  }
  Tracing(const Tracing&) = delete;
  Tracing& operator=(const Tracing&) = delete;
};

}  // namespace ramp

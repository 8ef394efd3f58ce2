#pragma once
// Records every piece of host state that a step reads while it is captured (capture.h): tensors, generators, modes,
// options of optimizers. Replays run no host code. Before a replay the record is compared with the present state; after
// it, the host's state is advanced as the step would have done.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ramp/core/autograd/tensor.h"
#include "ramp/core/backend/step_recorder.h"
#include "ramp/core/hooks.h"
#include "ramp/core/random/random.h"

namespace ramp {

class Trace final : public CaptureListener {
 public:
  /// Of the step that `recorder` records.
  explicit Trace(StepRecorder& recorder);

  // ---- While the step runs.

  void see(const std::shared_ptr<TensorImpl>& tensor) override;
  void hold(const Array& x) override;
  void rely_on_bfloat16_copy(const Array& parameters) override;
  void use_data(const Array& x) override;
  void draw(Generator& generator, RandomKey key) override;
  void depend(const std::shared_ptr<const bool>& flag) override;
  void depend(const std::weak_ptr<const void>& owner, std::function<bool()> same) override;
  void depend_forever(const std::weak_ptr<const void>& owner, std::function<bool()> same) override;
  void depend_on_variable(const std::shared_ptr<const Tensor>& variable) override;
  void when_undone(std::function<void()> restore) override { restores_.push_back(std::move(restore)); }
  void stop(std::string reason) override;
  void stopped_in(const std::string& layer) override {
    if (layer_.empty()) layer_ = layer;
  }

  // ---- Afterwards.

  /// After the step ran: `drawn` are the keys that reached the device, in order. False when the step replaced a tensor
  /// that it reads, so that a replay would read the old one again.
  bool close(std::span<const RandomKey> drawn);
  /// After what was recorded threw: the host's state is as before the step.
  void undo();
  /// The step is done: undo() is not needed any more.
  void forget_undo() { restores_.clear(); }
  /// Whether stop() was called, why, and in which innermost layer.
  bool stopped() const { return stopped_; }
  std::string reason() const { return layer_.empty() || reason_.empty() ? reason_ : "in " + layer_ + ": " + reason_; }

  /// Whether everything that the step read is still where it was. Once false, always false.
  bool same_objects() const;
  /// Whether flags and options, and which tensors have a gradient already, are as they were when the step began.
  bool same_state() const;
  /// Makes `keys` those that the step would draw now, in the order of `drawn`.
  void present_keys(std::vector<RandomKey>& keys) const;
  /// Before a replay: renews the bfloat16 copies of parameters that were written to meanwhile.
  void prepare() const;
  /// After it: leaves generators, gradients and what is known of the arrays as the step would.
  void advance();
  /// Leaves generators as the step would: after a replay that threw, too.
  void advance_generators();

  // ---- To compare a replay with the step itself.

  /// What the step may change.
  struct State {
    std::vector<Array> arrays;
    std::vector<uint64_t> tickets;
    std::vector<bool> has_gradient;
  };
  State state() const;
  void restore(const State& state) const;

 private:
  struct Seen {
    UncountedTensor tensor;
    Array value;
    std::shared_ptr<Node> node;
    bool had_gradient, has_gradient;  // before and after
    Array gradient;                   // after
    uint64_t hook_changes = 0;        // after
  };
  /// What is known of a storage that the step uses and did not make.
  struct Held {
    DType dtype;
    std::shared_ptr<Storage> copy_before;      // the bfloat16 copy that the step needs; null for none
    std::shared_ptr<Storage> copy_after;       // the one that it leaves
    uint64_t writes;                           // before
    std::vector<Storage::Write> written = {};  // by the step
  };
  struct Variable {
    std::weak_ptr<const void> owner;
    const Tensor* variable;  // alive while the owner is
    UncountedTensor tensor;
  };
  bool same_variables() const;
  /// Whether the step writes to this storage, other than to a bfloat16 copy.
  bool changes(const Storage* storage, const Held& held) const;
  struct Draws {
    Generator* generator;
    uint64_t first, count;  // tickets
  };
  struct Draw {
    RandomKey key;
    size_t draws;     // position in draws_ of the generator that handed it out; unused if fixed
    bool fixed;       // no generator handed it out in the step: every replay uses this key
    uint64_t offset;  // from the generator's first ticket
  };
  struct Condition {
    std::weak_ptr<const void> owner;
    std::function<bool()> same;
  };

  std::vector<Seen> seen_;
  std::unordered_map<const void*, size_t> positions_;
  std::unordered_map<std::shared_ptr<Storage>, Held> held_;
  std::vector<Draws> draws_;
  std::vector<Draw> order_;    // as handed out
  std::vector<Draw> sources_;  // as they reached the device
  std::vector<std::pair<std::shared_ptr<const bool>, bool>> flags_;
  std::vector<Condition> conditions_, lasting_conditions_;
  std::vector<Variable> variables_;
  std::vector<std::function<void()>> restores_;
  StepRecorder& recorder_;
  bool stopped_ = false;
  std::string reason_, layer_;
};

}  // namespace ramp

#pragma once
// Layer: the base class of everything that has parameters or a training mode.
//
// A layer owns its parameters, buffers and inner layers through add() and add_buffer(), which return a reference to
// keep as a member:
//
//   class Block : public Layer {
//    public:
//     explicit Block(int64_t width)
//         : first(add("first", Dense(width, width))), second(add("second", Dense(width, width))) {}
//     Dense &first, &second;
//
//    private:
//     Tensor forward(const Tensor& x) const override { return x + second(relu(first(x))); }
//   };
//
// forward() is const, so that a const model can be called; a reference that add() returned can be written through.
// A layer with several inputs or outputs has no forward(Tensor) but ordinary member functions, which begin with a
// guard:
//
//   std::pair<Tensor, Tensor> encode(const Tensor& x, const Tensor& context) const {
//     const InCall in_call(this);
//     const Tensor h = relu(body(concat({x, context}, 1)));
//     return {mean_of(h), deviation_of(h)};
//   }
//
// parameters(), buffers(), to(), train() and summary() cover everything that was passed to add() and add_buffer(). Two
// mistakes are detected when a layer is called, and throw Error: calling an inner layer that has parameters or buffers
// but was not added, and, in the first call that records a graph, using a tensor that requires a gradient but is
// neither the input nor a parameter of a layer or an optimizer. If a tensor is meant to be neither, call
// Tensor::mark_parameter() on it. In a member function other than forward() the first mistake is detected only behind
// an InCall, and the second only in the inner layers that it calls. Look at summary() once.

#include <atomic>
#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "ramp/core/autograd/parameter.h"
#include "ramp/core/formulas/formulas.h"

namespace ramp {

/// Options of a parameter that a layer adds.
struct ParameterOptions {
  bool decay = true;  ///< whether weight decay applies to it
};

/// A tensor that a layer keeps beside its parameters, without a gradient, and its name in the model
/// ("1.running_mean").
struct Buffer {
  std::string name;
  Tensor tensor;
};

class Layer;

/// Sees a layer's input and output after each call, until it returns false.
using Observer = std::function<bool(const Layer& layer, const Tensor& input, const Tensor& output)>;

/// After a move, the old layer can only be destroyed, or assigned to if it is a Sequential: its functions throw Error,
/// and the references that add() returned belong to the new one.
class Layer {
 public:
  virtual ~Layer() = default;
  Layer(Layer&&) = default;
  Layer(const Layer&) = delete;  // the references that add() gave out would point into the original
  Layer& operator=(const Layer&) = delete;

  /// The layer's output for a batch. Throws Error when the input does not fit. Threads may call one layer at once,
  /// unless it keeps statistics in training (BatchNorm1d) or draws from a generator that they share.
  Tensor operator()(const Tensor& x) const { return call(x, nullptr); }

  /// All trainable tensors, this layer's own first, then the inner layers' in the order of add().
  std::vector<Parameter> parameters() const;
  /// All buffers, in the same order. Optimizers do not train them.
  std::vector<Buffer> buffers() const;
  /// Inner layers by name, in the order of add().
  const std::vector<std::pair<std::string, std::unique_ptr<Layer>>>& children() const {
    require_whole();
    return children_;
  }

  /// Sets training mode (dropout drops, RReLU draws) or evaluation, also for inner layers. Layers start in training
  /// mode.
  void train(bool on = true);
  void eval() { train(false); }
  bool training() const;

  /// Moves or converts every parameter and buffer, and returns this layer. Parameters that change lose their gradients;
  /// buffers of integers keep their dtype. Call it before making an optimizer. Throws Error for an integer dtype.
  Layer& to(Device device);
  Layer& to(DType dtype);

  /// Forgets every parameter's gradient.
  void zero_grad();

  /// The gain that a Dense before this layer needs to preserve the scale of the signal (see init::initialize). Only
  /// activations have one.
  virtual std::optional<double> gain() const { return std::nullopt; }
  /// The formula that this layer applies to every element, if it does nothing else; else null. A Sequential hands it to
  /// the layer before, which may then apply it in the pass that writes its own result (forward_with).
  virtual const Unary* epilogue() const { return nullptr; }

  /// Calls `observer` after each call of this layer (not of inner ones), until it returns false. An observer moves with
  /// its layer, and may add observers or destroy the layer. A layer without observers pays one comparison per call. A
  /// captured step notices a new observer; its replays repeat the observer's tensor operations, but run none of its
  /// other code.
  void add_observer(Observer observer);
  bool observed() const;

  /// The constructor call, "Dense(784, 256)", if the layer overrides this; else its class name. Shown by summary() and
  /// in errors.
  virtual std::string describe() const;
  /// A table, at most 80 columns wide, of the layers, the number of parameters of each, and the total; below it the
  /// number of elements of all buffers, if there are any. operator<< prints it.
  std::string summary() const;

 protected:
  Layer() = default;
  /// What Sequential's assignment does: this layer lets go of all that it owns and owns what `other` did, which is then
  /// moved away. Throws Error when `other` was moved away before, or when this layer is inside it.
  // NOLINTNEXTLINE(bugprone-exception-escape,performance-noexcept-move-constructor): misuse throws
  Layer& operator=(Layer&& other);

  /// Computes the output; operator() calls it. A layer without one throws Error when it is called.
  virtual Tensor forward(const Tensor& x) const;
  /// epilogue(forward(x)). A layer that can compute both as one operation overrides this.
  virtual Tensor forward_with(const Tensor& x, const Unary& epilogue) const;

  /// While one lives, its layer is being called. Every member function but forward() that calls inner layers begins
  /// with it: then calling one that was not added throws Error, and a captured step notices when one of them changes.
  class InCall {
   public:
    explicit InCall(const Layer* layer);
    ~InCall();
    InCall(const InCall&) = delete;
    InCall& operator=(const InCall&) = delete;
  };

  /// Makes `value` a trainable tensor of this layer. Assigning a tensor of the same shape and dtype to the returned
  /// reference replaces it everywhere: captured steps warm up again, and an optimizer that was made before throws in
  /// step(). An undefined `value` stands for a parameter that this layer is made without: the reference stays
  /// undefined, and nobody else sees it. Throws Error when the name is taken, empty or has a dot, or the value cannot
  /// require a gradient.
  Tensor& add(std::string name, const Tensor& value, ParameterOptions options = {});
  /// Makes `value` a buffer of this layer: a tensor that is moved and listed with the parameters, but not trained.
  /// Write into it in place, as a captured step must: copy(next.array(), buffer.array()). Assigning a tensor of the
  /// same shape and dtype to the returned reference replaces it, and captured steps warm up again. Throws Error when
  /// the name is taken, empty or has a dot, and for an undefined tensor or one that requires a gradient.
  Tensor& add_buffer(std::string name, const Tensor& value);
  /// Makes `layer` an inner layer of this one. Throws Error, before it is moved, when it is null, when the name is
  /// taken, empty or has a dot, and when `layer` is this layer or contains it.
  Layer& add(std::string name, std::unique_ptr<Layer> layer);
  template <class L>
  requires std::is_base_of_v<Layer, L>
  L& add(std::string name, L&& layer) {
    check_inner(name, &layer);
    return static_cast<L&>(add(std::move(name), std::unique_ptr<Layer>(std::make_unique<L>(std::move(layer)))));
  }

 private:
  struct Own {
    LayerVariable variable;
    Tensor tensor;
    bool decay;
  };
  // On the heap, so that references survive moves of the layer.
  using OwnTensors = std::vector<std::shared_ptr<Own>>;
  struct State {
    bool training = true;
    uint64_t changes = 0;  // raised when layers, parameters, buffers or observers are added or an observer ends
    std::atomic<uint64_t> checked = ~uint64_t{0};  // the value of `changes` at the last require_parameters()
  };
  struct Observers;
  /// Tells a captured step what the outputs of this layer and its inner layers depend on.
  void watch(CaptureListener& listener) const;
  void require_parameters(const Tensor& input, const Tensor& output, uint64_t made_before) const;
  friend class Sequential;  // calls call() with the epilogue of the layer that follows
  friend class Evaluation;  // sets a const model's mode, and sets it back
  /// Throws Error unless this layer may be called here: one with parameters or buffers must be the calling layer's own.
  /// Lets a captured step watch it.
  void begin_call() const;
  /// operator(), with `epilogue` applied to the result unless it is null.
  Tensor call(const Tensor& x, const Unary* epilogue) const;
  /// Calls forward(), or forward_with() unless `epilogue` is null.
  Tensor run(const Tensor& x, const Unary* epilogue) const;
  void notify(const Tensor& input, const Tensor& output) const;
  /// Throws Error if this layer was moved from.
  void require_whole() const {
    if (!state_) refuse_moved();
  }
  [[noreturn]] void refuse_moved() const;
  void check_name(const std::string& name) const;
  void check_inner(const std::string& name, const Layer* layer) const;
  Tensor& own(OwnTensors& tensors, Own tensor);
  bool has_tensors() const;
  bool owns(const Layer& layer) const;
  /// Calls f(path, layer) for this layer and all layers inside it, outer before inner.
  template <class F>
  void visit(const std::string& path, const F& f) const {
    f(path, *this);
    for (const auto& [name, child] : children_) child->visit(path.empty() ? name : path + '.' + name, f);
  }
  template <class Convert>
  Layer& convert_tensors(Convert convert);

  OwnTensors parameters_, buffers_;
  std::vector<std::pair<std::string, std::unique_ptr<Layer>>> children_;
  std::shared_ptr<Observers> observers_;                      // null when there are none
  std::shared_ptr<State> state_ = std::make_shared<State>();  // captured steps watch it
};

/// Prints layer.summary().
std::ostream& operator<<(std::ostream& out, const Layer& layer);

}  // namespace ramp

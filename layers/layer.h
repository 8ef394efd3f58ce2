#pragma once
// Layer: the base class of everything that has parameters or a training mode.
//
// A layer owns its parameters and inner layers through add(), which returns a reference to keep as a member:
//
//   class Residual : public Layer {
//    public:
//     explicit Residual(int64_t width)
//         : first(add("first", Dense(width, width))), second(add("second", Dense(width, width))) {}
//     Dense &first, &second;
//
//    private:
//     Tensor forward(const Tensor& x) override { return x + second(relu(first(x))); }
//   };
//
// parameters(), to(), train() and summary() cover everything that was passed to add(). Two mistakes are detected when a
// layer is called, and throw Error: calling an inner layer that has parameters but was not added, and, in the first
// call that records a graph, using a tensor that requires a gradient but is neither the input nor a parameter of a
// layer or an optimizer. If a tensor is meant to be neither, call Tensor::mark_parameter() on it. One mistake cannot be
// detected: in a member function other than forward() (of a model with two inputs, say) no layer is being called, so
// inner layers that were not added work there, but are missing from parameters(). Look at summary() once.

#include <functional>
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

class Layer;

/// Sees a layer's input and output after each call, until it returns false.
using Observer = std::function<bool(const Layer& layer, const Tensor& input, const Tensor& output)>;

/// After a move, the old layer can only be destroyed: its functions throw Error, and the references that add() returned
/// belong to the new one.
class Layer {
 public:
  virtual ~Layer() = default;
  Layer(Layer&&) = default;
  Layer(const Layer&) = delete;  // the references that add() gave out would point into the original
  Layer& operator=(const Layer&) = delete;

  /// The layer's output for a batch. Throws Error when the input does not fit.
  Tensor operator()(const Tensor& x) { return call(x, nullptr); }

  /// All trainable tensors, this layer's own first, then the inner layers' in the order of add().
  std::vector<Parameter> parameters() const;
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

  /// Moves or converts every parameter; those that change lose their gradients. Call it before making an optimizer.
  /// Throws Error for an integer dtype.
  void to(Device device);
  void to(DType dtype);

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
  /// A table, at most 80 columns wide, of the layers, the number of parameters of each, and the total.
  std::string summary() const;

 protected:
  Layer() = default;

  /// Computes the output; operator() calls it.
  virtual Tensor forward(const Tensor& x) = 0;
  /// epilogue(forward(x)). A layer that can compute both as one operation overrides this.
  virtual Tensor forward_with(const Tensor& x, const Unary& epilogue);

  /// Makes `value` a trainable tensor of this layer. Assigning a tensor of the same shape and dtype to the returned
  /// reference replaces it everywhere: captured steps warm up again, and an optimizer that was made before throws in
  /// step(). Throws Error when the name is taken, empty or has a dot, or the value cannot require a gradient.
  Tensor& add(std::string name, const Tensor& value, ParameterOptions options = {});
  /// Makes `layer` an inner layer of this one. Throws Error, before it is moved, when the name is taken, empty or has a
  /// dot, and when `layer` is this layer or contains it.
  template <class L>
  requires std::is_base_of_v<Layer, L>
  L& add(std::string name, L&& layer) {
    check_name(name);
    check_inner(layer);
    auto owned = std::make_unique<L>(std::move(layer));
    L& reference = *owned;
    children_.emplace_back(std::move(name), std::move(owned));
    ++state_->changes;
    return reference;
  }

 private:
  struct OwnParameter {
    std::string name;
    Tensor tensor;
    bool decay;
  };
  struct State {
    bool training = true;
    uint64_t changes = 0;  // raised when layers, parameters or observers are added or an observer ends
  };
  struct Observers;
  /// Tells a captured step what the outputs of this layer and its inner layers depend on.
  void watch(CaptureListener& listener) const;
  void require_parameters(const Tensor& input, const Tensor& output, uint64_t made_before);
  friend class Sequential;  // calls call() with the epilogue of the layer that follows
  /// operator(), with `epilogue` applied to the result unless it is null.
  Tensor call(const Tensor& x, const Unary* epilogue);
  /// Calls forward(), or forward_with() unless `epilogue` is null. Layers with parameters that are called in it must be
  /// this layer's own.
  Tensor run(const Tensor& x, const Unary* epilogue);
  void notify(const Tensor& input, const Tensor& output);
  /// Throws Error if this layer was moved from.
  void require_whole() const {
    if (!state_) refuse_moved();
  }
  [[noreturn]] void refuse_moved() const;
  void check_name(const std::string& name) const;
  void check_inner(const Layer& layer) const;
  bool has_parameters() const;
  bool owns(const Layer& layer) const;
  template <class F>
  void visit(const std::string& path, F&& f) const;
  template <class Convert>
  void convert_parameters(Convert convert);

  std::vector<std::shared_ptr<OwnParameter>> parameters_;  // on the heap, so that references survive moves of the layer
  std::vector<std::pair<std::string, std::unique_ptr<Layer>>> children_;
  std::shared_ptr<Observers> observers_;                      // null when there are none
  std::shared_ptr<State> state_ = std::make_shared<State>();  // captured steps watch it
  uint64_t checked_ = ~uint64_t{0};  // the value of State::changes at the last require_parameters()
};

}  // namespace ramp

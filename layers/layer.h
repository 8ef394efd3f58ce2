#pragma once
// Layer: the base of everything that has parameters or modes.
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
// What add() holds is found by parameters(), to(), train() and summary(); calling an inner layer that has parameters but
// was not added throws, so that none can be forgotten.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "ramp/core/parameter.h"

namespace ramp {

/// How a layer adds a parameter.
struct ParameterOptions {
  bool decay = true;  ///< whether weight decay may pull at it
};

class Layer;

/// Sees a layer's input and output after each call. Taken off when it returns false.
using Observer = std::function<bool(const Layer& layer, const Tensor& input, const Tensor& output)>;

class Layer {
 public:
  virtual ~Layer() = default;
  Layer(Layer&&) = default;
  Layer(const Layer&) = delete;  // the references that add() gave out would point into the original
  Layer& operator=(const Layer&) = delete;

  /// The layer's output for a batch. Throws Error when the input does not fit.
  Tensor operator()(const Tensor& x);

  /// All trainable tensors, this layer's own first, then the inner layers' in the order of add().
  std::vector<Parameter> parameters() const;
  /// Inner layers by name, in the order of add().
  const std::vector<std::pair<std::string, std::unique_ptr<Layer>>>& children() const { return children_; }

  /// Training mode (dropout drops, RReLU draws) or evaluation; passed on to inner layers. Layers start in training mode.
  void train(bool on = true);
  void eval() { train(false); }
  bool training() const;

  /// Moves or converts every parameter and forgets its gradient. Do so before making an optimizer. Throws Error for an
  /// integer dtype.
  void to(Device device);
  void to(DType dtype);

  /// Forgets every parameter's gradient.
  void zero_grad();

  /// The gain that a Dense before this layer needs for signals to stay level (see init::initialize): an activation's, none
  /// for other layers.
  virtual std::optional<double> gain() const { return std::nullopt; }

  /// Calls `observer` after each call of this layer (not of inner ones), until it returns false. An observer moves with its
  /// layer. A layer without observers pays one comparison a call.
  void add_observer(Observer observer) { observers_.push_back(std::move(observer)); }
  bool observed() const { return !observers_.empty(); }

  /// The constructor's call, "Dense(784, 256)", where a layer says so; else the name of its class. Shown by summary() and
  /// in errors.
  virtual std::string describe() const;
  /// A table, at most 80 columns wide, of the layers with the number of parameters of each, and their total.
  std::string summary() const;

 protected:
  Layer() = default;

  /// Computes the output; operator() calls it.
  virtual Tensor forward(const Tensor& x) = 0;

  /// Makes `value` a trainable tensor of this layer. Assigning to the returned reference replaces it everywhere. Throws
  /// Error when the name is taken, empty or has a dot, or the value cannot want a gradient.
  Tensor& add(std::string name, const Tensor& value, ParameterOptions options = {});
  /// Makes `layer` an inner layer of this one. Throws Error when the name is taken, empty or has a dot.
  template <class L>
  requires std::is_base_of_v<Layer, L> L& add(std::string name, L layer) {
    check_name(name);
    auto owned = std::make_unique<L>(std::move(layer));
    L& reference = *owned;
    children_.emplace_back(std::move(name), std::move(owned));
    return reference;
  }

 private:
  struct OwnParameter {
    std::string name;
    std::unique_ptr<Tensor> tensor;  // on the heap, so that references survive moves of the layer
    bool decay;
  };
  void notify(const Tensor& input, const Tensor& output);
  void check_name(const std::string& name) const;
  bool has_parameters() const;
  bool owns(const Layer& layer) const;
  template <class F>
  void visit(const std::string& path, F&& f) const;
  template <class Convert>
  void convert_parameters(Convert convert);

  std::vector<OwnParameter> parameters_;
  std::vector<std::pair<std::string, std::unique_ptr<Layer>>> children_;
  std::vector<Observer> observers_;
  std::shared_ptr<bool> training_ = std::make_shared<bool>(true);  // shared with captured steps
};

}  // namespace ramp

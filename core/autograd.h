#pragma once
// Recording operations and walking back through them.
//
// A node holds what an operation needs to turn the gradient of its result into those of its inputs. Nodes are numbered as
// they are made, so every node's number is larger than those of the nodes it came from, and walking in falling number is
// a valid order for backward: no recursion, no sort of the graph. Backward functions see arrays only; nothing they do is
// recorded, and a second derivative is therefore not available.

#include <functional>
#include <initializer_list>
#include <span>

#include "ramp/core/tensor.h"

namespace ramp {

/// Where a backward function puts the gradients of its inputs.
class Gradients {
 public:
  /// Whether input i wants a gradient; computing an unwanted one is only a waste.
  bool wants(int i) const { return inputs_[i] != nullptr; }
  /// The slot of input i: assign an array of the input's shape and dtype.
  Array& operator[](int i) { return values_[i]; }
  /// Memory of input i's shape to write its whole gradient into: the leaf's own where that is possible, which spares a
  /// copy, else a new array. It counts as assigned.
  const Array& write(int i);
  /// Whether it is the leaf's own: then nobody reads it before the walk back ends.
  bool written(int i) const;

 private:
  friend void run_backward(const Tensor&, Array, BackwardOptions);
  std::span<const std::shared_ptr<Node>> inputs_;
  std::vector<Array> values_;
  std::vector<int> written_;  // slots that went straight into a leaf's gradient
};

/// Walks back from `root` with its gradient: Tensor::backward after its checks.
void run_backward(const Tensor& root, Array gradient, BackwardOptions options);

/// Ones of one element: the gradient that backward() starts from when it is given none. Made once and never written to, so
/// that a loss can tell it, and spare the multiplication.
Array unit_gradient(const Shape& shape, DType dtype, Device device);
bool is_unit_gradient(const Array& gradient);

/// (gradient of the result, slots for the gradients of the inputs)
using Backward = std::function<void(const Array& gradient, Gradients& inputs)>;

/// One recorded operation, or a leaf (without `backward`).
struct Node {
  const char* op = "leaf";
  uint64_t number = 0;
  Shape shape;
  DType dtype = float32;
  Device device;
  std::vector<std::shared_ptr<Node>> inputs;  // null where no gradient is wanted
  Backward backward;
  bool freed = false;  // backward has passed and the graph was not retained

  Array grad;             // a leaf's (or retained) gradient; an optimizer makes it a view into its arena
  bool has_grad = false;  // false: `grad` is stale memory, and the next gradient overwrites it
  bool retain = false;
  std::vector<std::function<Tensor(const Tensor&)>> hooks;

  uint64_t seen = 0;  // by the last search that came by
  Array pending;      // the sum of the gradients that have arrived during the current walk

  Node() = default;
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  ~Node();  // frees a chain of any length without recursion
};

/// True unless a NoGrad lives on this thread.
bool recording();

/// While one lives, operations on this thread record nothing.
class NoGrad {
 public:
  NoGrad();
  ~NoGrad();
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;

 private:
  bool previous_;
};

/// The only way a node comes to be: returns `value` as a tensor that remembers `op`, its inputs and its backward function
/// (or as a plain tensor when no input wants a gradient). Every gradient that `backward` yields is checked against its
/// input's shape and dtype.
Tensor record(const char* op, Array value, std::span<const Tensor> inputs, Backward backward);
inline Tensor record(const char* op, Array value, std::initializer_list<Tensor> inputs, Backward backward) {
  return record(op, std::move(value), std::span(inputs.begin(), inputs.size()), std::move(backward));
}

}  // namespace ramp

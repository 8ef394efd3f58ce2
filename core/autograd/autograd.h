#pragma once
// Recording operations and walking back through them.
//
// A node holds what an operation needs to turn the gradient of its result into those of its inputs. Nodes are numbered
// as they are made, so every node's number is larger than those of the nodes it came from, and walking in falling
// number is a valid order for backward: no recursion, no sort of the graph. Backward functions see arrays only; nothing
// they do is recorded, and a second derivative is therefore not available.

#include <functional>
#include <initializer_list>
#include <span>

#include "ramp/core/autograd/node.h"
#include "ramp/core/autograd/tensor.h"

namespace ramp {

/// Where a backward function puts the gradients of its inputs, numbered as record() was given them. Throws Error for a
/// number that no input has.
class Gradients {
 public:
  /// Whether input i wants a gradient; computing an unwanted one is only a waste.
  bool wants(int i) const { return inputs_[checked(i)] != nullptr; }
  /// The slot of input i: assign an array of the input's shape and dtype.
  Array& operator[](int i) { return slots_[checked(i)].value; }
  /// Memory of input i's shape to write its whole gradient into: the leaf's own where that is possible, which spares a
  /// copy, else a new array. It counts as assigned. Throws Error for an input that wants none.
  const Array& write(int i);
  /// True if the gradient of the result is 1 because backward() was called on this result without a gradient.
  bool upstream_is_one() const { return upstream_is_one_; }

 private:
  friend void run_backward(const Tensor& root, const Array& given, BackwardOptions options);
  size_t checked(int i) const {
    if (i < 0 || static_cast<size_t>(i) >= inputs_.size()) refuse(i);
    return static_cast<size_t>(i);
  }
  [[noreturn]] void refuse(int i) const;
  /// Empty slots for the inputs of a node.
  void begin(std::span<const std::shared_ptr<Node>> inputs);
  /// After a backward function threw: the leaves whose memory write() returned have no gradient.
  void forget_written();

  std::span<const std::shared_ptr<Node>> inputs_;
  struct Slot {
    Array value;
    bool written = false;  // straight into a leaf's gradient
  };
  std::vector<Slot> slots_;
  bool upstream_is_one_ = false;
};

/// How many operations were recorded so far: the number of the latest node.
uint64_t nodes_made();

/// True unless a NoGrad lives on this thread.
bool grad_enabled();

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

/// The arrays that a backward function reads; undefined ones stand for none.
using SavedArrays = std::initializer_list<std::reference_wrapper<const Array>>;
/// What the gradient of an input is computed from, where one is wanted; else an undefined array.
const Array& needed(const Tensor& input, const Array& array);

/// The only way a node comes to be: returns `value` as a tensor that remembers `op`, its inputs and its backward
/// function (or as a plain tensor when no input wants a gradient). Every gradient that `backward` yields is checked
/// against its input's shape and dtype. `saved` are the arrays that `backward` reads: backward() throws Error, before
/// anything is changed, when one of them was overwritten in between. Without that argument they are the inputs and
/// `value`. Throws Error when `backward` is empty, and for a value of integers whose inputs want a gradient. `op` must
/// live for ever.
Tensor record(const char* op, Array value, std::span<const Tensor> inputs, SavedArrays saved, Backward backward);
inline Tensor record(const char* op, Array value, std::initializer_list<Tensor> inputs, SavedArrays saved,
                     Backward backward) {
  return record(op, std::move(value), std::span(inputs.begin(), inputs.size()), saved, std::move(backward));
}
Tensor record(const char* op, Array value, std::span<const Tensor> inputs, Backward backward);
inline Tensor record(const char* op, Array value, std::initializer_list<Tensor> inputs, Backward backward) {
  return record(op, std::move(value), std::span(inputs.begin(), inputs.size()), std::move(backward));
}

}  // namespace ramp

#pragma once
// Tensor: an array that remembers how it was made, so that gradients can flow back through it.

#include <atomic>
#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ramp/core/array/array.h"
#include "ramp/core/hooks.h"

namespace ramp {

struct Node;  // node.h

/// What the handles of a tensor share.
struct TensorImpl {
  Array value;
  std::shared_ptr<Node> node;  // null when no gradient is wanted
  CaptureId capture_id;
  std::atomic<int> traces{0};  // UncountedTensor handles of it
  bool parameter = false;      // a layer's or an optimizer's; the nodes copy it, as a frozen tensor has none
};

/// What a layer knows of a variable of its own that holds a tensor: a parameter or a buffer.
struct LayerVariable {
  std::string name;
  bool buffer = false;
};

struct BackwardOptions {
  bool retain_graph = false;  ///< keep the graph, so that backward can run through it again
};

/// The public handle: value, gradient and place in the graph. Copies share all three. Functions of tensors are in
/// ops.h, their creation in create.h.
class Tensor {
 public:
  Tensor() = default;
  explicit Tensor(Array value, bool requires_grad = false);
  Tensor(const Tensor& other) : impl_(other.impl_) {}
  Tensor(Tensor&& other) noexcept : impl_(other.variable_ ? other.impl_ : std::move(other.impl_)) {}
  /// Makes this another handle of the same tensor. A layer's parameter (Layer::add) takes only a tensor of its own
  /// shape and dtype, which then wants a gradient as the old one did; a parameter that its layer was made without stays
  /// undefined. A buffer (Layer::add_buffer) takes only a tensor of its own shape and dtype that wants no gradient.
  /// Error otherwise.
  Tensor& operator=(const Tensor& other) {
    if (variable_) check_assignment(other);
    impl_ = other.impl_;
    return *this;
  }
  // NOLINTNEXTLINE(bugprone-exception-escape,performance-noexcept-move-constructor): it throws as the copy does
  Tensor& operator=(Tensor&& other) {
    if (variable_ || other.variable_) return *this = std::as_const(other);
    impl_ = std::move(other.impl_);
    return *this;
  }
  ~Tensor() = default;

  bool defined() const { return impl_ != nullptr; }
  /// Whether both are handles of one tensor.
  bool is(const Tensor& other) const { return impl_ == other.impl_; }
  /// The numbers, without gradient. Throws Error when the tensor is undefined.
  const Array& array() const {
    if (!impl_ || capturing()) note_read();
    return impl_->value;
  }
  /// Puts other numbers of the same shape and dtype in place of the old ones, for every copy of this tensor.
  void set_array(Array value);

  const Shape& shape() const { return array().shape(); }
  /// The size of one axis; -1 is the last.
  int64_t size(int axis) const;
  int rank() const { return array().rank(); }
  int64_t numel() const { return array().numel(); }
  DType dtype() const { return array().dtype(); }
  Device device() const { return array().device(); }

  bool requires_grad() const { return node() != nullptr; }
  /// Makes a leaf want a gradient or not. Throws Error for the result of an operation and for integer dtypes.
  Tensor& set_requires_grad(bool on = true);
  /// Says that a layer or an optimizer trains this tensor: called by those.
  void mark_parameter();
  /// True unless an operation was recorded to make this tensor.
  bool is_leaf() const;
  /// The gradient that backward has gathered, undefined before that. A leaf keeps it; others after retain_grad(). The
  /// returned tensor shares the gradient's memory: later gradients that are added, and set_grad(), show in it. When the
  /// memory is about to be overwritten, by the first gradient after zero_grad() or by a captured step on this thread, a
  /// tensor that is still held gets a copy of the old numbers first. Views of it do not: they show the new numbers.
  Tensor grad() const;
  void retain_grad();
  /// Forgets the gradient; the next one overwrites it, so this costs nothing.
  void zero_grad();
  /// Sets the gradient, in place (to clip or rescale it); undefined forgets it.
  void set_grad(const Tensor& gradient);
  /// Calls `hook` with each gradient of this tensor during backward; a defined result takes its place.
  void register_hook(std::function<Tensor(const Tensor&)> hook);

  /// Adds d(this)/d(leaf) to the gradient of every leaf that this tensor was computed from. Throws Error unless this is
  /// a scalar (or a gradient is given) that requires one. The graph is freed on the way unless `retain_graph`.
  void backward(BackwardOptions options = {}) const;
  void backward(const Tensor& gradient, BackwardOptions options = {}) const;
  /// The same numbers outside the graph.
  Tensor detach() const;

  /// The value of a one-element tensor.
  double item() const;
  /// The elements in row-major order; throws Error when T is not the dtype's type.
  template <class T>
  std::vector<T> to_vector() const {
    const Array host = on_host("to_vector");
    const T* begin = host.data<const T>();
    return {begin, begin + host.numel()};
  }

  /// On another device, or converted to another dtype; gradients flow back through both (between floating dtypes).
  Tensor to(Device device) const;
  Tensor to(DType dtype) const;

  const std::shared_ptr<Node>& node() const {
    array();
    return impl_->node;
  }

 private:
  friend class UncountedTensor;
  /// Tells a captured step that this tensor is read. Throws Error when it is undefined.
  void note_read() const;
  /// The numbers on the CPU, for `op` to read.
  Array on_host(const char* op) const;
  /// Throws Error unless `other` may be assigned to this variable of a layer. Lets it want a gradient as the old one
  /// did, if the variable is a parameter.
  void check_assignment(const Tensor& other);

  friend class Layer;
  friend Tensor attach(Array value, std::shared_ptr<Node> node);

  std::shared_ptr<TensorImpl> impl_;
  const LayerVariable* variable_ = nullptr;  // set where this handle is a layer's parameter or buffer
};

/// Holds a tensor without counting as one of its users (TensorImpl::traces counts these handles): for what the library
/// keeps, so that a captured step notices when the program has let go of a tensor.
class UncountedTensor {
 public:
  UncountedTensor() = default;
  explicit UncountedTensor(const Tensor& tensor) : UncountedTensor(tensor.impl_) {}
  explicit UncountedTensor(std::shared_ptr<TensorImpl> tensor) : tensor_(std::move(tensor)) {
    if (tensor_) ++tensor_->traces;
  }
  UncountedTensor(UncountedTensor&& other) noexcept = default;
  UncountedTensor& operator=(UncountedTensor&& other) noexcept {
    std::swap(tensor_, other.tensor_);
    return *this;
  }
  ~UncountedTensor() {
    if (tensor_) --tensor_->traces;
  }
  TensorImpl* operator->() const { return tensor_.get(); }
  bool holds(const Tensor& tensor) const { return tensor_ == tensor.impl_; }
  /// Whether anyone else could still read the tensor.
  bool reachable() const { return tensor_.use_count() > tensor_->traces; }
  /// Whether nobody else holds the tensor or its memory.
  bool unshared() const {
    return tensor_.use_count() == 1 && tensor_->value.storage().use_count() == 1 && !tensor_->node;
  }
  bool defined() const { return tensor_ != nullptr; }
  /// A handle that counts.
  Tensor get() const;

 private:
  std::shared_ptr<TensorImpl> tensor_;
};

/// Gives every tensor that grad() returned on this thread, and that someone still holds, memory of its own: replays of
/// a captured step overwrite gradients without running code that could notice.
void keep_shown_gradients();

/// A tensor on top of a graph node: record() is its one caller.
Tensor attach(Array value, std::shared_ptr<Node> node);

/// Prints as NumPy does: nested brackets, long arrays abridged.
std::ostream& operator<<(std::ostream& out, const Tensor& x);

}  // namespace ramp

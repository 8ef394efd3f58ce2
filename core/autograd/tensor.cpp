#include "ramp/core/autograd/tensor.h"

#include "ramp/core/array_ops/array_ops.h"
#include "ramp/core/autograd/node.h"
#include "ramp/core/hooks.h"

namespace ramp {

namespace {

/// The nodes whose gradients grad() returned, for keep_shown_gradients().
thread_local std::vector<std::weak_ptr<Node>> nodes_shown;

void remember_shown(const std::shared_ptr<Node>& node) {
  const auto gone = [](const std::weak_ptr<Node>& weak) {
    const std::shared_ptr<Node> alive = weak.lock();
    return !alive || !alive->shown;
  };
  if (nodes_shown.size() == nodes_shown.capacity()) std::erase_if(nodes_shown, gone);
  nodes_shown.push_back(node);
}

std::shared_ptr<Node> leaf_node(const Array& value) {
  if (!is_floating(value.dtype()))
    fail("requires_grad", "only float32 and float64 have gradients, got ", value.dtype());
  auto node = Node::make();  // number 0: after every operation in a walk
  node->shape = value.shape();
  node->dtype = value.dtype();
  node->device = value.device();
  return node;
}

}  // namespace

Tensor::Tensor(Array value, bool requires_grad) : impl_(std::make_shared<TensorImpl>()) {
  if (!value.defined()) fail("tensor", "the array is undefined");
  if (requires_grad) impl_->node = leaf_node(value);
  impl_->value = std::move(value);
}

Tensor attach(Array value, std::shared_ptr<Node> node) {
  Tensor tensor(std::move(value));
  tensor.impl_->node = std::move(node);
  return tensor;
}

void Tensor::note_read() const {
  if (!impl_) fail("tensor", "used before it was given a value");
  if (CaptureListener* listener = capturing()) listener->see(impl_);
}

Tensor UncountedTensor::get() const {
  Tensor tensor;
  tensor.impl_ = tensor_;
  return tensor;
}

Array Tensor::on_host(const char* op) const { return to_host(op, array()); }

void keep_shown_gradients() {
  for (const std::weak_ptr<Node>& weak : nodes_shown)
    if (const std::shared_ptr<Node> node = weak.lock()) {
      node->part_from_shown();
      node->shown = nullptr;
    }
  nodes_shown.clear();
}

void Tensor::check_assignment(const Tensor& other) {
  const std::string who = (variable_->buffer ? "buffer \"" : "parameter \"") + variable_->name + "\" must ";
  if (!defined()) {
    if (other.defined()) fail("assign", who, "stay undefined, as its layer was made without it, got ", other.shape());
    return;
  }
  const std::string rule = who + "be assigned a tensor of its shape and dtype, ";
  if (!other.defined()) fail("assign", rule, "got an undefined one");
  if (other.shape() != shape() || other.dtype() != dtype())
    fail("assign", rule, shape(), ' ', dtype(), ", got ", other.shape(), ' ', other.dtype());
  if (variable_->buffer) {
    if (other.requires_grad()) fail("assign", who, "be assigned a tensor that requires no gradient, got one that does");
    return;
  }
  if (requires_grad() && !other.requires_grad()) Tensor(other).set_requires_grad();
  if (other.is_leaf()) Tensor(other).mark_parameter();
}

void Tensor::set_array(Array value) {
  if (!value.defined()) fail("set_array", "expected an array, got an undefined one");
  if (value.shape() != shape()) fail("set_array", "expected shape ", shape(), ", got ", value.shape());
  if (!is_leaf()) fail("set_array", "the tensor is the result of '", impl_->node->op, "'");
  const bool moved = value.dtype() != dtype() || value.device() != device();
  if (moved && impl_->node) {
    // The gradient belongs to the old numbers; the node stays, so that hooks and other handles do.
    if (!is_floating(value.dtype()))
      fail("set_array", "a tensor with a gradient must stay floating, got ", value.dtype());
    Node& node = *impl_->node;
    node.dtype = value.dtype();
    node.device = value.device();
    node.grad = {};
    node.has_grad = false;
  }
  impl_->value = std::move(value);
}

int64_t Tensor::size(int axis) const { return shape()[normalize_axis("size", axis, shape())]; }

bool Tensor::is_leaf() const { return !node() || (!impl_->node->backward && !impl_->node->freed); }

Tensor& Tensor::set_requires_grad(bool on) {
  if (!is_leaf())
    fail("set_requires_grad", "only a leaf can be switched, this is the result of '", impl_->node->op, "'");
  if (on != requires_grad()) impl_->node = on ? leaf_node(impl_->value) : nullptr;
  if (impl_->node) impl_->node->parameter = impl_->parameter;
  return *this;
}

void Tensor::mark_parameter() {
  impl_->parameter = true;
  if (node()) impl_->node->parameter = true;
}

Tensor Tensor::grad() const {
  if (!requires_grad() || !impl_->node->has_grad) return {};
  Node& node = *impl_->node;
  const auto shows = [&](const TensorImpl& shown) {
    const Array& value = shown.value;
    return value.storage() == node.grad.storage() && value.address<const void>() == node.grad.address<const void>() &&
           shown.capture_id.number() == CaptureId::current();
  };
  Tensor shown;
  if (node.shown && shows(*node.shown)) {
    shown.impl_ = node.shown;
  } else {
    shown = Tensor(node.grad);
    if (!capturing()) remember_shown(impl_->node);
    node.shown = shown.impl_;
  }
  return shown;
}

void Tensor::retain_grad() {
  if (!requires_grad()) fail("retain_grad", "the tensor requires no gradient");
  impl_->node->retain = true;
}

void Tensor::zero_grad() {
  if (requires_grad()) impl_->node->has_grad = false;
}

void Tensor::set_grad(const Tensor& gradient) {
  if (!requires_grad()) fail("set_grad", "the tensor requires no gradient");
  if (!gradient.defined()) return zero_grad();
  const Array& value = gradient.array();
  if (value.shape() != shape() || value.dtype() != dtype() || value.device() != device())
    fail("set_grad", "expected ", shape(), ' ', dtype(), " on ", device(), ", got ", value.shape(), ' ', value.dtype(),
         " on ", value.device());
  Node& node = *impl_->node;
  if (!node.has_grad) node.part_from_shown();
  if (node.grad.defined()) copy(value, node.grad);
  else node.grad = clone(value);
  node.has_grad = true;
}

void Tensor::register_hook(std::function<Tensor(const Tensor&)> hook) {
  if (!requires_grad()) fail("register_hook", "the tensor requires no gradient");
  if (!hook) fail("register_hook", "expected a function, got an empty one");
  impl_->node->add_hook(std::move(hook));
}

Tensor Tensor::detach() const { return Tensor(array()); }

double Tensor::item() const {
  if (numel() != 1) fail("item", "expected one element, got shape ", shape());
  const Array host = to_host("item", array());
  return visit(host.dtype(), [&](auto t) { return static_cast<double>(*host.data<const decltype(t)>()); });
}

}  // namespace ramp

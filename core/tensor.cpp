#include "ramp/core/tensor.h"

#include "ramp/core/array_ops.h"
#include "ramp/core/autograd.h"
#include "ramp/core/trace.h"

namespace ramp {

namespace {

std::shared_ptr<Node> leaf_node(const Array& value) {
  if (!is_floating(value.dtype()))
    fail("requires_grad", "only float32 and float64 have gradients, got ", value.dtype());
  auto node = std::make_shared<Node>();  // number 0: after every operation in a walk
  node->shape = value.shape();
  node->dtype = value.dtype();
  node->device = value.device();
  return node;
}

}  // namespace

Tensor::Tensor(Array value, bool requires_grad) : impl_(std::make_shared<Impl>()) {
  if (!value.defined()) fail("tensor", "the array is undefined");
  if (requires_grad) impl_->node = leaf_node(value);
  impl_->value = std::move(value);
}

Tensor attach(Array value, std::shared_ptr<Node> node) {
  Tensor tensor(std::move(value));
  tensor.impl_->node = std::move(node);
  return tensor;
}

const Array& Tensor::array() const {
  if (!impl_) fail("tensor", "used before it was given a value");
  if (Trace* trace = tracing()) trace->see(impl_);
  return impl_->value;
}

void Tensor::set_array(Array value) {
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

const std::shared_ptr<Node>& Tensor::node() const {
  array();
  return impl_->node;
}

bool Tensor::requires_grad() const { return node() != nullptr; }

bool Tensor::is_leaf() const { return !node() || (!impl_->node->backward && !impl_->node->freed); }

Tensor& Tensor::set_requires_grad(bool on) {
  if (!is_leaf())
    fail("set_requires_grad", "only a leaf can be switched, this is the result of '", impl_->node->op, "'");
  if (on != requires_grad()) impl_->node = on ? leaf_node(impl_->value) : nullptr;
  return *this;
}

Tensor Tensor::grad() const { return requires_grad() && impl_->node->has_grad ? Tensor(impl_->node->grad) : Tensor(); }

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
  if (node.grad.defined()) copy(value, node.grad);
  else node.grad = clone(value);
  node.has_grad = true;
}

void Tensor::register_hook(std::function<Tensor(const Tensor&)> hook) {
  if (!requires_grad()) fail("register_hook", "the tensor requires no gradient");
  impl_->node->hooks.push_back(std::move(hook));
}

void Tensor::backward(BackwardOptions options) const {
  if (numel() != 1) fail("backward", "a tensor of shape ", shape(), " needs a gradient; only a scalar goes without");
  if (!requires_grad()) fail("backward", "the tensor requires no gradient");
  // A hook may do to its gradient what it likes.
  run_backward(
      *this,
      node()->hooks.empty() ? unit_gradient(shape(), dtype(), device()) : full_array(shape(), 1, dtype(), device()),
      options);
}

void Tensor::backward(const Tensor& gradient, BackwardOptions options) const {
  run_backward(*this, gradient.array(), options);
}

Tensor Tensor::detach() const { return Tensor(array()); }

double Tensor::item() const {
  if (numel() != 1) fail("item", "expected one element, got shape ", shape());
  const Array host = to_host("item", array());
  return visit(host.dtype(), [&](auto t) { return static_cast<double>(*host.data<const decltype(t)>()); });
}

Tensor Tensor::to(Device device) const {
  if (device == this->device()) return *this;
  return record("to", ramp::to(array(), device), {*this},
                [back = this->device()](const Array& g, Gradients& inputs) { inputs[0] = ramp::to(g, back); });
}

Tensor Tensor::to(DType dtype) const {
  if (dtype == this->dtype()) return *this;
  Array value = ramp::to(array(), dtype);
  if (!is_floating(dtype)) return Tensor(std::move(value));
  return record("to", std::move(value), {*this},
                [back = this->dtype()](const Array& g, Gradients& inputs) { inputs[0] = ramp::to(g, back); });
}

}  // namespace ramp

#include "ramp/core/autograd/autograd.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "ramp/core/array_ops/array_ops.h"
#include "ramp/core/hooks.h"

namespace ramp {

namespace {

thread_local bool grad_is_enabled = true;
std::atomic<uint64_t> last_number{0};

void check_gradient(const char* op, const Node& node, const Array& gradient) {
  if (gradient.shape() != node.shape || gradient.dtype() != node.dtype || gradient.device() != node.device)
    fail(op, "backward must give a gradient of its input's shape ", node.shape, ' ', node.dtype, " on ", node.device,
         ", got ", gradient.shape(), ' ', gradient.dtype(), " on ", gradient.device());
}

/// Adds a gradient that arrived at a node to those that came before. Never in place: the first may be someone's input.
void arrive(Node& node, Array gradient) {
  node.pending = node.pending.defined() ? node.pending + gradient : std::move(gradient);
}

/// Adds the walk's gradient to the one that the user sees.
void keep(Node& node, const Array& gradient) {
  if (node.has_grad) {
    add_to(node.grad, gradient);
  } else if (node.grad.defined()) {
    node.part_from_shown();
    copy(gradient, node.grad);
  } else {
    node.grad = clone(gradient);
  }
  node.has_grad = true;
}

Array run_hooks(const Node& node, Array gradient) {
  if (node.hooks.empty()) return gradient;
  const auto hooks = node.hooks;  // as hooks may add or remove hooks
  for (const auto& hook : hooks) {
    NoGrad quiet;
    // A hook may do to its gradient what it likes, so it must not be anyone else's memory.
    if (gradient.storage().use_count() > 1) gradient = clone(gradient);
    const Tensor replaced = (*hook)(Tensor(gradient));
    if (!replaced.defined()) continue;
    check_gradient("hook", node, replaced.array());
    gradient = replaced.array();
  }
  return gradient;
}

void require_graph(const Node& node) {
  if (node.freed)
    fail("backward", "the graph of '", node.op,
         "' was freed by an earlier backward; pass {.retain_graph = true} there");
}

void require_unchanged(const Node& node) {
  for (const Saved& saved : node.saved) {
    if (saved.storage->writes() == saved.writes) continue;  // in most cases
    const Storage::Write last = saved.storage->last_write(saved.begin, saved.end);
    if (last.version <= saved.writes) continue;
    fail("backward", saved.role, " of '", node.op, "' was overwritten after the forward pass",
         last.by ? std::string(", by ") + last.by : "");
  }
}

/// Throws before anything is changed when a walk from `root` would come to a graph that is gone, or whose numbers are.
void require_graphs(Node& root) {
  static std::atomic<uint64_t> searches{0};
  const uint64_t search = ++searches;
  std::vector<Node*> waiting{&root};
  while (!waiting.empty()) {
    const Node& node = *waiting.back();
    waiting.pop_back();
    require_graph(node);
    require_unchanged(node);
    for (const std::shared_ptr<Node>& input : node.inputs)
      if (input && std::exchange(input->seen, search) != search) waiting.push_back(input.get());
  }
}

/// The nodes that a gradient has reached and that have not passed it on. Whatever way a walk ends, no half-summed
/// gradient waits for the next one.
class Walk {
 public:
  ~Walk() {
    for (const std::shared_ptr<Node>& node : heap_) node->pending = {};
  }
  bool done() const { return heap_.empty(); }
  /// A gradient arrives at a node. What throws leaves the node in the heap, where the destructor finds it.
  void reach(const std::shared_ptr<Node>& node, Array gradient) {
    if (!node->pending.defined()) {
      heap_.push_back(node);
      std::push_heap(heap_.begin(), heap_.end(), smaller_number);
    }
    arrive(*node, std::move(gradient));
  }
  /// Takes out the node of the largest number.
  std::shared_ptr<Node> next() {
    std::pop_heap(heap_.begin(), heap_.end(), smaller_number);
    std::shared_ptr<Node> node = std::move(heap_.back());
    heap_.pop_back();
    return node;
  }

 private:
  static bool smaller_number(const std::shared_ptr<Node>& a, const std::shared_ptr<Node>& b) {
    return a->number < b->number;
  }
  std::vector<std::shared_ptr<Node>> heap_;
};

}  // namespace

namespace {

/// The 1 that backward() starts from when it is given no gradient. Kept, so that a step need not fill it anew.
Array one(DType dtype, Device device) {
  thread_local std::vector<Array> made;
  const auto found = std::find_if(made.begin(), made.end(),
                                  [&](const Array& x) { return x.dtype() == dtype && x.device() == device; });
  CaptureListener* listener = capturing();
  if (found == made.end()) {
    Array fresh = full_array({}, 1, dtype, device);
    if (!listener) made.push_back(fresh);  // in a captured step only replays fill it
    return fresh;
  }
  if (listener) listener->hold(*found);
  return *found;
}

}  // namespace

uint64_t nodes_made() { return last_number.load(std::memory_order_relaxed); }
bool grad_enabled() { return grad_is_enabled; }
NoGrad::NoGrad() : previous_(grad_is_enabled) { grad_is_enabled = false; }
NoGrad::~NoGrad() { grad_is_enabled = previous_; }

void Gradients::refuse(int i) const { fail("backward", "expected an input in [0, ", inputs_.size(), "), got ", i); }

const Array& Gradients::write(int i) {
  if (!wants(i)) fail("backward", "input ", i, " wants no gradient to be written");
  Node& node = *inputs_[i];
  Slot& slot = slots_[i];
  // Straight into a leaf's own memory when this is its first gradient since zero_grad and nobody wants to see it pass.
  if (!node.backward && node.grad.defined() && !node.has_grad && node.hooks.empty() && !node.pending.defined()) {
    slot.written = true;
    node.part_from_shown();
    node.has_grad = true;
    slot.value = node.grad;
  } else {
    slot.value = Array(node.shape, node.dtype, node.device);
  }
  return slot.value;
}

void Gradients::begin(std::span<const std::shared_ptr<Node>> inputs) {
  inputs_ = inputs;
  slots_.clear();
  slots_.resize(inputs.size());
}

void Gradients::forget_written() {
  for (size_t i = 0; i < slots_.size(); ++i)
    if (slots_[i].written) inputs_[i]->has_grad = false;
}

const Array& needed(const Tensor& input, const Array& array) {
  static const Array& none = *new Array;  // never destroyed, as static tensors may outlive any static of ours
  return input.requires_grad() ? array : none;
}

namespace {

/// Calls save(array) for each array that backward will read, once it is known that there will be a backward.
template <class Save>
Tensor record_with(const char* op, Array&& value, std::span<const Tensor> inputs, size_t saved, Backward&& backward,
                   Save save_all) {
  if (!backward) fail(op, "the backward function must not be empty");
  bool wanted = false;
  if (grad_is_enabled)
    for (const Tensor& input : inputs) wanted = wanted || input.requires_grad();
  if (!wanted) return Tensor(std::move(value));
  if (!is_floating(value.dtype())) fail(op, "only float32 and float64 have gradients, got a result of ", value.dtype());
  const std::shared_ptr<Node> node = Node::make();
  node->op = op;
  node->number = ++last_number;
  node->shape = value.shape();
  node->dtype = value.dtype();
  node->device = value.device();
  node->backward = std::move(backward);
  node->saved.reserve(saved);
  save_all([&](const Array& array) {
    if (!array.defined()) return;
    const char* role = array.storage() == value.storage() ? "the result" : "an array that is needed for the gradient";
    const int64_t begin = array.offset();
    node->saved.push_back({array.storage(), begin, begin + array.bytes(), array.storage()->writes(), role});
  });
  node->inputs.reserve(inputs.size());
  for (const Tensor& input : inputs) {
    node->inputs.push_back(input.node());
    const std::shared_ptr<Storage>& read = input.array().storage();
    for (Saved& saved : node->saved)
      if (saved.storage == read && read != value.storage()) saved.role = "the input";
  }
  return attach(std::move(value), node);
}

}  // namespace

Tensor record(const char* op, Array value, std::span<const Tensor> inputs, SavedArrays saved, Backward backward) {
  return record_with(op, std::move(value), inputs, saved.size(), std::move(backward), [&](auto save) {
    for (const Array& array : saved) save(array);
  });
}

Tensor record(const char* op, Array value, std::span<const Tensor> inputs, Backward backward) {
  return record_with(op, std::move(value), inputs, inputs.size() + 1, std::move(backward), [&](auto save) {
    for (const Tensor& input : inputs) save(input.array());
    save(value);
  });
}

/// Walks back from `root` with its gradient, or with 1 if that is undefined.
void run_backward(const Tensor& root, const Array& given, BackwardOptions options) {
  if (!root.requires_grad()) fail("backward", "the tensor requires no gradient");
  const Array gradient = given.defined() ? given : one(root.dtype(), root.device()).view(root.shape());
  check_gradient("backward", *root.node(), gradient);
  require_graphs(*root.node());
  NoGrad quiet;
  Walk walk;
  Gradients slots;  // of one node after the other
  walk.reach(root.node(), gradient);
  while (!walk.done()) {
    const std::shared_ptr<Node> node = walk.next();
    const Array arrived = run_hooks(*node, std::exchange(node->pending, {}));
    const bool leaf = !node->backward && !node->freed;
    if (leaf || node->retain) keep(*node, arrived);
    if (leaf) continue;
    require_graph(*node);  // a hook may have walked

    slots.begin(node->inputs);
    slots.upstream_is_one_ = !given.defined() && arrived.storage() == gradient.storage();  // and no hook's instead
    try {
      node->backward(arrived, slots);
      for (size_t i = 0; i < node->inputs.size(); ++i)
        if (const auto& [value, written] = slots.slots_[i]; node->inputs[i] && value.defined() && !written)
          check_gradient(node->op, *node->inputs[i], value);
    } catch (...) {
      slots.forget_written();
      throw;
    }
    for (size_t i = 0; i < node->inputs.size(); ++i) {
      auto& [value, written] = slots.slots_[i];
      if (node->inputs[i] && value.defined() && !written) walk.reach(node->inputs[i], std::move(value));
    }
    if (!options.retain_graph) {
      node->freed = true;
      node->backward = nullptr;
      node->inputs.clear();
      node->saved.clear();
    }
  }
}

void Tensor::backward(BackwardOptions options) const {
  if (numel() != 1) fail("backward", "a tensor of shape ", shape(), " needs a gradient; only a scalar goes without");
  run_backward(*this, {}, options);
}

void Tensor::backward(const Tensor& gradient, BackwardOptions options) const {
  run_backward(*this, gradient.array(), options);
}

}  // namespace ramp

#include "ramp/core/autograd.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <queue>
#include <utility>

#include "ramp/core/array_ops.h"
#include "ramp/core/trace.h"

namespace ramp {

namespace {

thread_local bool is_recording = true;
std::atomic<uint64_t> nodes_made{0};

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
    join(node.device);  // it may have been written aside
    add_to(node.grad, gradient);
  } else if (node.grad.defined()) {
    copy(gradient, node.grad);
  } else {
    node.grad = clone(gradient);
  }
  node.has_grad = true;
}

Array run_hooks(const Node& node, Array gradient) {
  if (!node.hooks.empty()) join(node.device);  // a hook may look at any gradient
  for (const auto& hook : node.hooks) {
    NoGrad quiet;
    const Tensor replaced = hook(Tensor(gradient));
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

/// Throws before anything is changed when a walk from `root` would come to a graph that is gone.
void require_graphs(Node& root) {
  static std::atomic<uint64_t> searches{0};
  const uint64_t search = ++searches;
  std::vector<Node*> waiting{&root};
  while (!waiting.empty()) {
    const Node& node = *waiting.back();
    waiting.pop_back();
    require_graph(node);
    for (const std::shared_ptr<Node>& input : node.inputs)
      if (input && std::exchange(input->seen, search) != search) waiting.push_back(input.get());
  }
}

struct SmallerNumber {
  bool operator()(const std::shared_ptr<Node>& a, const std::shared_ptr<Node>& b) const {
    return a->number < b->number;
  }
};
using Queue = std::priority_queue<std::shared_ptr<Node>, std::vector<std::shared_ptr<Node>>, SmallerNumber>;

/// Whatever way a walk ends, no half-summed gradient waits for the next one.
struct Walk {
  Queue queue;
  ~Walk() {
    for (; !queue.empty(); queue.pop()) queue.top()->pending = {};
  }
};

}  // namespace

namespace {

/// The units of every dtype and device; never destroyed, as static tensors may outlive any static of ours.
struct Units {
  std::mutex mutex;
  std::vector<Array> made;

  Array find(DType dtype, Device device) const {
    for (const Array& unit : made)
      if (unit.dtype() == dtype && unit.device() == device) return unit;
    return {};
  }
};
Units& units() {
  static Units& all = *new Units;
  return all;
}

}  // namespace

Array unit_gradient(const Shape& shape, DType dtype, Device device) {
  std::lock_guard lock(units().mutex);
  Array unit = units().find(dtype, device);
  if (!unit.defined()) {
    unit = full_array({}, 1, dtype, device);
    if (!tracing()) units().made.push_back(unit);  // a captured step's array has its number in replays only
  }
  return unit.view(shape);
}

bool is_unit_gradient(const Array& gradient) {
  std::lock_guard lock(units().mutex);
  const Array unit = units().find(gradient.dtype(), gradient.device());
  return unit.defined() && unit.storage() == gradient.storage();
}

bool recording() { return is_recording; }
NoGrad::NoGrad() : previous_(is_recording) { is_recording = false; }
NoGrad::~NoGrad() { is_recording = previous_; }

Node::~Node() {
  // A long chain would otherwise be destroyed by as many nested calls. The nodes that only this one holds are unlinked
  // one by one instead.
  std::vector<std::shared_ptr<Node>> unlinked = std::move(inputs);
  backward = nullptr;
  while (!unlinked.empty()) {
    const std::shared_ptr<Node> last = std::move(unlinked.back());
    unlinked.pop_back();
    if (!last || last.use_count() > 1) continue;
    for (auto& input : last->inputs) unlinked.push_back(std::move(input));
    last->inputs.clear();
  }
}

const Array& Gradients::write(int i) {
  Node& node = *inputs_[i];
  // Straight into a leaf's own memory when this is its first gradient since zero_grad and nobody wants to see it pass.
  if (!node.backward && node.grad.defined() && !node.has_grad && node.hooks.empty() && !node.pending.defined()) {
    node.has_grad = true;
    written_.push_back(i);
    values_[i] = node.grad;
  } else {
    values_[i] = Array(node.shape, node.dtype, node.device);
  }
  return values_[i];
}

bool Gradients::written(int i) const { return std::find(written_.begin(), written_.end(), i) != written_.end(); }

Tensor record(const char* op, Array value, std::span<const Tensor> inputs, Backward backward) {
  bool wanted = false;
  if (is_recording)
    for (const Tensor& input : inputs) wanted |= input.requires_grad();
  if (!wanted) return Tensor(std::move(value));
  auto node = std::make_shared<Node>();
  node->op = op;
  node->number = ++nodes_made;
  node->shape = value.shape();
  node->dtype = value.dtype();
  node->device = value.device();
  node->inputs.reserve(inputs.size());
  for (const Tensor& input : inputs) node->inputs.push_back(input.node());
  node->backward = std::move(backward);
  return attach(std::move(value), std::move(node));
}

void run_backward(const Tensor& root, Array gradient, BackwardOptions options) {
  if (!root.requires_grad()) fail("backward", "the tensor requires no gradient");
  check_gradient("backward", *root.node(), gradient);
  require_graphs(*root.node());
  NoGrad quiet;
  Walk walk;
  std::vector<Device> others;  // where the walk came by too
  arrive(*root.node(), std::move(gradient));
  walk.queue.push(root.node());
  while (!walk.queue.empty()) {
    const std::shared_ptr<Node> node = walk.queue.top();
    walk.queue.pop();
    const Device device = node->device;
    if (device != root.device() && std::find(others.begin(), others.end(), device) == others.end())
      others.push_back(device);
    const Array arrived = run_hooks(*node, std::exchange(node->pending, {}));
    const bool leaf = !node->backward && !node->freed;
    if (leaf || node->retain) keep(*node, arrived);
    if (leaf) continue;
    require_graph(*node);  // a hook may have walked

    Gradients slots;
    slots.inputs_ = node->inputs;
    slots.values_.resize(node->inputs.size());
    node->backward(arrived, slots);
    for (size_t i = 0; i < node->inputs.size(); ++i) {
      const std::shared_ptr<Node>& input = node->inputs[i];
      Array& value = slots.values_[i];
      if (!input || !value.defined() || slots.written(static_cast<int>(i))) continue;
      check_gradient(node->op, *input, value);
      const bool first = !input->pending.defined();
      arrive(*input, std::move(value));
      if (first) walk.queue.push(input);
    }
    if (!options.retain_graph) {
      node->freed = true;
      node->backward = nullptr;
      node->inputs.clear();
    }
  }
  join(root.device());
  for (const Device device : others) join(device);
}

}  // namespace ramp

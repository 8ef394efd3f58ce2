#include "ramp/layers/layer.h"

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <utility>

#include "ramp/core/array_ops/array_ops.h"
#include "ramp/core/autograd/autograd.h"
#include "ramp/core/autograd/ops.h"
#include "ramp/core/hooks.h"

namespace ramp {
namespace {

/// A layer that is being called.
struct Call {
  const Layer* layer;
  bool graph_is_checked;  // by this call or one around it, when it returns
};
// The calls on this thread, innermost last.
thread_local std::vector<Call> calling;

bool graph_is_checked() { return !calling.empty() && calling.back().graph_is_checked; }

struct Calling {
  explicit Calling(const Layer* layer) { calling.push_back({layer, true}); }
  ~Calling() { calling.pop_back(); }
};

// Copies of a tensor share one array, so its address tells tensors apart, frozen ones too.
using Identity = const Array*;
Identity identity(const Tensor& tensor) { return &tensor.array(); }

std::string dotted(const std::string& path, const std::string& name) { return path.empty() ? name : path + '.' + name; }

}  // namespace

/// An observer may add others or destroy the layer while the list is being traversed.
struct Layer::Observers {
  std::deque<Observer> list;  // keeps elements in place when others are added; a finished observer is empty
  int walking = 0;
};

void Layer::begin_call() const {
  require_whole();
  if (calling.empty()) {
    if (CaptureListener* listener = capturing()) watch(*listener);
  } else if (!calling.back().layer->owns(*this) && has_tensors()) {
    fail(calling.back().layer->describe(), "calls ", describe(), ", which it does not own: make it with add()");
  }
}

Layer::InCall::InCall(const Layer* layer) {
  layer->begin_call();
  calling.push_back({layer, graph_is_checked()});
}
Layer::InCall::~InCall() { calling.pop_back(); }

Tensor Layer::call(const Tensor& x, const Unary* epilogue) const {
  begin_call();
  const bool checks = !graph_is_checked();
  const uint64_t made_before = nodes_made();
  CaptureListener* const listener = capturing();
  Tensor y = run(x, epilogue);
  if (listener && !capturing()) listener->stopped_in(describe());
  if (checks && state_->checked != state_->changes && y.defined() && y.requires_grad())
    require_parameters(x, y, made_before);
  if (observed()) notify(x, y);
  return y;
}

Tensor Layer::run(const Tensor& x, const Unary* epilogue) const {
  const Calling guard(this);
  return epilogue ? forward_with(x, *epilogue) : forward(x);
}

Tensor Layer::forward(const Tensor&) const {
  fail(describe(),
       "a layer that is called with one tensor must override forward(const Tensor&) const, got none; call "
       "this one's own member functions");
}
Tensor Layer::forward_with(const Tensor& x, const Unary& epilogue) const { return map(epilogue, forward(x)); }

/// Walks the graph that the call recorded: every leaf must be the input or a parameter of a layer or an optimizer.
void Layer::require_parameters(const Tensor& input, const Tensor& output, uint64_t made_before) const {
  std::vector<const Node*> waiting{output.node().get()};
  std::set<const Node*> seen;
  while (!waiting.empty()) {
    const Node* node = waiting.back();
    waiting.pop_back();
    if (!seen.insert(node).second || node == input.node().get()) continue;
    const bool leaf = !node->backward && !node->freed;
    if (leaf && !node->parameter)
      fail(
          describe(),
          "every tensor that wants a gradient must be an input, a layer's parameter (add()) or an optimizer's, got one "
          "of shape ",
          node->shape, " that is neither");
    if (node->number > made_before)
      for (const std::shared_ptr<Node>& next : node->inputs)
        if (next) waiting.push_back(next.get());
  }
  state_->checked = state_->changes;
}

void Layer::watch(CaptureListener& listener) const {
  visit("", [&](const std::string&, const Layer& layer) {
    for (const OwnTensors* tensors : {&layer.parameters_, &layer.buffers_})
      for (const auto& own : *tensors)
        if (own->tensor.defined()) listener.depend_on_variable(std::shared_ptr<const Tensor>(own, &own->tensor));
    const State* state = layer.state_.get();
    listener.depend_forever(layer.state_, [state, changes = state->changes] { return state->changes == changes; });
  });
}

bool Layer::observed() const { return observers_ && !observers_->list.empty(); }

void Layer::add_observer(Observer observer) {
  require_whole();
  if (!observer) fail("add_observer", "expected a function, got an empty one");
  if (!observers_) observers_ = std::make_shared<Observers>();
  observers_->list.push_back(std::move(observer));
  ++state_->changes;
}

void Layer::notify(const Tensor& input, const Tensor& output) const {
  // An observer may destroy the layer.
  const std::shared_ptr<Observers> observers = observers_;
  const std::shared_ptr<State> state = state_;
  struct Walk {
    Observers& observers;
    explicit Walk(Observers& observers) : observers(observers) { ++observers.walking; }
    ~Walk() {
      if (--observers.walking == 0) std::erase_if(observers.list, [](const Observer& observer) { return !observer; });
    }
  };
  const Walk walk(*observers);
  const size_t count = observers->list.size();  // observers added during the loop are not called
  for (size_t i = 0; i < count; ++i)
    if (Observer& observer = observers->list[i]; observer) {
      if (!observer(*this, input, output)) observer = nullptr, ++state->changes;
      if (observers.use_count() == 1) return;  // the layer was destroyed
    }
}

std::vector<Parameter> Layer::parameters() const {
  require_whole();
  std::vector<Parameter> parameters;
  std::map<Identity, size_t> seen;  // the position in `parameters`
  visit("", [&](const std::string& path, const Layer& layer) {
    for (const auto& own : layer.parameters_) {
      if (!own->tensor.defined()) continue;
      const auto [at, fresh] = seen.emplace(identity(own->tensor), parameters.size());
      if (fresh) parameters.emplace_back(dotted(path, own->variable.name), own->tensor, own->decay);
      parameters[at->second].variables.push_back(std::shared_ptr<const Tensor>(own, &own->tensor));
    }
  });
  return parameters;
}

std::vector<Buffer> Layer::buffers() const {
  require_whole();
  std::vector<Buffer> buffers;
  std::set<Identity> seen;
  visit("", [&](const std::string& path, const Layer& layer) {
    for (const auto& own : layer.buffers_)
      if (seen.insert(identity(own->tensor)).second) buffers.push_back({dotted(path, own->variable.name), own->tensor});
  });
  return buffers;
}

bool Layer::has_tensors() const {
  const auto defined = [](const auto& own) { return own->tensor.defined(); };
  return std::any_of(parameters_.begin(), parameters_.end(), defined) || !buffers_.empty() ||
         std::any_of(children_.begin(), children_.end(), [](const auto& child) { return child.second->has_tensors(); });
}

bool Layer::owns(const Layer& layer) const {
  return this == &layer ||
         std::any_of(children_.begin(), children_.end(), [&](const auto& child) { return child.second->owns(layer); });
}

bool Layer::training() const {
  require_whole();
  if (CaptureListener* listener = capturing()) listener->depend(std::shared_ptr<const bool>(state_, &state_->training));
  return state_->training;
}

void Layer::train(bool on) {
  require_whole();
  state_->training = on;
  for (const auto& [name, child] : children_) child->train(on);
}

/// Replaces the numbers of every parameter and buffer by convert(numbers). If one conversion throws, none is replaced.
template <class Convert>
Layer& Layer::convert_tensors(Convert convert) {
  std::vector<Tensor> all;
  for (const Parameter& parameter : parameters()) {
    if (!parameter.tensor.is_leaf())
      fail("to", "parameter \"", parameter.name, "\" must be a leaf, got the result of an operation");
    all.push_back(parameter.tensor);
  }
  for (const Buffer& buffer : buffers()) all.push_back(buffer.tensor);
  std::vector<Array> converted;
  for (const Tensor& tensor : all) converted.push_back(convert(tensor.array()));
  for (size_t i = 0; i < all.size(); ++i) all[i].set_array(converted[i]);
  return *this;
}

Layer& Layer::to(Device device) {
  check_device(device);
  return convert_tensors([&](const Array& x) { return ramp::to(x, device); });
}

Layer& Layer::to(DType dtype) {
  if (!is_floating(dtype)) fail("to", "parameters are float32 or float64, got ", dtype);
  return convert_tensors([&](const Array& x) { return is_floating(x.dtype()) ? ramp::to(x, dtype) : x; });
}

void Layer::zero_grad() {
  for (Parameter& parameter : parameters()) parameter.tensor.zero_grad();
}

void Layer::refuse_moved() const { fail(describe(), "was moved away; use the layer that it was moved into"); }

void Layer::check_inner(const std::string& name, const Layer* layer) const {
  check_name(name);
  if (!layer) fail("add", "layer \"", name, "\" must be a layer, got a null pointer");
  layer->require_whole();
  if (layer->owns(*this)) fail("add", layer->describe(), " cannot be added to itself, or to a layer inside it");
}

void Layer::check_name(const std::string& name) const {
  require_whole();
  if (name.empty() || name.find('.') != std::string::npos)
    fail("add", "a name must not be empty or have a dot, got \"", name, '"');
  const auto taken = [&](const auto& own) { return own->variable.name == name; };
  if (std::any_of(parameters_.begin(), parameters_.end(), taken) ||
      std::any_of(buffers_.begin(), buffers_.end(), taken) ||
      std::any_of(children_.begin(), children_.end(), [&](const auto& child) { return child.first == name; }))
    fail("add", "a name must be new in its layer, got \"", name, "\" again");
}

Layer& Layer::add(std::string name, std::unique_ptr<Layer> layer) {
  check_inner(name, layer.get());
  children_.emplace_back(std::move(name), std::move(layer));
  ++state_->changes;
  return *children_.back().second;
}

Tensor& Layer::own(OwnTensors& tensors, Own tensor) {
  tensors.push_back(std::make_shared<Own>(std::move(tensor)));
  Own& kept = *tensors.back();
  kept.tensor.variable_ = &kept.variable;
  ++state_->changes;
  return kept.tensor;
}

Tensor& Layer::add(std::string name, const Tensor& value, ParameterOptions options) {
  check_name(name);
  if (value.defined()) {
    Tensor(value).set_requires_grad();
    Tensor(value).mark_parameter();
  }
  return own(parameters_, {{std::move(name), false}, value, options.decay});
}

Tensor& Layer::add_buffer(std::string name, const Tensor& value) {
  check_name(name);
  if (!value.defined()) fail("add_buffer", "buffer \"", name, "\" must be a tensor, got an undefined one");
  if (value.requires_grad()) fail("add_buffer", "buffer \"", name, "\" must not require a gradient, got one that does");
  return own(buffers_, {{std::move(name), true}, value, false});
}

// NOLINTNEXTLINE(bugprone-exception-escape,performance-noexcept-move-constructor): as in layer.h
Layer& Layer::operator=(Layer&& other) {
  if (this == &other) return *this;
  other.require_whole();
  if (other.owns(*this)) fail("assign", other.describe(), " cannot be assigned to a layer inside it");
  // Taken first and let go of last: `other` may be inside this layer.
  auto parameters = std::exchange(other.parameters_, {}), buffers = std::exchange(other.buffers_, {});
  auto children = std::exchange(other.children_, {});
  auto observers = std::exchange(other.observers_, nullptr);
  auto state = std::exchange(other.state_, nullptr);
  parameters_.swap(parameters), buffers_.swap(buffers), children_.swap(children);
  observers_.swap(observers), state_.swap(state);
  return *this;
}

}  // namespace ramp

#include "ramp/layers/layer.h"

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <map>
#include <set>
#include <typeinfo>

#include "ramp/core/array_ops/array_ops.h"
#include "ramp/core/autograd/autograd.h"
#include "ramp/core/autograd/ops.h"
#include "ramp/core/hooks.h"

namespace ramp {
namespace {

// The layers whose forward is running on this thread, innermost last.
thread_local std::vector<const Layer*> calling;

struct Calling {
  explicit Calling(const Layer* layer) { calling.push_back(layer); }
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

Tensor Layer::call(const Tensor& x, const Unary* epilogue) {
  require_whole();
  const bool outermost = calling.empty();
  if (!outermost && !calling.back()->owns(*this) && has_parameters())
    fail(calling.back()->describe(), "calls ", describe(), ", which it does not own: make it with add()");
  if (outermost)
    if (CaptureListener* listener = capturing()) watch(*listener);
  const uint64_t made_before = nodes_made();
  CaptureListener* const listener = capturing();
  Tensor y = run(x, epilogue);
  if (listener && !capturing()) listener->stopped_in(describe());
  if (outermost && checked_ != state_->changes && y.defined() && y.requires_grad())
    require_parameters(x, y, made_before);
  if (observed()) notify(x, y);
  return y;
}

Tensor Layer::run(const Tensor& x, const Unary* epilogue) {
  const Calling guard(this);
  return epilogue ? forward_with(x, *epilogue) : forward(x);
}

Tensor Layer::forward_with(const Tensor& x, const Unary& epilogue) { return map(epilogue, forward(x)); }

/// Walks the graph that the call recorded: every leaf must be the input or a parameter of a layer or an optimizer.
void Layer::require_parameters(const Tensor& input, const Tensor& output, uint64_t made_before) {
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
  checked_ = state_->changes;
}

void Layer::watch(CaptureListener& listener) const {
  visit("", [&](const std::string&, const Layer& layer) {
    for (const auto& own : layer.parameters_)
      listener.depend_on_variable(std::shared_ptr<const Tensor>(own, &own->tensor));
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

void Layer::notify(const Tensor& input, const Tensor& output) {
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

/// Calls f(path, layer) for this layer and all layers inside it, outer before inner.
template <class F>
void Layer::visit(const std::string& path, F&& f) const {
  f(path, *this);
  for (const auto& [name, child] : children_) child->visit(dotted(path, name), f);
}

std::vector<Parameter> Layer::parameters() const {
  require_whole();
  std::vector<Parameter> parameters;
  std::map<Identity, size_t> seen;  // the position in `parameters`
  visit("", [&](const std::string& path, const Layer& layer) {
    for (const auto& own : layer.parameters_) {
      const auto [at, fresh] = seen.emplace(identity(own->tensor), parameters.size());
      if (fresh) parameters.emplace_back(dotted(path, own->name), own->tensor, own->decay);
      parameters[at->second].variables.push_back(std::shared_ptr<const Tensor>(own, &own->tensor));
    }
  });
  return parameters;
}

bool Layer::has_parameters() const {
  return !parameters_.empty() || std::any_of(children_.begin(), children_.end(),
                                             [](const auto& child) { return child.second->has_parameters(); });
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

/// Replaces the numbers of every parameter by convert(numbers). If one conversion throws, none is replaced.
template <class Convert>
void Layer::convert_parameters(Convert convert) {
  std::vector<Parameter> all = parameters();
  std::vector<Array> converted;
  for (const Parameter& parameter : all) {
    if (!parameter.tensor.is_leaf())
      fail("to", "parameter \"", parameter.name, "\" must be a leaf, got the result of an operation");
    converted.push_back(convert(parameter.tensor.array()));
  }
  for (size_t i = 0; i < all.size(); ++i) all[i].tensor.set_array(converted[i]);
}

void Layer::to(Device device) {
  check_device(device);
  convert_parameters([&](const Array& x) { return ramp::to(x, device); });
}

void Layer::to(DType dtype) {
  if (!is_floating(dtype)) fail("to", "parameters are float32 or float64, got ", dtype);
  convert_parameters([&](const Array& x) { return ramp::to(x, dtype); });
}

void Layer::zero_grad() {
  for (Parameter& parameter : parameters()) parameter.tensor.zero_grad();
}

std::string Layer::describe() const {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> demangled(
      abi::__cxa_demangle(typeid(*this).name(), nullptr, nullptr, &status), &std::free);
  std::string name = status == 0 ? demangled.get() : typeid(*this).name();
  name = name.substr(0, name.find('<'));
  const size_t scope = name.rfind("::");
  return scope == std::string::npos ? name : name.substr(scope + 2);
}

std::string Layer::summary() const {
  require_whole();
  TextRows rows{{"name", "layer", "parameters"}, {}};
  std::set<Identity> seen;
  int64_t total = 0;
  visit("", [&](const std::string& path, const Layer& layer) {
    int64_t own_total = 0;
    for (const auto& own : layer.parameters_)
      if (seen.insert(identity(own->tensor)).second) own_total += own->tensor.numel();
    const bool only_holds_others = layer.parameters_.empty() && !layer.children_.empty();
    rows.push_back({path, layer.describe(), only_holds_others ? "" : with_separators(own_total)});
    total += own_total;
  });
  rows.push_back({});
  rows.push_back({"total", "", with_separators(total)});

  constexpr size_t columns = 80, gap = 2, longest_name = 30;
  std::vector<size_t> widths = column_widths(rows);
  widths[0] = std::min(widths[0], longest_name);
  widths[1] = std::min(widths[1], columns - widths[0] - widths[2] - 2 * gap);
  return text_table(rows, widths, 2, gap);
}

void Layer::refuse_moved() const { fail(describe(), "was moved away; use the layer that it was moved into"); }

void Layer::check_inner(const Layer& layer) const {
  layer.require_whole();
  if (layer.owns(*this)) fail("add", layer.describe(), " cannot be added to itself, or to a layer inside it");
}

void Layer::check_name(const std::string& name) const {
  require_whole();
  if (name.empty() || name.find('.') != std::string::npos)
    fail("add", "a name must not be empty or have a dot, got \"", name, '"');
  const auto same = [&](const std::string& other) { return other == name; };
  if (std::any_of(parameters_.begin(), parameters_.end(), [&](const auto& own) { return same(own->name); }) ||
      std::any_of(children_.begin(), children_.end(), [&](const auto& child) { return same(child.first); }))
    fail("add", "a name must be new in its layer, got \"", name, "\" again");
}

Tensor& Layer::add(std::string name, const Tensor& value, ParameterOptions options) {
  check_name(name);
  if (!value.defined()) fail("add", "parameter \"", name, "\" must be a tensor, got an undefined one");
  auto own = std::make_shared<OwnParameter>(OwnParameter{std::move(name), value, options.decay});
  own->tensor.set_requires_grad();
  own->tensor.mark_parameter();
  own->tensor.parameter_ = &own->name;
  parameters_.push_back(own);
  ++state_->changes;
  return own->tensor;
}

}  // namespace ramp

#include "ramp/layers/layer.h"

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <typeinfo>

#include "ramp/core/trace.h"

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

std::string with_separators(int64_t number) {
  std::string digits = std::to_string(number);
  for (auto i = static_cast<int64_t>(digits.size()) - 3; i > 0; i -= 3) digits.insert(static_cast<size_t>(i), ",");
  return digits;
}

std::string fit(const std::string& text, size_t width) {
  if (text.size() > width) return text.substr(0, width - 3) + "...";
  return text + std::string(width - text.size(), ' ');
}

}  // namespace

Tensor Layer::operator()(const Tensor& x) {
  if (!calling.empty() && !calling.back()->owns(*this) && has_parameters())
    fail(calling.back()->describe(), "calls ", describe(), ", which it does not own: make it with add()");
  const Calling guard(this);
  Tensor y = forward(x);
  if (!observers_.empty()) notify(x, y);
  return y;
}

void Layer::notify(const Tensor& input, const Tensor& output) {
  std::erase_if(observers_, [&](Observer& observer) { return !observer(*this, input, output); });
}

/// Calls f(path, layer) for this layer and all inside it, outer before inner.
template <class F>
void Layer::visit(const std::string& path, F&& f) const {
  f(path, *this);
  for (const auto& [name, child] : children_) child->visit(dotted(path, name), f);
}

std::vector<Parameter> Layer::parameters() const {
  std::vector<Parameter> parameters;
  std::set<Identity> seen;
  visit("", [&](const std::string& path, const Layer& layer) {
    for (const auto& own : layer.parameters_)
      if (seen.insert(identity(*own.tensor)).second)
        parameters.emplace_back(dotted(path, own.name), *own.tensor, own.decay);
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
  if (Trace* trace = tracing()) trace->depend(training_);
  return *training_;
}

void Layer::train(bool on) {
  *training_ = on;
  for (const auto& [name, child] : children_) child->train(on);
}

/// Gives every parameter the numbers convert(its old ones), or, when one conversion throws, none of them.
template <class Convert>
void Layer::convert_parameters(Convert convert) {
  std::vector<Parameter> all = parameters();
  std::vector<Array> converted;
  for (const Parameter& parameter : all) converted.push_back(convert(parameter.tensor.array()));
  for (size_t i = 0; i < all.size(); ++i) all[i].tensor.set_array(converted[i]);
}

void Layer::to(Device device) {
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
  struct Row {
    std::string name, layer, parameters;
  };
  std::vector<Row> rows{{"name", "layer", "parameters"}};
  std::set<Identity> seen;
  int64_t total = 0;
  visit("", [&](const std::string& path, const Layer& layer) {
    int64_t own_total = 0;
    for (const auto& own : layer.parameters_)
      if (seen.insert(identity(*own.tensor)).second) own_total += own.tensor->numel();
    const bool only_holds_others = layer.parameters_.empty() && !layer.children_.empty();
    rows.push_back({path, layer.describe(), only_holds_others ? "" : with_separators(own_total)});
    total += own_total;
  });
  rows.push_back({"total", "", with_separators(total)});

  constexpr size_t columns = 80, gap = 2, longest_name = 30;
  size_t name_width = 0, layer_width = 0, number_width = 0;
  for (const Row& row : rows) {
    name_width = std::min(std::max(name_width, row.name.size()), longest_name);
    layer_width = std::max(layer_width, row.layer.size());
    number_width = std::max(number_width, row.parameters.size());
  }
  layer_width = std::min(layer_width, columns - name_width - number_width - 2 * gap);

  const std::string line = std::string(name_width + layer_width + number_width + 2 * gap, '-') + '\n';
  std::string table;
  for (const Row& row : rows) {
    if (&row == &rows[1] || &row == &rows.back()) table += line;
    table += fit(row.name, name_width + gap) + fit(row.layer, layer_width + gap) +
             std::string(number_width - row.parameters.size(), ' ') + row.parameters;
    table.erase(table.find_last_not_of(' ') + 1);
    table += '\n';
  }
  return table;
}

void Layer::check_name(const std::string& name) const {
  if (name.empty() || name.find('.') != std::string::npos)
    fail("add", "a name must have a letter and no dot, got \"", name, '"');
  const auto same = [&](const std::string& other) { return other == name; };
  if (std::any_of(parameters_.begin(), parameters_.end(), [&](const auto& own) { return same(own.name); }) ||
      std::any_of(children_.begin(), children_.end(), [&](const auto& child) { return same(child.first); }))
    fail("add", "a name must be new in its layer, got \"", name, "\" again");
}

Tensor& Layer::add(std::string name, const Tensor& value, ParameterOptions options) {
  check_name(name);
  if (!value.defined()) fail("add", "parameter \"", name, "\" must be a tensor, got an undefined one");
  auto tensor = std::make_unique<Tensor>(value);
  tensor->set_requires_grad();
  parameters_.push_back({std::move(name), std::move(tensor), options.decay});
  return *parameters_.back().tensor;
}

}  // namespace ramp

#include "ramp/layers/diagnostics.h"

#include <algorithm>
#include <cmath>

#include "ramp/core/array_ops.h"
#include "ramp/core/autograd.h"
#include "ramp/layers/activations.h"
#include "ramp/layers/sequential.h"

namespace ramp {
namespace {

constexpr double flat_slope = 0.01;

Array in_double(const Array& x) { return to(x, float64); }
double total(const Array& x) { return Tensor(sum(x.view(Shape{x.numel()}), 0)).item(); }
double square_sum(const Array& x) {
  const Array values = in_double(x);
  return total(values * values);
}
/// 1 where the comparison with a number holds, else 0.
Array indicator(Compare relation, const Array& x, double number) {
  return in_double(compare(relation, x, full_array({}, number, x.dtype(), x.device())));
}

/// The norms of the gradients that came by.
struct Norms {
  double squares = 0;
  int64_t count = 0;
  void add(const Tensor& gradient) {
    squares += square_sum(gradient.array());
    ++count;
  }
  double mean_square() const { return squares / static_cast<double>(count); }
};

/// The hook on a parameter. A type with a name, so that it can be found again and taken off.
struct GradientHook {
  std::shared_ptr<Norms> norms;
  Tensor operator()(const Tensor& gradient) const {
    norms->add(gradient);
    return {};
  }
};

/// A parameter under watch: its gradients, and its numbers at the last look.
class WatchedParameter {
 public:
  explicit WatchedParameter(const Tensor& tensor)
      : tensor_(tensor), node_(tensor.node()), last_(clone(tensor.array())) {
    if (node_) node_->hooks.emplace_back(GradientHook{norms_});
  }
  ~WatchedParameter() {
    if (node_)
      std::erase_if(node_->hooks, [&](const auto& hook) {
        const auto* mine = hook.template target<GradientHook>();
        return mine && mine->norms == norms_;
      });
  }
  WatchedParameter(const WatchedParameter&) = delete;
  WatchedParameter& operator=(const WatchedParameter&) = delete;

  Norms& norms() { return *norms_; }
  bool watches(const Tensor& tensor) const { return &tensor.array() == &tensor_.array() && tensor.node() == node_; }

  struct Change {
    double change = 0, before = 0;  // sums of squares
  };
  /// What happened since the last call. A move to another device or dtype is no change.
  Change look() {
    const Array& now = tensor_.array();
    Change change;
    if (now.dtype() == last_.dtype() && now.device() == last_.device())
      change = {square_sum(now - last_), square_sum(last_)};
    last_ = clone(now);
    return change;
  }

 private:
  Tensor tensor_;
  std::shared_ptr<Node> node_;
  Array last_;
  std::shared_ptr<Norms> norms_ = std::make_shared<Norms>();
};

}  // namespace

/// What is known of one layer. The layer's observer and its outputs' hooks hold it weakly, so that it may go first.
struct Diagnostics::Watch {
  /// What reset() clears.
  struct Sums {
    int64_t samples = 0, values = 0, inputs = 0;
    double total = 0, squares = 0, input_squares = 0, zeros = 0, flat = 0;
    bool has_slope = false;
    std::vector<double> zeros_of_unit;
    Norms output_gradient;
    double update_ratios = 0;
    int64_t updates = 0;
  };

  explicit Watch(std::string name) : name(std::move(name)) {}

  std::string name, layer;
  Sums sums;
  std::vector<std::unique_ptr<WatchedParameter>> parameters;

  void see(const Layer& source, const Tensor& input, const Tensor& output);
  void look_at_parameters();
  void find_parameters(const Layer& source);
  LayerStatistics statistics(int64_t updates) const;
};

void Diagnostics::Watch::see(const Layer& source, const Tensor& input, const Tensor& output) {
  const Array &x = input.array(), &y = output.array();
  const int64_t n = y.rank() > 0 ? y.shape()[0] : 1;
  if (y.numel() == 0) return;
  const int64_t units = y.numel() / n;
  if (sums.samples > 0 && units != static_cast<int64_t>(sums.zeros_of_unit.size()))
    fail("diagnostics", "layer ", name, " must keep its width until reset(), got ", units, " units after ",
         sums.zeros_of_unit.size());
  layer = source.describe();
  find_parameters(source);
  look_at_parameters();

  const Array values = in_double(y);
  sums.samples += n;
  sums.values += y.numel();
  sums.total += total(values);
  sums.squares += total(values * values);
  sums.inputs += x.numel();
  sums.input_squares += square_sum(x);

  const Array zeros = ramp::sum(indicator(Compare::equal, values, 0).view(Shape{n, units}), 0);
  const std::vector<double> zeros_of_unit = Tensor(zeros).to_vector<double>();
  sums.zeros_of_unit.resize(zeros_of_unit.size());
  for (size_t unit = 0; unit < zeros_of_unit.size(); ++unit) {
    sums.zeros_of_unit[unit] += zeros_of_unit[unit];
    sums.zeros += zeros_of_unit[unit];
  }
  if (const auto* activation = dynamic_cast<const Activation*>(&source)) {
    const Array ones = full_array(y.shape(), 1, float64, y.device());
    const Array slope = map_gradient(activation->formula(), in_double(x), values, ones);
    sums.flat += total(indicator(Compare::less, map(Unary(formula::Abs{}), slope), flat_slope));
    sums.has_slope = true;
  }
}

void Diagnostics::Watch::find_parameters(const Layer& source) {
  std::vector<Tensor> own;
  for (const Parameter& parameter : source.parameters())
    if (parameter.name.find('.') == std::string::npos) own.push_back(parameter.tensor);
  const bool same = std::equal(own.begin(), own.end(), parameters.begin(), parameters.end(),
                               [](const Tensor& tensor, const auto& watched) { return watched->watches(tensor); });
  if (same) return;
  parameters.clear();
  for (const Tensor& tensor : own) parameters.push_back(std::make_unique<WatchedParameter>(tensor));
}

void Diagnostics::Watch::look_at_parameters() {
  double change = 0, before = 0;
  for (const auto& parameter : parameters) {
    const WatchedParameter::Change seen = parameter->look();
    change += seen.change;
    before += seen.before;
  }
  if (change == 0 || before == 0) return;  // no update, or one of all zeros, which has no ratio
  sums.update_ratios += std::sqrt(change / before);
  ++sums.updates;
}

/// `updates`: how many the model has seen, of which some may have left this layer as it was.
LayerStatistics Diagnostics::Watch::statistics(int64_t updates) const {
  LayerStatistics row;
  row.name = name;
  row.layer = layer;
  if (sums.samples == 0) return row;
  row.samples = sums.samples;
  row.units = static_cast<int64_t>(sums.zeros_of_unit.size());
  const auto values = static_cast<double>(sums.values);
  const double square = sums.squares / values;
  const double mean = sums.total / values, variance = square - mean * mean;
  row.mean = mean;
  row.deviation = std::sqrt(variance < 0 ? 0 : variance);  // and NaN stays NaN
  if (sums.input_squares != 0) row.mean_square_ratio = square / (sums.input_squares / static_cast<double>(sums.inputs));
  row.zeros = sums.zeros / values;
  const auto dead = std::count(sums.zeros_of_unit.begin(), sums.zeros_of_unit.end(), static_cast<double>(sums.samples));
  row.dead = static_cast<double>(dead) / static_cast<double>(row.units);
  if (sums.has_slope) row.saturated = sums.flat / values;

  if (sums.output_gradient.count > 0) row.output_gradient = std::sqrt(sums.output_gradient.mean_square());
  double weight_gradient = 0;
  bool any = false;
  for (const auto& parameter : parameters) {
    if (parameter->norms().count == 0) continue;
    weight_gradient += parameter->norms().mean_square();
    any = true;
  }
  if (any) row.weight_gradient = std::sqrt(weight_gradient);
  if (updates > 0 && !parameters.empty()) row.update_ratio = sums.update_ratios / static_cast<double>(updates);
  return row;
}

Diagnostics::Diagnostics(Layer& model) { watch("", model); }

Diagnostics::~Diagnostics() = default;

void Diagnostics::watch(const std::string& name, Layer& layer) {
  for (const auto& [inner, child] : layer.children()) watch(name.empty() ? inner : name + '.' + inner, *child);
  if (dynamic_cast<const Sequential*>(&layer)) return;
  watches_.push_back(std::make_shared<Watch>(name.empty() ? "(model)" : name));
  watches_.back()->layer = layer.describe();
  watches_.back()->find_parameters(layer);
  layer.add_observer([weak = std::weak_ptr(watches_.back())](const Layer& source, const Tensor& x, const Tensor& y) {
    const std::shared_ptr<Watch> watch = weak.lock();
    if (!watch) return false;
    watch->see(source, x, y);
    // A leaf would keep the hook, and get another one at each call.
    if (y.requires_grad() && !y.is_leaf())
      Tensor(y).register_hook([weak](const Tensor& gradient) {
        if (const auto alive = weak.lock()) alive->sums.output_gradient.add(gradient);
        return Tensor();
      });
    return true;
  });
}

std::vector<LayerStatistics> Diagnostics::rows() const {
  int64_t updates = 0;
  for (const auto& watch : watches_) {
    watch->look_at_parameters();
    updates = std::max(updates, watch->sums.updates);
  }
  std::vector<LayerStatistics> rows;
  for (const auto& watch : watches_) rows.push_back(watch->statistics(updates));
  return rows;
}

void Diagnostics::reset() {
  for (const auto& watch : watches_) {
    watch->look_at_parameters();  // the last update belongs to what ends here
    watch->sums = {};
    for (const auto& parameter : watch->parameters) parameter->norms() = {};
  }
}

}  // namespace ramp

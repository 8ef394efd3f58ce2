#include "ramp/layers/diagnostics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "ramp/core/array_ops/array_ops.h"
#include "ramp/core/autograd/autograd.h"
#include "ramp/core/hooks.h"
#include "ramp/layers/activations.h"
#include "ramp/layers/diagnostics_sums.h"
#include "ramp/layers/sequential.h"

namespace ramp {
namespace {

using namespace diagnostics;

constexpr double flat_slope = 0.01;

/// 1 where the comparison with a number holds, else 0.
Array indicator(Compare relation, const Array& x, double number) {
  return in_double(compare(relation, x, full_array({}, number, x.dtype(), x.device())));
}
/// The hook on a parameter. It is a named type, so that it can be found and removed.
struct GradientHook {
  std::shared_ptr<Norms> norms;
  Tensor operator()(const Tensor& gradient) const {
    norms->add(gradient);
    return {};
  }
};

/// A watched parameter: the norms of its gradients, and its numbers at the last look().
class WatchedParameter {
 public:
  explicit WatchedParameter(const Tensor& tensor)
      : tensor_(tensor),
        node_(tensor.node()),
        last_(clone(tensor.array())),
        norms_(std::make_shared<Norms>(tensor.device())) {
    if (node_) node_->add_hook(GradientHook{norms_});
  }
  ~WatchedParameter() {
    if (node_)
      node_->remove_hooks([&](const auto& hook) {
        const auto* mine = hook.template target<GradientHook>();
        return mine && mine->norms == norms_;
      });
  }
  WatchedParameter(const WatchedParameter&) = delete;
  WatchedParameter& operator=(const WatchedParameter&) = delete;

  Norms& norms() { return *norms_; }
  /// Whether `tensor` is the watched one and has kept its node, dtype and device since the last look().
  bool watches(const Tensor& tensor) const {
    return tensor.is(tensor_) && tensor.node() == node_ && tensor.dtype() == last_.dtype() &&
           tensor.device() == last_.device();
  }

  struct Change {
    Array change, before;  // sums of squares
  };
  /// The change since the last call, and the numbers before it.
  Change look() {
    const Array& now = tensor_.array();
    if (!watches(tensor_)) {  // a move to another device or dtype is no change
      last_ = clone(now);
      return {number(0, now.device()), number(0, now.device())};
    }
    Change change{square_sum(now - last_), square_sum(last_)};
    copy(now, last_);
    return change;
  }

 private:
  Tensor tensor_;
  std::shared_ptr<Node> node_;
  Array last_;
  std::shared_ptr<Norms> norms_;
};

}  // namespace

/// The statistics of one layer. The layer's observer and the hooks of its outputs hold it weakly: it may be destroyed
/// first.
struct Diagnostics::Watch : std::enable_shared_from_this<Watch> {
  explicit Watch(std::string name) : name(std::move(name)) {}

  enum : int64_t {  // the sums
    samples,
    total_outputs,
    squares,
    inputs,
    input_squares,
    flat_outputs,
    update_ratios,
    updates,
    count
  };

  std::string name, layer;
  bool has_slope = false;
  Sums sums;
  Norms output_norms;        // of the gradients of outputs
  Array zeros;               // count for each unit, [1, units]; undefined before the first batch
  uint64_t arrays_made = 0;  // raised when the arrays above, or those of a parameter, are replaced
  std::vector<std::unique_ptr<WatchedParameter>> parameters;

  void see(const Layer& source, const Tensor& input, const Tensor& output);
  void prepare(const Layer& source, int64_t units, Device device);
  void look_at_parameters();
  void reset();
  LayerStatistics statistics(double most_updates) const;

 private:
  bool same_parameters(const std::vector<Tensor>& own) const {
    return std::equal(own.begin(), own.end(), parameters.begin(), parameters.end(),
                      [](const Tensor& tensor, const auto& watched) { return watched->watches(tensor); });
  }
};

void Diagnostics::Watch::see(const Layer& source, const Tensor& input, const Tensor& output) {
  const Array &x = input.array(), &y = output.array();
  const int64_t n = y.rank() > 0 ? y.shape()[0] : 1;
  if (y.numel() == 0) return;
  prepare(source, y.numel() / n, y.device());
  look_at_parameters();

  const Array values = in_double(y);
  sums.add(samples, static_cast<double>(n));
  sums.add(total_outputs, total(values));
  sums.add(squares, total(values * values));
  sums.add(inputs, static_cast<double>(x.numel()));
  sums.add(input_squares, to(square_sum(x), y.device()));
  add_to(zeros, ramp::sum(indicator(Compare::equal, values, 0).view(Shape{n, zeros.numel()}), 0));
  if (const auto* activation = dynamic_cast<const Activation*>(&source)) {
    const Array ones = full_array(y.shape(), 1, float64, y.device());
    const Array slope = map_gradient(activation->formula(), in_double(x), values, ones);
    sums.add(flat_outputs, total(indicator(Compare::less, map(Unary(formula::Abs{}), slope), flat_slope)));
  }
}

/// Makes the arrays in which statistics accumulate, always outside of a captured step, because its replays go on using
/// them.
void Diagnostics::Watch::prepare(const Layer& source, int64_t units, Device device) {
  std::vector<Tensor> own;
  for (const Parameter& parameter : source.parameters())
    if (parameter.name.find('.') == std::string::npos) own.push_back(parameter.tensor);
  const bool same = same_parameters(own), width_fits = zeros.defined() && zeros.numel() == units;
  if (same && width_fits && sums.on(device)) {
    if (CaptureListener* listener = capturing())
      listener->depend_forever(weak_from_this(), [this, made = arrays_made] { return arrays_made == made; });
    return;
  }
  if (CaptureListener* listener = capturing()) listener->stop("");  // one more warm-up makes the arrays
  if (zeros.defined() && !width_fits && sums.values()[samples] != 0)
    fail("diagnostics", "layer ", name, " must keep its width until reset(), got ", units, " units after ",
         zeros.numel());
  ++arrays_made;
  layer = source.describe();
  has_slope = dynamic_cast<const Activation*>(&source) != nullptr;
  if (!zeros.defined()) sums = Sums(count, device), output_norms = Norms(device);
  if (!sums.on(device)) sums.move_to(device), output_norms.sums.move_to(device);
  if (!width_fits) zeros = full_array({1, units}, 0, float64, device);
  zeros = to(zeros, device);
  if (!same) {
    parameters.clear();
    for (const Tensor& tensor : own) parameters.push_back(std::make_unique<WatchedParameter>(tensor));
  }
}

/// Adds |change| / |parameters| since the last look and counts an update, unless nothing has changed or all parameters
/// were 0, so that there is no ratio.
void Diagnostics::Watch::look_at_parameters() {
  if (parameters.empty() || !zeros.defined()) return;
  const Device device = zeros.device();
  Array change = number(0, device), before = number(0, device);
  for (const auto& parameter : parameters) {
    const WatchedParameter::Change seen = parameter->look();
    change = change + to(seen.change, device);
    before = before + to(seen.before, device);
  }
  const Array zero = number(0, device), one = number(1, device);
  const Array both = change * before;  // NaN counts as an update
  const Array counts = in_double(compare(Compare::not_equal, both, zero));
  const Array ratio = map(Unary(formula::Sqrt{}), change / where(compare(Compare::equal, before, zero), one, before));
  sums.add(update_ratios, where(compare(Compare::equal, both, zero), zero, ratio));
  sums.add(updates, counts);
}

void Diagnostics::Watch::reset() {
  look_at_parameters();  // the last update belongs to the period that ends
  sums.clear();
  output_norms.sums.clear();
  if (zeros.defined()) fill(zeros, 0);
  for (const auto& parameter : parameters) parameter->norms().sums.clear();
}

/// `most_updates` is the number of updates of the model; some may have left this layer unchanged.
LayerStatistics Diagnostics::Watch::statistics(double most_updates) const {
  LayerStatistics row;
  row.name = name;
  row.layer = layer;
  const std::vector<double> all = sums.values();
  if (all.empty() || all[samples] == 0) return row;
  row.samples = static_cast<int64_t>(all[samples]);
  row.units = zeros.numel();
  const double values = all[samples] * static_cast<double>(row.units);
  const double square = all[squares] / values;
  const double mean = all[total_outputs] / values, variance = square - mean * mean;
  row.mean = mean;
  row.deviation = std::sqrt(variance < 0 ? 0 : variance);  // and NaN stays NaN
  if (all[input_squares] != 0) row.mean_square_ratio = square / (all[input_squares] / all[inputs]);
  const std::vector<double> zeros_of_unit = Tensor(zeros).to_vector<double>();
  row.zeros = std::accumulate(zeros_of_unit.begin(), zeros_of_unit.end(), 0.0) / values;
  row.dead = static_cast<double>(std::count(zeros_of_unit.begin(), zeros_of_unit.end(), all[samples])) /
             static_cast<double>(row.units);
  if (has_slope) row.saturated = all[flat_outputs] / values;

  if (const std::optional<double> square = output_norms.mean_square()) row.output_gradient = std::sqrt(*square);
  std::optional<double> weight_gradient;
  for (const auto& parameter : parameters)
    if (const std::optional<double> square = parameter->norms().mean_square())
      weight_gradient = weight_gradient.value_or(0) + *square;
  if (weight_gradient) row.weight_gradient = std::sqrt(*weight_gradient);
  if (most_updates > 0 && !parameters.empty()) row.update_ratio = all[update_ratios] / most_updates;
  return row;
}

Diagnostics::Diagnostics(Layer& model) { watch("", model); }

Diagnostics::~Diagnostics() = default;

void Diagnostics::watch(const std::string& name, Layer& layer) {
  for (const auto& [inner, child] : layer.children()) watch(name.empty() ? inner : name + '.' + inner, *child);
  if (dynamic_cast<const Sequential*>(&layer)) return;
  watches_.push_back(std::make_shared<Watch>(name.empty() ? "(model)" : name));
  watches_.back()->layer = layer.describe();
  layer.add_observer([weak = std::weak_ptr(watches_.back())](const Layer& source, const Tensor& x, const Tensor& y) {
    const std::shared_ptr<Watch> watch = weak.lock();
    if (!watch) return false;
    watch->see(source, x, y);
    // A leaf would keep the hook and get another one in each call.
    if (y.requires_grad() && !y.is_leaf())
      Tensor(y).register_hook([weak](const Tensor& gradient) {
        if (const auto alive = weak.lock()) alive->output_norms.add(gradient);
        return Tensor();
      });
    return true;
  });
}

std::vector<LayerStatistics> Diagnostics::rows() const {
  double updates = 0;
  for (const auto& watch : watches_) {
    watch->look_at_parameters();
    if (const std::vector<double> all = watch->sums.values(); !all.empty())
      updates = std::max(updates, all[Watch::updates]);
  }
  std::vector<LayerStatistics> rows;
  for (const auto& watch : watches_) rows.push_back(watch->statistics(updates));
  return rows;
}

void Diagnostics::reset() {
  for (const auto& watch : watches_) watch->reset();
}

}  // namespace ramp

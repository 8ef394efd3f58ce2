#pragma once
// Eyes to see inside a network while it trains.

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ramp/layers/layer.h"

namespace ramp {

/// What one layer did since the last reset. No value where there is nothing to say: no gradient came by, no parameters, ...
struct LayerStatistics {
  std::string name;     ///< "3", "encoder.0"; "(model)" for the outermost
  std::string layer;    ///< describe(): "Dense(128, 10)"
  int64_t samples = 0;  ///< rows [n, ...] that went through
  int64_t units = 0;    ///< outputs of one sample

  std::optional<double> mean;       ///< of all outputs
  std::optional<double> deviation;  ///< their standard deviation
  std::optional<double>
      mean_square_ratio;        ///< mean square of the outputs over that of the inputs, so of the layer before
  std::optional<double> zeros;  ///< share of outputs that are exactly 0
  std::optional<double> dead;   ///< share of units that were 0 for every sample
  /// Share of outputs where an activation's slope is below 0.01 in size: a ReLU's zeros, the outputs of a sigmoid within
  /// 1 % of its ends. Only for layers that are a formula.
  std::optional<double> saturated;

  /// Norm of the loss's gradient by a batch of outputs, the root mean square over all calls of backward.
  std::optional<double> output_gradient;
  /// The same by the layer's own parameters, taken as one vector.
  std::optional<double> weight_gradient;
  /// |change| / |parameters| of an update, the mean over all updates.
  std::optional<double> update_ratio;
};

/// Watches every layer of a model while it lives:
///
///   Diagnostics diagnostics(model);
///   for (epoch ...) {
///     for (batch ...) { ... loss.backward(); sgd.step(); }
///     std::cout << diagnostics;
///     diagnostics.reset();
///   }
///
/// Whatever goes through the model counts, in training and in evaluation: reset() between the two keeps them apart. A
/// Sequential has no row, as its output is its last layer's; other layers with inner layers come after those. Updates are
/// seen as changes of the parameters from one forward to the next. Sums are gathered in double, on the model's device, and are
/// part of a captured step: a step that was captured before warms up and is captured again. Training gives the same bits, but
/// takes about twice as long; without Diagnostics a layer pays one comparison a call. The model may be moved, changed or
/// destroyed meanwhile.
class Diagnostics {
 public:
  explicit Diagnostics(Layer& model);
  ~Diagnostics();
  Diagnostics(const Diagnostics&) = delete;
  Diagnostics& operator=(const Diagnostics&) = delete;

  /// A row for each layer, in the order of their outputs.
  std::vector<LayerStatistics> rows() const;
  /// Starts all statistics anew: once a step, or once an epoch.
  void reset();

  /// The rows as a table of at most 100 columns, with the warnings below. operator<< prints it.
  std::string table() const;
  /// A line for each layer of which over half of the units are dead (a dead ReLU gets no gradient and never comes back; it
  /// takes hundreds of samples to tell one from a unit that is seldom active), and one for the first layer whose outputs
  /// are not finite.
  std::vector<std::string> warnings() const;

  /// The names of csv()'s columns, as a line.
  static std::string csv_header();
  /// The rows as lines of comma-separated values, `epoch` first; cells without a value are empty.
  std::string csv(int64_t epoch) const;

 private:
  struct Watch;
  void watch(const std::string& name, Layer& layer);
  std::vector<std::shared_ptr<Watch>> watches_;
};

std::ostream& operator<<(std::ostream& out, const Diagnostics& diagnostics);

}  // namespace ramp

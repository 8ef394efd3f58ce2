#pragma once
// Statistics of every layer of a network while it trains.

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ramp/layers/layer.h"

namespace ramp {

/// Statistics of one layer since the last reset. A field has no value if there is nothing to compute it from: no
/// gradient was seen, the layer has no parameters, ...
struct LayerStatistics {
  std::string name;     ///< "3", "encoder.0"; "(model)" for the outermost
  std::string layer;    ///< describe(): "Dense(128, 10)"
  int64_t samples = 0;  ///< rows of the outputs [n, ...]
  int64_t units = 0;    ///< outputs per sample

  std::optional<double> mean;       ///< of all outputs
  std::optional<double> deviation;  ///< their standard deviation
  std::optional<double>
      mean_square_ratio;        ///< mean square of the outputs over that of the inputs, the previous layer's outputs
  std::optional<double> zeros;  ///< share of outputs that are exactly 0
  std::optional<double> dead;   ///< share of units that were 0 for every sample
  /// Share of outputs at which the activation's slope is below 0.01 in magnitude: a ReLU's zeros, the outputs of a
  /// sigmoid within 1 % of its ends. Only for layers derived from Activation.
  std::optional<double> saturated;

  /// Norm of the loss's gradient with respect to a batch of outputs: the root mean square over all calls of backward.
  std::optional<double> output_gradient;
  /// The same with respect to the layer's own parameters, taken as one vector.
  std::optional<double> weight_gradient;
  /// |change| / |parameters| of an update: the mean over all updates.
  std::optional<double> update_ratio;
};

/// Collects statistics of every layer of a model for as long as this object lives:
///
///   Diagnostics diagnostics(model);
///   for (epoch ...) {
///     for (batch ...) { ... loss.backward(); sgd.step(); }
///     std::cout << diagnostics;
///     diagnostics.reset();
///   }
///
/// Every call of the model counts, in training and in evaluation; call reset() between the two to keep them apart. A
/// Sequential has no row, because its output is that of its last layer. The row of any other layer comes after those of
/// its inner layers. An update is a change of the parameters from one forward to the next. Sums are accumulated in
/// double, on the model's device, and are part of a captured step: a step that was captured before warms up and is
/// captured again. Training gives the same bits but takes about twice as long; without Diagnostics a layer pays one
/// comparison per call. The model may be moved, changed or destroyed in the meantime.
class Diagnostics {
 public:
  explicit Diagnostics(Layer& model);
  ~Diagnostics();
  Diagnostics(const Diagnostics&) = delete;
  Diagnostics& operator=(const Diagnostics&) = delete;

  /// A row for each layer, in the order of their outputs.
  std::vector<LayerStatistics> rows() const;
  /// Restarts all statistics. Call it once per step or once per epoch.
  void reset();

  /// The rows as a table of at most 100 columns, with the warnings below. operator<< prints it.
  std::string table() const;
  /// A line for each layer with more than half of its units dead (a dead ReLU gets no gradient and never recovers; it
  /// takes hundreds of samples to distinguish one from a unit that is rarely active), and one for the first layer whose
  /// outputs are not finite.
  std::vector<std::string> warnings() const;

  /// The header line of csv().
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

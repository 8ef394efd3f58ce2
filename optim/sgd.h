#pragma once

#include <limits>
#include <memory>
#include <vector>

#include "ramp/core/autograd/parameter.h"

namespace ramp::optim {

struct SGDOptions {
  double learning_rate = std::numeric_limits<double>::quiet_NaN();  ///< >= 0; required: NaN is refused
  double momentum = 0;                                              ///< in [0, 1)
  double dampening = 0;
  double weight_decay = 0;  ///< >= 0; not applied to parameters that opted out (biases and slopes may)
  bool nesterov = false;    ///< needs momentum > 0 and dampening 0
};

/// Parameters that share options.
struct ParameterGroup {
  std::vector<Parameter> parameters;
  SGDOptions options;
};

/// Stochastic gradient descent, PyTorch's update (Sutskever et al. 2013 fold the rate into v; the two differ when the
/// rate changes):
///
///   g <- gradient + weight_decay p;   v <- g at a parameter's first step, then momentum v + (1 - dampening) g
///   d <- g + momentum v with Nesterov, v with momentum, else g;   p <- p - learning_rate d
///
/// Construction lays parameters, gradients and velocities out in flat arenas of which the tensors become views, so that
/// a step is one pass. Parameters without a gradient are left alone.
class SGD {
 public:
  /// Throws Error for options outside their ranges, no parameters, a parameter given twice, or one that is no
  /// floating-point leaf that requires a gradient.
  SGD(const std::vector<Parameter>& parameters, const SGDOptions& options);
  explicit SGD(const std::vector<ParameterGroup>& groups);
  SGD(SGD&&) noexcept;  // and no copy: two optimizers would share one velocity
  SGD& operator=(SGD&&) noexcept;
  ~SGD();

  /// Forgets all gradients. Costs nothing: the next ones overwrite them.
  void zero_grad();
  /// Updates every parameter that has a gradient. Throws Error when a parameter was moved, or one of a layer assigned
  /// (`layer.weight = t`), since construction: make the optimizer after that. A tensor that is no layer's is trained itself,
  /// whatever is assigned to the variable that it came from.
  void step();

  /// The options of one group; set_options checks as the constructor does (a schedule sets the learning rate with it).
  const SGDOptions& options(size_t group = 0) const;
  void set_options(const SGDOptions& options, size_t group = 0);
  /// Sets the learning rate of every group.
  void set_learning_rate(double learning_rate);

 private:
  struct Slot;
  struct Arena;
  struct Group;
  void watch(CaptureListener& listener);
  /// Throws Error when this optimizer was moved away.
  void require_whole() const;
  std::vector<Group> groups_;
  std::shared_ptr<const void> life_ = std::make_shared<char>();  // a captured step watches it end
};

}  // namespace ramp::optim

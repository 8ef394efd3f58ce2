#pragma once

#include <limits>
#include <memory>
#include <vector>

#include "ramp/core/autograd/parameter.h"

namespace ramp::optim {

struct SGDOptions {
  double learning_rate = std::numeric_limits<double>::quiet_NaN();  ///< >= 0; required: NaN is rejected
  double momentum = 0;                                              ///< in [0, 1)
  double dampening = 0;
  double weight_decay = 0;  ///< >= 0; applied to parameters whose `decay` is true
  bool nesterov = false;    ///< needs momentum > 0 and dampening 0
};

/// Parameters that share options.
struct ParameterGroup {
  std::vector<Parameter> parameters;
  SGDOptions options;
};

/// Stochastic gradient descent with PyTorch's update (Sutskever et al. 2013 include the learning rate in v; the two
/// differ when the rate changes):
///
///   g <- gradient + weight_decay p;   v <- g at a parameter's first step, then momentum v + (1 - dampening) g
///   d <- g + momentum v with Nesterov, v with momentum, else g;   p <- p - learning_rate d
///
/// The constructor moves parameters, gradients and velocities into flat arenas, and the tensors become views of them,
/// so that a step is one pass. Parameters without a gradient are left unchanged.
class SGD {
 public:
  /// Throws Error for options outside their ranges, no parameters, a parameter given twice, or one that is not a
  /// floating-point leaf that requires a gradient.
  SGD(const std::vector<Parameter>& parameters, const SGDOptions& options);
  explicit SGD(const std::vector<ParameterGroup>& groups);
  SGD(SGD&&) noexcept;  // not copyable: two optimizers would share one velocity
  SGD& operator=(SGD&&) noexcept;
  ~SGD();

  /// Forgets all gradients. Costs nothing: the next ones overwrite them.
  void zero_grad();
  /// Updates every parameter that has a gradient. Throws Error if, since construction, a parameter was moved, or one of
  /// a layer was assigned (`layer.weight = t`): make the optimizer after such changes. A tensor that belongs to no
  /// layer keeps being trained, whatever is assigned to the variable that it came from.
  void step();

  /// The options of one group. set_options checks them as the constructor does; a schedule can set the learning rate
  /// with it.
  const SGDOptions& options(size_t group = 0) const;
  void set_options(const SGDOptions& options, size_t group = 0);
  /// Sets the learning rate of every group.
  void set_learning_rate(double learning_rate);

 private:
  struct Group;
  void watch(CaptureListener& listener);
  /// Throws Error if this optimizer was moved from.
  void require_whole() const;
  std::vector<Group> groups_;
  std::shared_ptr<const void> life_ = std::make_shared<char>();  // captured steps watch for its end
};

}  // namespace ramp::optim

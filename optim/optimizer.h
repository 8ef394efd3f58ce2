#pragma once
// What every optimizer does, whatever its update rule is.

#include <concepts>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ramp/core/autograd/map.h"
#include "ramp/core/autograd/parameter.h"
#include "ramp/core/formulas/updates.h"

namespace ramp::optim {

namespace detail {

/// An update rule with its options, for code that does not know its type.
class Rule {
 public:
  virtual ~Rule() = default;
  virtual const char* name() const = 0;
  virtual int states() const = 0;
  virtual const char* state_name(int i) const = 0;
  virtual double learning_rate() const = 0;
  virtual bool decays() const = 0;
  /// Throws Error unless the options are in their ranges.
  virtual void check() const = 0;
  virtual std::unique_ptr<Rule> with_learning_rate(double rate) const = 0;
  /// Whether both have the same options but for the learning rate.
  virtual bool same(const Rule& other) const = 0;
  /// One update; `decay` is false for parameters that want no weight decay.
  virtual void update(const UpdateArrays& x, bool decay) const = 0;
};

template <class F, class Loops>
class RuleOf : public Rule {
 public:
  explicit RuleOf(const F& f) : f_(f) {}
  const F& options() const { return f_; }
  const char* name() const override { return f_.name; }
  int states() const override { return f_.states(); }
  const char* state_name(int i) const override { return f_.state_names.at(static_cast<size_t>(i)); }
  double learning_rate() const override { return f_.learning_rate; }
  bool decays() const override {
    if constexpr (requires { f_.weight_decay; }) return f_.weight_decay != 0;
    else return false;
  }
  void check() const override { f_.check(); }
  std::unique_ptr<Rule> with_learning_rate(double rate) const override {
    F f = f_;
    f.learning_rate = rate;
    return std::make_unique<RuleOf>(f);
  }
  bool same(const Rule& other) const override {
    F f = static_cast<const RuleOf&>(other).f_;
    f.learning_rate = f_.learning_rate;
    return f == f_;
  }
  void update(const UpdateArrays& x, bool decay) const override {
    F f = f_;
    if constexpr (requires { f.weight_decay; })
      if (!decay) f.weight_decay = 0;
    if constexpr (std::convertible_to<F, UpdateRule>) {
      ramp::update(f, x);
    } else {
      check_update(f.name, f.states(), x);
      visit_floating(f.name, x.parameter.dtype(), [&](auto t) { Loops::template update<decltype(t)>(f, x); });
    }
  }

 private:
  F f_;
};

}  // namespace detail

/// Parameters that share options.
template <class Options>
struct ParameterGroup {
  std::vector<Parameter> parameters;
  Options options;
};

/// Updates parameters by a rule (core/formulas/updates.h). The constructor moves parameters, gradients and the rule's
/// state into flat arenas, and the tensors become views of them, so that a step is one pass. Parameters without a
/// gradient, as frozen ones are, stay as they are.
class Optimizer {
 public:
  Optimizer(Optimizer&&) noexcept;  // not copyable: two optimizers would share one state
  Optimizer& operator=(Optimizer&&) noexcept;
  virtual ~Optimizer();

  /// Forgets all gradients. Costs nothing: the next ones overwrite them.
  void zero_grad();
  /// Updates every parameter that has a gradient. Throws Error if, since construction, a parameter was moved, or one of
  /// a layer was assigned (`layer.weight = t`): make the optimizer after such changes. A tensor that belongs to no
  /// layer keeps being trained, whatever is assigned to the variable that it came from.
  void step();

  /// The number of parameter groups, at least 1.
  size_t groups() const;
  /// The learning rate of one group; set_learning_rate sets that of every group, or of one.
  double learning_rate(size_t group = 0) const;
  void set_learning_rate(double learning_rate);
  void set_learning_rate(double learning_rate, size_t group);

  /// Scales all gradients by max_norm / (norm + 1e-6) if their common 2-norm exceeds max_norm, as PyTorch's
  /// clip_grad_norm_ does, and returns that norm, float64 [] on the device of the first parameter. It has the same bits
  /// for any number of threads, and may be part of a captured step. Throws Error unless max_norm > 0 and finite.
  Tensor clip_grad_norm(double max_norm);
  /// Limits every gradient to [-limit, limit]. Throws Error unless limit > 0 and finite.
  void clip_grad_value(double limit);

  /// The state of each parameter by name, as views of the memory that updates change: "0.weight.momentum_buffer", of
  /// the parameter's shape, "0.weight.step", float64 [], and so on. A parameter without a name is called by its
  /// position among all.
  std::vector<std::pair<std::string, Tensor>> state() const;

 protected:
  using RuleGroup = std::pair<std::vector<Parameter>, std::unique_ptr<detail::Rule>>;
  /// Throws Error for options outside their ranges, no groups, no parameters, a parameter given twice, or one that is
  /// not a floating-point leaf.
  explicit Optimizer(std::vector<RuleGroup> groups);
  const detail::Rule& rule(size_t group) const;
  void set_rule(std::unique_ptr<detail::Rule> wanted, size_t group);

 private:
  struct Group;
  void watch(CaptureListener& listener);
  /// Throws Error if this optimizer was moved from.
  void require_whole() const;
  std::vector<Group> groups_;
  std::shared_ptr<const void> life_ = std::make_shared<char>();  // captured steps watch for its end
};

/// The optimizer of an update rule, whose struct holds the options. A rule of your own, in a .cpp file, runs on the
/// CPU; in a .cu file, with ramp/cuda/map.cuh, on every device:
///
///   struct SignSGD {  // Bernstein et al. 2018
///     double learning_rate = 1e-3;
///     static constexpr const char* name = "sign_sgd";
///     static constexpr std::array<const char*, 0> state_names = {};
///     int states() const { return 0; }
///     struct Factors { double rate; };
///     RAMP_HD Factors factors(double rate, double) const { return {rate}; }
///     template <class V>
///     RAMP_HD V operator()(V p, V g, V*, const Factors& k) const {
///       return p - math::select(g > V(0.0), V(k.rate), math::select(g < V(0.0), V(-k.rate), V(0.0)));
///     }
///     void check() const { formula::check_rate(name, "learning_rate", learning_rate); }
///     bool operator==(const SignSGD&) const = default;
///   };
///   optim::OptimizerOf<SignSGD> optimizer(model.parameters(), {.learning_rate = 1e-4});
template <class F, class Loops = ramp::detail::OwnLoops>
class OptimizerOf : public Optimizer {
 public:
  using Group = ParameterGroup<F>;
  OptimizerOf(const std::vector<Parameter>& parameters, const F& options)
      : OptimizerOf(std::vector<Group>{{parameters, options}}) {}
  explicit OptimizerOf(const std::vector<Group>& groups) : Optimizer(rules(groups)) {}

  /// The options of one group. set_options checks them as the constructor does.
  const F& options(size_t group = 0) const { return static_cast<const RuleOf&>(rule(group)).options(); }
  void set_options(const F& options, size_t group = 0) { set_rule(std::make_unique<RuleOf>(options), group); }

 private:
  using RuleOf = detail::RuleOf<F, Loops>;
  static std::vector<RuleGroup> rules(const std::vector<Group>& groups) {
    std::vector<RuleGroup> all;
    for (const Group& group : groups) all.emplace_back(group.parameters, std::make_unique<RuleOf>(group.options));
    return all;
  }
};

}  // namespace ramp::optim

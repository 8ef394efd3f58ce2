#include "ramp/optim/sgd.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>

#include "ramp/core/array_ops/array_ops.h"
#include "ramp/core/autograd/autograd.h"
#include "ramp/core/hooks.h"
#include "ramp/optim/arena.h"

namespace ramp::optim {
namespace {

void check(const SGDOptions& o) {
  const auto finite_from_0 = [](double x) { return std::isfinite(x) && x >= 0; };
  if (!finite_from_0(o.learning_rate)) fail("sgd", "expected a finite learning_rate >= 0, got ", o.learning_rate);
  if (!(o.momentum >= 0 && o.momentum < 1)) fail("sgd", "expected momentum in [0, 1), got ", o.momentum);
  if (!std::isfinite(o.dampening)) fail("sgd", "expected a finite dampening, got ", o.dampening);
  if (!finite_from_0(o.weight_decay)) fail("sgd", "expected a finite weight_decay >= 0, got ", o.weight_decay);
  for (const double x : {o.learning_rate, o.dampening, o.weight_decay})
    if (std::abs(x) > std::numeric_limits<float>::max())
      fail("sgd", "expected numbers that are finite in float32, got ", x);
  if (o.nesterov && o.momentum == 0) fail("sgd", "nesterov needs momentum > 0, got ", o.momentum);
  if (o.nesterov && o.dampening != 0) fail("sgd", "nesterov needs dampening 0, got ", o.dampening);
}

std::string title(const Parameter& parameter, size_t position) {
  return parameter.name.empty() ? "parameter " + std::to_string(position) : "parameter \"" + parameter.name + '"';
}

void check(const std::vector<ParameterGroup>& groups) {
  if (groups.empty()) fail("sgd", "expected at least one group of parameters, got none");
  std::set<const Node*> seen;
  for (const ParameterGroup& group : groups) {
    check(group.options);
    if (group.parameters.empty()) fail("sgd", "expected at least one parameter, got none");
    for (size_t i = 0; i < group.parameters.size(); ++i) {
      const Tensor& x = group.parameters[i].tensor;
      const std::string who = title(group.parameters[i], i);
      if (!x.defined()) fail("sgd", "expected defined tensors, got an undefined one for ", who);
      if (!is_floating(x.dtype())) fail("sgd", "expected float32 or float64, got ", x.dtype(), " for ", who);
      if (!x.requires_grad()) fail("sgd", "expected tensors that require a gradient, got none required by ", who);
      if (!x.is_leaf()) fail("sgd", "expected leaves, got the result of ", x.node()->op, " for ", who);
      if (!seen.insert(x.node().get()).second) fail("sgd", "expected every tensor once, got a second time ", who);
    }
  }
}

/// Updates the slots [first, last), which differ in nothing that the update depends on, as one range.
void update(Arena& arena, const SGDOptions& o, size_t first, size_t last, bool keeps_copy) {
  std::vector<Slot>& slots = arena.slots;
  const int64_t begin = slots[first].begin, n = slots[last - 1].end - begin;
  const Shape range = {n};
  const bool moving = o.momentum > 0;
  sgd_update({.learning_rate = arena.learning_rate.address<const double>(),
              .momentum = o.momentum,
              .dampening = o.dampening,
              .weight_decay = slots[first].decay ? o.weight_decay : 0,
              .nesterov = o.nesterov,
              .first = slots[first].fresh},
             arena.values.slice(begin, range), arena.gradients.slice(begin, range),
             moving ? arena.velocities.slice(begin, range) : Array(),
             keeps_copy ? arena.values_bfloat16.slice(begin, range) : Array());
  arena.values.slice(begin, range).note_write("sgd.step()");
  if (moving)
    for (size_t i = first; i < last; ++i) slots[i].fresh = false;
}

template <class Groups, class F>
void for_each_slot(Groups& groups, F f) {
  for (auto& group : groups)
    for (auto& arena : group.arenas)
      for (auto& slot : arena.slots) f(slot);
}

}  // namespace

struct SGD::Group {
  SGDOptions options;
  std::vector<Arena> arenas;

  void set(const SGDOptions& wanted) {
    check(wanted);
    stop_capture("sgd", "setting options cannot be part of a captured step");
    if (wanted.momentum > 0)
      for (Arena& arena : arenas)
        if (!arena.velocities.defined()) arena.velocities = full_array({arena.size()}, 0, arena.dtype, arena.device);
    if (wanted.learning_rate != options.learning_rate)
      for (Arena& arena : arenas) fill(arena.learning_rate, wanted.learning_rate);
    options = wanted;
  }

  /// Which velocities are not yet set. A step depends on this and on the options (on the learning rate only as a number
  /// in memory).
  std::vector<bool> fresh() const {
    std::vector<bool> all;
    for (const Arena& arena : arenas)
      for (const Slot& slot : arena.slots) all.push_back(slot.fresh);
    return all;
  }
  void set_fresh(const std::vector<bool>& fresh) {
    size_t i = 0;
    for (Arena& arena : arenas)
      for (Slot& slot : arena.slots) slot.fresh = fresh[i++];
  }
  bool would_do(const SGDOptions& o, const std::vector<bool>& fresh) const {
    if (std::tie(o.momentum, o.dampening, o.weight_decay, o.nesterov) !=
        std::tie(options.momentum, options.dampening, options.weight_decay, options.nesterov))
      return false;
    size_t i = 0;
    for (const Arena& arena : arenas)
      for (const Slot& slot : arena.slots)
        if (slot.fresh != fresh[i++]) return false;
    return true;
  }
};

SGD::SGD(SGD&&) noexcept = default;
SGD& SGD::operator=(SGD&&) noexcept = default;
SGD::~SGD() = default;

SGD::SGD(const std::vector<Parameter>& parameters, const SGDOptions& options)
    : SGD(std::vector<ParameterGroup>{{parameters, options}}) {}

SGD::SGD(const std::vector<ParameterGroup>& groups) {
  check(groups);
  for (const auto& [parameters, options] : groups) {
    Group& group = groups_.emplace_back();
    for (const bool decay : {true, false})
      for (size_t i = 0; i < parameters.size(); ++i) {
        const Tensor& x = parameters[i].tensor;
        if (parameters[i].decay != decay) continue;
        auto arena = std::find_if(group.arenas.begin(), group.arenas.end(),
                                  [&](const Arena& a) { return a.dtype == x.dtype() && a.device == x.device(); });
        if (arena == group.arenas.end())
          arena = group.arenas.insert(arena, Arena{x.dtype(), x.device(), {}, {}, {}, {}, {}, {}});
        arena->append(title(parameters[i], i), parameters[i]);
      }
    for (Arena& arena : group.arenas) arena.allocate();
    group.set(options);
  }
  // The tensors change only now, when all memory has been allocated.
  for_each_slot(groups_, [](Slot& slot) {
    slot.tensor().set_array(slot.value);
    slot.bind_gradient();
    slot.tensor().mark_parameter();
  });
}

void SGD::require_whole() const {
  if (groups_.empty()) fail("sgd", "the optimizer was moved away; use the one that it was moved into");
}

void SGD::zero_grad() {
  require_whole();
  for_each_slot(groups_, [](Slot& slot) { slot.tensor().zero_grad(); });
}

void SGD::step() {
  require_whole();
  for_each_slot(groups_, [](const Slot& slot) {
    const Tensor replacement = slot.replacement();
    if (!replacement.defined() && same_view(slot.held->value, slot.value)) return;
    const Tensor now = replacement.defined() ? replacement : slot.tensor();
    fail("sgd", slot.title, " was moved or replaced after the optimizer was made; change the model first, got ",
         now.dtype(), ' ', now.shape(), " on ", now.device(), " in other memory");
  });
  if (CaptureListener* listener = capturing()) watch(*listener);

  for (Group& group : groups_)
    for (Arena& arena : group.arenas) {
      std::vector<Slot>& slots = arena.slots;
      const bool keeps_copy = arena.keeps_copy();
      const auto joins = [&](const Slot& slot, const Slot& run) {
        return slot.has_gradient() && slot.fresh == run.fresh &&
               (slot.decay == run.decay || group.options.weight_decay == 0);
      };
      for (size_t first = 0, last; first < slots.size(); first = last) {
        last = first + 1;
        if (!slots[first].has_gradient()) continue;
        while (last < slots.size() && joins(slots[last], slots[first])) ++last;
        for (size_t i = first; i < last; ++i) slots[i].bind_gradient();
        update(arena, group.options, first, last, keeps_copy);
      }
      if (keeps_copy) arena.values.storage()->set_bfloat16_copy(arena.values_bfloat16.storage());
    }
}

void SGD::watch(CaptureListener& listener) {
  for (Group& group : groups_) {
    for (const Arena& arena : group.arenas)
      for (const Array& x :
           {arena.values, arena.gradients, arena.velocities, arena.learning_rate, arena.values_bfloat16})
        listener.hold(x);
    // The groups keep their addresses when the optimizer is moved.
    const std::vector<bool> fresh = group.fresh();
    listener.depend(life_, [&group, options = group.options, fresh] { return group.would_do(options, fresh); });
    listener.when_undone([&group, fresh] { group.set_fresh(fresh); });
    for (const Arena& arena : group.arenas)
      for (const Slot& slot : arena.slots) {
        slot.tensor().array();  // notifies the listener
        for (const std::weak_ptr<const Tensor>& variable : slot.variables)
          if (const auto alive = variable.lock()) listener.depend_on_variable(alive);
      }
  }
}

const SGDOptions& SGD::options(size_t group) const {
  require_whole();
  if (group >= groups_.size()) fail("sgd", "expected a group below ", groups_.size(), ", got ", group);
  return groups_[group].options;
}

void SGD::set_options(const SGDOptions& options, size_t group) {
  this->options(group);  // checks the group
  groups_[group].set(options);
}

void SGD::set_learning_rate(double learning_rate) {
  require_whole();
  for (Group& group : groups_) {
    SGDOptions options = group.options;
    options.learning_rate = learning_rate;
    group.set(options);
  }
}

}  // namespace ramp::optim

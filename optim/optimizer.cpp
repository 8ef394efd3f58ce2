#include "ramp/optim/optimizer.h"

#include <algorithm>

#include "ramp/core/array_ops/array_ops.h"
#include "ramp/core/autograd/autograd.h"
#include "ramp/core/hooks.h"
#include "ramp/optim/group.h"

namespace ramp::optim {
namespace {

std::string title(const Parameter& parameter, size_t position) {
  return parameter.name.empty() ? "parameter " + std::to_string(position) : "parameter \"" + parameter.name + '"';
}

template <class RuleGroups>
void check(const RuleGroups& groups) {
  if (groups.empty()) fail("optimizer", "expected at least one group of parameters, got none");
  std::vector<Tensor> seen;
  for (const auto& [parameters, rule] : groups) {
    rule->check();
    const char* op = rule->name();
    if (parameters.empty()) fail(op, "expected at least one parameter, got none");
    for (size_t i = 0; i < parameters.size(); ++i) {
      const Tensor& x = parameters[i].tensor;
      const std::string who = title(parameters[i], i);
      if (!x.defined()) fail(op, "expected defined tensors, got an undefined one for ", who);
      if (!is_floating(x.dtype())) fail(op, "expected float32 or float64, got ", x.dtype(), " for ", who);
      if (!x.is_leaf()) fail(op, "expected leaves, got the result of ", x.node()->op, " for ", who);
      if (std::any_of(seen.begin(), seen.end(), [&](const Tensor& other) { return other.is(x); }))
        fail(op, "expected every tensor once, got a second time ", who);
      seen.push_back(x);
    }
  }
}

template <class Groups, class F>
void for_each_slot(Groups& groups, F f) {
  for (auto& group : groups)
    for (auto& arena : group.arenas)
      for (auto& slot : arena.slots) f(slot);
}

}  // namespace

Optimizer::Optimizer(Optimizer&&) noexcept = default;
Optimizer& Optimizer::operator=(Optimizer&&) noexcept = default;
Optimizer::~Optimizer() = default;

Optimizer::Optimizer(std::vector<RuleGroup> groups) {
  check(groups);
  size_t position = 0;  // of a group's first parameter among all
  for (auto& [parameters, rule] : groups) {
    Group& group = groups_.emplace_back();
    for (const bool decay : {true, false})
      for (size_t i = 0; i < parameters.size(); ++i) {
        const Tensor& x = parameters[i].tensor;
        if (parameters[i].decay != decay) continue;
        auto arena = std::find_if(group.arenas.begin(), group.arenas.end(),
                                  [&](const Arena& a) { return a.dtype == x.dtype() && a.device == x.device(); });
        if (arena == group.arenas.end()) arena = group.arenas.insert(arena, Arena(x.dtype(), x.device()));
        arena->append(title(parameters[i], i), parameters[i], position + i);
      }
    for (Arena& arena : group.arenas) arena.allocate();
    group.set(std::move(rule));
    position += parameters.size();
  }
  // The tensors change only now, when all memory has been allocated.
  for_each_slot(groups_, [](Slot& slot) {
    slot.tensor().set_array(slot.value);
    if (slot.held->node) slot.bind_gradient();
    slot.tensor().mark_parameter();
  });
}

void Optimizer::require_whole() const {
  if (groups_.empty()) fail("optimizer", "it was moved away; use the one that it was moved into");
}

void Optimizer::zero_grad() {
  require_whole();
  for_each_slot(groups_, [](Slot& slot) { slot.tensor().zero_grad(); });
}

void Optimizer::step() {
  require_whole();
  for_each_slot(groups_, [&](const Slot& slot) {
    const Tensor replacement = slot.replacement();
    if (!replacement.defined() && same_view(slot.held->value, slot.value)) return;
    const Tensor now = replacement.defined() ? replacement : slot.tensor();
    fail(rule(0).name(), slot.title,
         " was moved or replaced after the optimizer was made; change the model first, got ", now.dtype(), ' ',
         now.shape(), " on ", now.device(), " in other memory");
  });
  if (CaptureListener* listener = capturing()) watch(*listener);

  for (Group& group : groups_)
    for (Arena& arena : group.arenas) {
      const bool keeps_copy = arena.keeps_copy();
      if (group.rule->states() > 0) arena.part_ages();
      const auto joins = [&](const Slot& slot, const Slot& first) {
        return slot.age == first.age && (slot.decay == first.decay || !group.rule->decays());
      };
      each_run(arena, joins, [&](size_t first, size_t last) {
        for (size_t i = first; i < last; ++i) arena.slots[i].bind_gradient();
        UpdateArrays x = arena.run(first, last, group.rule->states());
        if (keeps_copy) x.copy = arena.values_bfloat16.slice(arena.slots[first].begin, x.parameter.shape());
        group.rule->update(x, arena.slots[first].decay);
        x.parameter.note_write("optimizer.step()");
      });
      if (keeps_copy) arena.values.storage()->set_bfloat16_copy(arena.values_bfloat16.storage());
    }
}

void Optimizer::watch(CaptureListener& listener) {
  for (Group& group : groups_) {
    for (const Arena& arena : group.arenas) {
      for (const Array& x :
           {arena.values, arena.gradients, arena.learning_rate, arena.steps, arena.factors, arena.values_bfloat16})
        listener.hold(x);
      for (const Array& x : arena.states) listener.hold(x);
    }
    // The groups keep their addresses when the optimizer is moved. The learning rate is a number in memory.
    const std::vector<int> ages = group.ages();
    listener.depend(life_, [&group, rule = std::shared_ptr(group.rule->with_learning_rate(0)), ages] {
      return group.rule->same(*rule) && group.has_ages(ages);
    });
    listener.when_undone([&group, ages] { group.set_ages(ages); });
    for (const Arena& arena : group.arenas)
      for (const Slot& slot : arena.slots) {
        slot.tensor().array();  // notifies the listener
        for (const std::weak_ptr<const Tensor>& variable : slot.variables)
          if (const auto alive = variable.lock()) listener.depend_on_variable(alive);
      }
  }
}

const detail::Rule& Optimizer::rule(size_t group) const {
  require_whole();
  if (group >= groups_.size())
    fail(groups_[0].rule->name(), "expected a group below ", groups_.size(), ", got ", group);
  return *groups_[group].rule;
}

void Optimizer::set_rule(std::unique_ptr<detail::Rule> wanted, size_t group) {
  rule(group);  // checks the group
  groups_[group].set(std::move(wanted));
}

size_t Optimizer::groups() const {
  require_whole();
  return groups_.size();
}

double Optimizer::learning_rate(size_t group) const { return rule(group).learning_rate(); }

void Optimizer::set_learning_rate(double learning_rate, size_t group) {
  set_rule(rule(group).with_learning_rate(learning_rate), group);
}

void Optimizer::set_learning_rate(double learning_rate) {
  for (size_t group = 0; group < groups(); ++group) set_learning_rate(learning_rate, group);
}

std::vector<std::pair<std::string, Tensor>> Optimizer::state() const {
  require_whole();
  std::vector<std::pair<std::string, Tensor>> all;
  for (const Group& group : groups_)
    for (const Arena& arena : group.arenas)
      for (size_t row = 0; row < arena.slots.size(); ++row) {
        const Slot& slot = arena.slots[row];
        for (int i = 0; i < group.rule->states(); ++i)
          all.emplace_back(slot.name + '.' + group.rule->state_name(i),
                           Tensor(arena.states[static_cast<size_t>(i)].slice(slot.begin, slot.value.shape())));
        if (group.rule->states() > 0)
          all.emplace_back(slot.name + ".step", Tensor(arena.steps.slice(static_cast<int64_t>(row), {})));
      }
  return all;
}

}  // namespace ramp::optim

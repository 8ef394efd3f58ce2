#pragma once
// The parameters of an optimizer that share options. Private to optim/.

#include "ramp/core/array_ops/array_ops.h"
#include "ramp/core/hooks.h"
#include "ramp/optim/arena.h"
#include "ramp/optim/optimizer.h"

namespace ramp::optim {

struct Optimizer::Group {
  std::unique_ptr<detail::Rule> rule;
  std::vector<Arena> arenas;

  void set(std::unique_ptr<detail::Rule> wanted) {
    wanted->check();
    const char* op = wanted->name();
    stop_capture(op, "setting options cannot be part of a captured step");
    for (Arena& arena : arenas) {
      arena.make_states(wanted->states());
      if (!rule || wanted->learning_rate() != rule->learning_rate()) fill(arena.learning_rate, wanted->learning_rate());
    }
    rule = std::move(wanted);
  }

  std::vector<int> ages() const {
    std::vector<int> all;
    for (const Arena& arena : arenas)
      for (const Slot& slot : arena.slots) all.push_back(slot.age);
    return all;
  }
  /// Without a request for memory: each replay of a captured step asks.
  bool has_ages(const std::vector<int>& ages) const {
    size_t i = 0;
    for (const Arena& arena : arenas)
      for (const Slot& slot : arena.slots)
        if (slot.age != ages[i++]) return false;
    return true;
  }
  void set_ages(const std::vector<int>& ages) {
    size_t i = 0;
    for (Arena& arena : arenas)
      for (Slot& slot : arena.slots) slot.age = ages[i++];
  }
};

/// Calls f(first, last) for runs [first, last) of neighbouring slots that have gradients, as long as each slot joins
/// the first one.
template <class Joins, class F>
void each_run(const Arena& arena, Joins joins, F f) {
  const std::vector<Slot>& slots = arena.slots;
  for (size_t first = 0, last; first < slots.size(); first = last) {
    last = first + 1;
    if (!slots[first].has_gradient()) continue;
    while (last < slots.size() && slots[last].has_gradient() && joins(slots[last], slots[first])) ++last;
    f(first, last);
  }
}

}  // namespace ramp::optim

#include "ramp/optim/arena.h"

#include <algorithm>

#include "ramp/core/array_ops/array_ops.h"
#include "ramp/core/hooks.h"

namespace ramp::optim {

// In bytes. Every view begins as well aligned as a new array (256 bytes), for which products are planned, and so does
// its bfloat16 copy, at half the offset.
static constexpr int64_t alignment = 512;

bool same_view(const Array& a, const Array& b) {
  return a.defined() && a.storage() == b.storage() && a.address<const void>() == b.address<const void>() &&
         a.shape() == b.shape();
}

Tensor Slot::replacement() const {
  for (const std::weak_ptr<const Tensor>& variable : variables)
    if (const std::shared_ptr<const Tensor> now = variable.lock(); now && !held.holds(*now)) return *now;
  return {};
}

void Slot::bind_gradient() {
  Node& node = *held->node;
  if (same_view(node.grad, gradient)) return;
  if (node.has_grad) copy(node.grad, gradient);
  node.grad = gradient;
}

void Arena::append(std::string title, const Parameter& p, size_t position) {
  const int64_t unit = alignment / static_cast<int64_t>(size_of(dtype));
  const int64_t begin = size(), end = begin + (p.tensor.numel() + unit - 1) / unit * unit;
  slots.push_back({std::move(title),
                   p.name.empty() ? std::to_string(position) : p.name,
                   UncountedTensor(p.tensor),
                   p.variables,
                   p.decay,
                   begin,
                   end,
                   {},
                   {}});
}

void Arena::allocate() {
  values = full_array({size()}, 0, dtype, device);
  gradients = full_array({size()}, 0, dtype, device);
  const auto rows = static_cast<int64_t>(slots.size());
  learning_rate = Array({1}, float64, device);
  steps = full_array({rows}, 0, float64, device);
  factors = full_array({rows, max_factors}, 0, float64, device);
  for (Slot& slot : slots) {
    slot.value = values.slice(slot.begin, slot.held->value.shape());
    slot.gradient = gradients.slice(slot.begin, slot.held->value.shape());
    copy(slot.held->value, slot.value);
  }
}

void Arena::make_states(int count) {
  for (size_t i = 0; i < static_cast<size_t>(count); ++i)
    if (!states[i].defined()) states[i] = full_array({size()}, 0, dtype, device);
}

UpdateArrays Arena::run(size_t first, size_t last, int count) const {
  const int64_t begin = slots[first].begin, row = static_cast<int64_t>(first);
  const Shape range{slots[last - 1].end - begin};
  UpdateArrays x{.parameter = values.slice(begin, range),
                 .gradient = gradients.slice(begin, range),
                 .states = {},
                 .copy = {},
                 .learning_rate = learning_rate,
                 .steps = steps.slice(row, {static_cast<int64_t>(last - first)}),
                 .factors = factors.slice(row * max_factors, {max_factors})};
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) x.states[i] = states[i].slice(begin, range);
  return x;
}

void Arena::part_ages() {
  const auto has = [](const Slot& slot) { return slot.has_gradient(); };
  if (std::all_of(slots.begin(), slots.end(), has)) return;
  const int oldest_new = youngest + 1;
  for (Slot& slot : slots) {
    if (!has(slot) || slot.age >= oldest_new) continue;
    const int age = slot.age;
    if (std::none_of(slots.begin(), slots.end(), [&](const Slot& s) { return s.age == age && !has(s); })) continue;
    ++youngest;
    for (Slot& other : slots)
      if (other.age == age && has(other)) other.age = youngest;
  }
}

bool Arena::keeps_copy() {
  if (!rounds_to_bfloat16(values)) return false;
  if (!values_bfloat16.defined()) values_bfloat16 = Array({size()}, bfloat16, device);
  if (!values.storage()->bfloat16_copy()) {
    convert(values, values_bfloat16);
  } else if (CaptureListener* listener = capturing()) {
    listener->rely_on_bfloat16_copy(values);
  }
  return true;
}

}  // namespace ramp::optim

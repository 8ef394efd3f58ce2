#include "ramp/core/trace.h"

#include <algorithm>
#include <atomic>

#include "ramp/core/array_ops.h"
#include "ramp/core/autograd.h"

namespace ramp {

namespace {

std::atomic<uint64_t> traces_made{0};

bool same(const Array& a, const Array& b) {
  return a.storage() == b.storage() && a.dtype() == b.dtype() &&
         (!a.defined() || a.data<const void>() == b.data<const void>());
}

}  // namespace

Trace::Trace() : number_(++traces_made) {}

void Trace::see(const std::shared_ptr<Tensor::Impl>& tensor) {
  hold(tensor->value);
  if (tensor->birth.trace() == number_ || !positions_.emplace(tensor.get(), seen_.size()).second) return;
  const bool had_gradient = tensor->node && tensor->node->has_grad;
  seen_.push_back({tensor, tensor->value, tensor->node, had_gradient, had_gradient, {}});
}

void Trace::hold(const Array& x) {
  if (x.defined() && x.storage()->birth().trace() != number_) held_.try_emplace(x.storage());
}

void Trace::rely_on_rounded(const Array& parameters) {
  held_[parameters.storage()].before = parameters.storage()->rounded();
}

void Trace::draw(Generator& generator, RandomKey key) {
  if (generator.birth().trace() == number_)
    fail("generator", "a generator that is made in the step cannot be part of a captured step; keep it outside");
  auto draws = std::find_if(draws_.begin(), draws_.end(), [&](const Draws& d) { return d.generator == &generator; });
  if (draws == draws_.end()) draws = draws_.insert(draws, {&generator, key.ticket, 0});
  ++draws->count;
  order_.push_back({key, static_cast<size_t>(draws - draws_.begin()), false, key.ticket - draws->first});
}

void Trace::depend(const std::shared_ptr<const bool>& flag) { flags_.emplace_back(flag, *flag); }
void Trace::depend(const std::weak_ptr<const void>& owner, std::function<bool()> same) {
  conditions_.push_back({owner, std::move(same)});
}

bool Trace::close(std::span<const RandomKey> drawn) {
  for (const RandomKey& key : drawn) {
    // From behind: of two generators in the same state the one that was asked last is meant.
    const auto source = std::find_if(order_.rbegin(), order_.rend(), [&](const Draw& draw) {
      return draw.key.seed == key.seed && draw.key.ticket == key.ticket;
    });
    sources_.push_back(source != order_.rend() ? *source : Draw{key, 0, true, 0});
  }
  bool kept = true;
  for (Seen& s : seen_) {
    const bool only_ours = s.tensor.use_count() == 1;
    kept &= !only_ours && same(s.tensor->value, s.value) && s.tensor->node == s.node;
    if (!s.node) continue;
    s.has_gradient = s.node->has_grad;
    s.gradient = s.node->grad;
  }
  for (auto& [storage, rounded] : held_) rounded.after = storage->rounded();
  return kept;
}

void Trace::undo() {
  for (const Draws& d : draws_) d.generator->set_state(d.generator->seed(), d.first);
  for (const Seen& s : seen_)
    if (s.node) s.node->has_grad = s.had_gradient;
  for (auto& [storage, rounded] : held_) storage->set_rounded(nullptr);
}

bool Trace::same_objects() const {
  return std::none_of(conditions_.begin(), conditions_.end(), [](const Condition& c) { return c.owner.expired(); }) &&
         std::all_of(seen_.begin(), seen_.end(), [](const Seen& s) {
           return same(s.tensor->value, s.value) && s.tensor->node == s.node &&
                  (!s.node || same(s.node->grad, s.gradient));
         });
}

bool Trace::same_state() const {
  return std::all_of(flags_.begin(), flags_.end(), [](const auto& flag) { return *flag.first == flag.second; }) &&
         std::all_of(conditions_.begin(), conditions_.end(), [](const Condition& c) { return c.same(); }) &&
         std::all_of(seen_.begin(), seen_.end(),
                     [](const Seen& s) { return !s.node || s.node->has_grad == s.had_gradient; });
}

void Trace::present_keys(std::vector<RandomKey>& keys) const {
  keys.clear();
  for (const Draw& draw : sources_) {
    if (draw.fixed) {
      keys.push_back(draw.key);
    } else {
      const Generator& generator = *draws_[draw.draws].generator;
      keys.push_back({generator.seed(), generator.ticket() + draw.offset});
    }
  }
}

void Trace::prepare() const {
  for (const auto& [storage, rounded] : held_)
    if (rounded.before && storage->rounded() != rounded.before) {
      const int64_t n = storage->bytes() / 4;
      round_to_bfloat16(Array(storage, {n}, float32), Array(rounded.before, {n, 2}, uint8));
    }
}

void Trace::advance() {
  for (const Draws& d : draws_) d.generator->set_state(d.generator->seed(), d.generator->ticket() + d.count);
  for (const Seen& s : seen_)
    if (s.node) s.node->has_grad = s.has_gradient;
  for (const auto& [storage, rounded] : held_) storage->set_rounded(rounded.after);
}

}  // namespace ramp

#include "ramp/core/capture/trace.h"

#include <algorithm>
#include <atomic>

#include "ramp/core/array_ops/array_ops.h"
#include "ramp/core/autograd/node.h"

namespace ramp {

namespace {

std::atomic<uint64_t> traces_made{0};

bool same(const Array& a, const Array& b) {
  return a.storage() == b.storage() && a.dtype() == b.dtype() &&
         (!a.defined() || a.address<const void>() == b.address<const void>());
}

template <class A, class B>
bool same_owner(const A& a, const B& b) {
  return !a.owner_before(b) && !b.owner_before(a);
}

}  // namespace

Trace::Trace(StepRecorder& recorder) : CaptureListener(++traces_made, recorder.loops()), recorder_(recorder) {}

void Trace::stop(std::string reason) {
  if (stopped_) return;
  stopped_ = true;
  reason_ = std::move(reason);
  capture_state.listener = nullptr;
  try {
    recorder_.stop();
  } catch (...) {
    undo();
    throw;
  }
}

void Trace::see(const std::shared_ptr<TensorImpl>& tensor) {
  hold(tensor->value);
  if (tensor->node) hold(tensor->node->grad);
  if (tensor->capture_id.number() == number() || !positions_.emplace(tensor.get(), seen_.size()).second) return;
  const bool had_gradient = tensor->node && tensor->node->has_grad;
  seen_.push_back({UncountedTensor(tensor), tensor->value, tensor->node, had_gradient, had_gradient, {}});
}

void Trace::hold(const Array& x) {
  if (x.defined() && x.storage()->capture_id().number() != number())
    held_.try_emplace(x.storage(), Held{x.dtype(), nullptr, nullptr, x.storage()->writes()});
}

void Trace::rely_on_bfloat16_copy(const Array& parameters) {
  hold(parameters);
  held_.at(parameters.storage()).copy_before = parameters.storage()->bfloat16_copy();
}

void Trace::use_data(const Array& x) {
  if (x.device() == Device::cpu())
    stop(
        "[data] a loop of one's own over data() cannot be part of a captured step, for replays run no code of the "
        "program; use parallel_for() (core/cpu/parallel.h) or map() (core/autograd/map.h)");
}

void Trace::draw(Generator& generator, RandomKey key) {
  if (generator.capture_id().number() == number())
    return stop("[generator] a generator that is made in the step cannot be part of a captured step; keep it outside");
  auto draws = std::find_if(draws_.begin(), draws_.end(), [&](const Draws& d) { return d.generator == &generator; });
  if (draws == draws_.end()) draws = draws_.insert(draws, {&generator, key.ticket, 0});
  ++draws->count;
  order_.push_back({key, static_cast<size_t>(draws - draws_.begin()), false, key.ticket - draws->first});
}

void Trace::depend(const std::shared_ptr<const bool>& flag) { flags_.emplace_back(flag, *flag); }
void Trace::depend(const std::weak_ptr<const void>& owner, std::function<bool()> same) {
  conditions_.push_back({owner, std::move(same)});
}
void Trace::depend_forever(const std::weak_ptr<const void>& owner, std::function<bool()> same) {
  const auto of_owner = [&](const Condition& c) { return same_owner(c.owner, owner); };
  if (std::none_of(lasting_conditions_.begin(), lasting_conditions_.end(), of_owner))
    lasting_conditions_.push_back({owner, std::move(same)});
}
void Trace::depend_on_variable(const std::shared_ptr<const Tensor>& variable) {
  const auto known = [&](const Variable& v) { return same_owner(v.owner, variable); };
  if (std::none_of(variables_.begin(), variables_.end(), known))
    variables_.push_back({variable, variable.get(), UncountedTensor(*variable)});
}

bool Trace::close(std::span<const RandomKey> drawn) {
  for (const RandomKey& key : drawn) {
    // From behind: of two generators in the same state the one that was asked last is meant.
    const auto source = std::find_if(order_.rbegin(), order_.rend(), [&](const Draw& draw) {
      return draw.key.seed == key.seed && draw.key.ticket == key.ticket;
    });
    sources_.push_back(source != order_.rend() ? *source : Draw{key, 0, true, 0});
  }
  bool kept = same_variables();
  for (Seen& s : seen_) {
    kept &= s.tensor.reachable() && same(s.tensor->value, s.value) && s.tensor->node == s.node;
    if (!s.node) continue;
    s.has_gradient = s.node->has_grad;
    s.gradient = s.node->grad;
    s.hook_changes = s.node->hook_changes;
    hold(s.gradient);
  }
  for (auto& [storage, held] : held_) {
    held.copy_after = storage->bfloat16_copy();
    held.written = storage->written_since(held.writes);
  }
  return kept;
}

void Trace::undo() {
  for (const Draws& d : draws_) d.generator->set_state(d.generator->seed(), d.first);
  for (const Seen& s : seen_)
    if (s.node) s.node->has_grad = s.had_gradient;
  for (auto& [storage, held] : held_) storage->set_bfloat16_copy(nullptr);
  for (const auto& restore : restores_) restore();
}

bool Trace::same_variables() const {
  return std::all_of(variables_.begin(), variables_.end(),
                     [](const Variable& v) { return !v.owner.expired() && v.tensor.holds(*v.variable); });
}

bool Trace::same_objects() const {
  const auto there = [](const Condition& c) { return !c.owner.expired(); };
  return std::all_of(conditions_.begin(), conditions_.end(), there) &&
         std::all_of(lasting_conditions_.begin(), lasting_conditions_.end(),
                     [&](const Condition& c) { return there(c) && c.same(); }) &&
         same_variables() && std::all_of(seen_.begin(), seen_.end(), [](const Seen& s) {
           return s.tensor.reachable() && same(s.tensor->value, s.value) && s.tensor->node == s.node &&
                  (!s.node || (same(s.node->grad, s.gradient) && s.node->hook_changes == s.hook_changes));
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
  for (const auto& [storage, held] : held_)
    if (held.copy_before && storage->bfloat16_copy() != held.copy_before) {
      const int64_t n = storage->bytes() / 4;
      convert(Array(storage, {n}, float32), Array(held.copy_before, {n}, bfloat16));
    }
}

void Trace::advance_generators() {
  for (const Draws& d : draws_) d.generator->set_state(d.generator->seed(), d.generator->ticket() + d.count);
}

void Trace::advance() {
  advance_generators();
  for (const Seen& s : seen_)
    if (s.node) s.node->has_grad = s.has_gradient;
  for (const auto& [storage, held] : held_) {
    for (const Storage::Write& write : held.written) storage->note_write(write.begin, write.end, "a captured step");
    storage->set_bfloat16_copy(held.copy_after);
  }
}

bool Trace::changes(const Storage* storage, const Held& held) const {
  // bfloat16 copies follow from the numbers that they are copies of.
  const auto copied = [&](const auto& other) {
    return other.second.copy_before.get() == storage || other.second.copy_after.get() == storage;
  };
  return !held.written.empty() && std::none_of(held_.begin(), held_.end(), copied);
}

Trace::State Trace::state() const {
  State state;
  for (const auto& [storage, held] : held_) {
    if (!changes(storage.get(), held)) continue;
    const auto size = static_cast<int64_t>(size_of(held.dtype));
    state.arrays.push_back(clone(Array(storage, {storage->bytes() / size}, held.dtype)));
  }
  for (const Draws& d : draws_) state.tickets.push_back(d.generator->ticket());
  for (const Seen& s : seen_) state.has_gradient.push_back(s.node && s.node->has_grad);
  return state;
}

void Trace::restore(const State& state) const {
  size_t next = 0;
  for (const auto& [storage, held] : held_) {
    if (!changes(storage.get(), held)) continue;
    const Array& saved = state.arrays[next++];
    copy(saved, Array(storage, saved.shape(), saved.dtype()));
  }
  for (size_t i = 0; i < draws_.size(); ++i)
    draws_[i].generator->set_state(draws_[i].generator->seed(), state.tickets[i]);
  for (size_t i = 0; i < seen_.size(); ++i)
    if (seen_[i].node) seen_[i].node->has_grad = state.has_gradient[i];
}

}  // namespace ramp

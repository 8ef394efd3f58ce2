// Limits on gradients.

#include <cmath>

#include "ramp/optim/group.h"

namespace ramp::optim {

namespace {

void check_limit(const char* op, double limit) {
  if (!(std::isfinite(limit) && limit > 0)) fail(op, "expected a finite limit > 0, got ", limit);
}

/// Calls f for the gradients of every run of neighbouring parameters that have any.
template <class Groups, class F>
void each_gradient(Groups& groups, F f) {
  for (auto& group : groups)
    for (Arena& arena : group.arenas)
      each_run(
          arena, [](const Slot&, const Slot&) { return true; },
          [&](size_t first, size_t last) {
            for (size_t i = first; i < last; ++i) arena.slots[i].bind_gradient();
            const int64_t begin = arena.slots[first].begin;
            f(arena.gradients.slice(begin, {arena.slots[last - 1].end - begin}));
          });
}

}  // namespace

Tensor Optimizer::clip_grad_norm(double max_norm) {
  check_limit("clip_grad_norm", max_norm);
  require_whole();
  if (CaptureListener* listener = capturing()) watch(*listener);
  const Device device = groups_[0].arenas[0].device;
  Array total = full_array({}, 0, float64, device);
  each_gradient(groups_, [&](const Array& gradient) { total = total + to(sum_squares(gradient), device); });
  const Array norm = map(Unary(formula::Sqrt{}), total);
  const auto number = [&](double value) { return full_array({}, value, float64, device); };
  const Array ratio = number(max_norm) / (norm + number(1e-6));
  const Array factor = map(Binary(formula::Minimum{}), ratio, number(1));
  each_gradient(groups_, [&](const Array& gradient) {
    map_into(gradient, Binary(formula::Multiply{}), gradient, to(to(factor, gradient.dtype()), gradient.device()));
  });
  return Tensor(norm);
}

void Optimizer::clip_grad_value(double limit) {
  check_limit("clip_grad_value", limit);
  require_whole();
  if (CaptureListener* listener = capturing()) watch(*listener);
  each_gradient(groups_,
                [&](const Array& gradient) { map_into(gradient, Unary(formula::Clamp{-limit, limit}), gradient); });
}

}  // namespace ramp::optim

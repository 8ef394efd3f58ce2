#pragma once
// What diagnostics.cpp adds up: sums in double that stay on the model's device.

#include <optional>
#include <vector>

#include "ramp/core/array_ops/array_ops.h"
#include "ramp/core/autograd/tensor.h"

namespace ramp::diagnostics {

inline Array in_double(const Array& x) { return to(x, float64); }
/// The sum of all elements, [1].
inline Array total(const Array& x) { return sum(x.view(Shape{x.numel()}), 0); }
inline Array square_sum(const Array& x) {
  const Array values = in_double(x);
  return total(values * values);
}
inline Array number(double value, Device device) { return full_array({1}, value, float64, device); }

/// Sums in double, accumulated on a device without the host, so that replays of a captured step accumulate them too.
class Sums {
 public:
  Sums() = default;
  Sums(int64_t count, Device device) : sums_(full_array({count}, 0, float64, device)) {}
  bool on(Device device) const { return sums_.defined() && sums_.device() == device; }
  void move_to(Device device) { sums_ = to(sums_, device); }
  void add(int64_t i, const Array& value) { add_to(sums_.rows(i, i + 1), value); }
  void add(int64_t i, double value) { add(i, number(value, sums_.device())); }
  void clear() {
    if (sums_.defined()) fill(sums_, 0);
  }
  /// The sums on the host; empty if there are none yet.
  std::vector<double> values() const {
    return sums_.defined() ? Tensor(sums_).to_vector<double>() : std::vector<double>();
  }

 private:
  Array sums_;
};

/// The mean squared norm of gradients.
struct Norms {
  Norms() = default;
  explicit Norms(Device device) : sums(2, device) {}
  Sums sums;  // of the squared norms; the number of gradients
  void add(const Tensor& gradient) {
    if (!sums.on(gradient.device())) sums.move_to(gradient.device());
    sums.add(0, square_sum(gradient.array()));
    sums.add(1, 1);
  }
  /// No value without gradients.
  std::optional<double> mean_square() const {
    const std::vector<double> all = sums.values();
    return all[1] > 0 ? std::optional(all[0] / all[1]) : std::nullopt;
  }
};

}  // namespace ramp::diagnostics

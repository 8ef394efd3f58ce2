// Printing as in NumPy: all numbers of an array have the same number of decimals and are aligned at the right. In large
// arrays, long axes are abridged to three entries at either end.

#include <algorithm>
#include <cmath>
#include <ostream>
#include <string>

#include "ramp/core/array_ops/array_ops.h"
#include "ramp/core/autograd/tensor.h"
#include "ramp/core/text.h"

namespace ramp {

namespace {

constexpr int64_t abridge_above = 1000;  // elements
constexpr int64_t edge = 3;

std::string format(double x, int decimals) {
  if (std::isnan(x)) return "nan";  // without its sign
  return decimals < 0 ? format_number(x, std::chars_format::scientific, 4)
                      : format_number(x, std::chars_format::fixed, decimals);
}

struct Printer {
  std::ostream& out;
  Array x;  // on the CPU
  bool abridged;
  int decimals = 0;  // -1: exponents
  size_t width = 0;

  double value(int64_t i) const {
    return visit(x.dtype(), [&](auto t) { return static_cast<double>(x.data<const decltype(t)>()[i]); });
  }
  std::string text(int64_t i) const {
    if (is_integer(x.dtype())) return std::to_string(static_cast<int64_t>(value(i)));
    std::string s = format(value(i), decimals);
    if (decimals == 0 && std::isfinite(value(i))) s += '.';
    // Trailing zeros become blanks, so that the eye finds the digits that matter.
    if (decimals > 0)
      for (size_t at = s.size(); s[at - 1] == '0'; --at) s[at - 1] = ' ';
    return s;
  }

  /// Calls f(index) for the shown indices of an axis, and gap() where some are left out.
  template <class F, class Gap>
  void shown(int64_t n, F f, Gap gap) const {
    for (int64_t i = 0; i < n; ++i) {
      if (abridged && n > 2 * edge && i == edge) {
        gap();
        i = n - edge;
      }
      f(i);
    }
  }
  template <class F>
  void each(int axis, int64_t offset, F f) const {
    if (axis == x.rank()) return f(offset);
    shown(x.shape()[axis], [&](int64_t i) { each(axis + 1, offset * x.shape()[axis] + i, f); }, [] {});
  }

  /// Chooses as few decimals (up to four) as show every number, or exponents when the range is too wide for them.
  void choose_format() {
    double largest = 0, smallest = INFINITY;
    each(0, 0, [&](int64_t i) {
      const double a = std::abs(value(i));
      if (!std::isfinite(a)) return;
      largest = std::max(largest, a);
      if (a > 0) smallest = std::min(smallest, a);
      while (decimals < 4 && std::abs(std::round(value(i) * std::pow(10, decimals)) -
                                      value(i) * std::pow(10, decimals)) > 1e-6 * std::pow(10, decimals) * a)
        ++decimals;
    });
    if (largest >= 1e8 || (decimals > 0 && (smallest < 1e-4 || largest / smallest > 1e6))) decimals = -1;
    each(0, 0, [&](int64_t i) { width = std::max(width, text(i).size()); });
  }

  void print(int axis, int64_t offset) const {
    if (axis == x.rank()) {
      const std::string s = text(offset);
      out << std::string(width - s.size(), ' ') << s;
      return;
    }
    const int64_t n = x.shape()[axis];
    const bool innermost = axis == x.rank() - 1;
    const auto separate = [&] {
      if (innermost) out << ' ';
      else
        out << std::string(static_cast<size_t>(x.rank() - axis - 1), '\n')
            << std::string(static_cast<size_t>(axis + 1), ' ');
    };
    out << '[';
    shown(
        n,
        [&](int64_t i) {
          if (i > 0) separate();
          print(axis + 1, offset * n + i);
        },
        [&] {
          separate();
          out << "...";
        });
    out << ']';
  }
};

}  // namespace

std::ostream& operator<<(std::ostream& out, const Tensor& x) {
  if (!x.defined()) return out << "undefined";
  if (x.numel() == 0) return out << "[]";  // whatever the shape: its other axes may be long
  Printer printer{out, to_host("print", x.array()), x.numel() > abridge_above};
  printer.choose_format();
  printer.print(0, 0);
  return out;
}

}  // namespace ramp

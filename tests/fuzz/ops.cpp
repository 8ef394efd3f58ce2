// Fuzzes the operations on tensors. Random programs over all dtypes and ranks, with odd values and arguments that do
// not fit, are checked operation by operation against plain loops over doubles: which arguments are refused, shape,
// dtype and every element; then backward runs through them. Smaller float64 programs that stay away from kinks go
// through gradcheck.

#include <algorithm>
#include <functional>

#include "bytes.h"
#include "fuzz.h"
#include "ramp/ramp.h"

namespace {

using namespace ramp;
using fuzz::attempt;
using fuzz::Bytes;
using fuzz::found;
using fuzz::record;

using Sizes = std::vector<int64_t>;
constexpr int64_t most_elements = 100000;  // enough for work to be shared out among threads

Sizes sizes_of(const Tensor& x) { return {x.shape().begin(), x.shape().end()}; }
int64_t count(const Sizes& sizes) {
  int64_t n = 1;
  for (const int64_t size : sizes) n *= size;
  return n;
}
std::vector<double> values_of(const Tensor& x) {
  return visit(x.dtype(), [&](auto zero) {
    const auto values = x.to_vector<decltype(zero)>();
    return std::vector<double>(values.begin(), values.end());
  });
}

/// A formula of any kind, with parameters in its range.
template <class F>
F parameters(Bytes& in) {
  F f{};
  const double size = std::abs(in.moderate()) + 0.0625;
  if constexpr (requires { f.slope_at_zero; }) f.slope_at_zero = in.pick({1.0, 0.0, 0.5});
  if constexpr (requires { f.beta = size; }) f.beta = size;
  if constexpr (requires { f.cap = size; }) f.cap = size;
  if constexpr (requires { f.theta = size; }) f.theta = size;
  if constexpr (requires { f.alpha = size; }) f.alpha = size;
  if constexpr (requires { f.exponent = size; }) f.exponent = in.pick({size, -size, 2.0, 3.0, 0.5, 0.0, 1.0});
  if constexpr (requires { f.low = size; }) {
    f.low = in.moderate();
    f.high = f.low + size;
  }
  return f;
}
Unary unary(Bytes& in) {
#define MAKE(Struct, function) [](Bytes& in) { return Unary(parameters<formula::Struct>(in)); },
  static Unary (*const all[])(Bytes&) = {RAMP_ELEMENTARY(MAKE) RAMP_ACTIVATIONS(MAKE)};
#undef MAKE
  return all[in.below(std::size(all))](in);
}
Binary binary(Bytes& in) {
#define MAKE(Struct, function) [](Bytes& in) { return Binary(parameters<formula::Struct>(in)); },
  static Binary (*const all[])(Bytes&) = {RAMP_BINARY(MAKE)};
#undef MAKE
  return all[in.below(std::size(all))](in);
}

// ---- Plain loops ----------------------------------------------------------------------------------------------------

/// What an operation must give: each element with what it may be off by; NaN there leaves the element open.
struct Expected {
  Sizes sizes;
  DType dtype;
  std::vector<double> values, slack;

  void add(double value, double off = 0) {
    values.push_back(value);
    slack.push_back(off);
  }
};
constexpr double open = std::numeric_limits<double>::quiet_NaN();

double epsilon(DType dtype) { return dtype == float32 ? 0x1p-23 : dtype == float64 ? 0x1p-52 : 0; }
double largest(DType dtype) {
  return dtype == float32 ? std::numeric_limits<float>::max() : std::numeric_limits<double>::max();
}
/// What rounding `steps` times may cost a number of this size, tiny ones included.
double rounding(DType dtype, double size, double steps) {
  return steps * epsilon(dtype) * std::abs(size) + (dtype == float32 ? 1e-37 : dtype == float64 ? 1e-306 : 0);
}

bool agree(DType dtype, double got, double value, double slack) {
  if (slack != slack || got == value) return true;
  if (got != got || value != value) return got != got && value != value;
  const double edge = 0.999 * largest(dtype);  // where one may overflow and the other not
  if (is_floating(dtype) && std::abs(value) >= edge) return std::abs(got) >= edge && (got > 0) == (value > 0);
  return std::abs(got - value) <= slack;
}

/// The shape to which all broadcast, or nothing.
std::optional<Sizes> broadcast_all(std::initializer_list<Sizes> all) {
  Sizes out;
  for (const Sizes& sizes : all) {
    if (sizes.size() > out.size()) out.insert(out.begin(), sizes.size() - out.size(), 1);
    for (size_t i = 0; i < sizes.size(); ++i) {
      int64_t& to = out[out.size() - sizes.size() + i];
      if (to != sizes[i] && to != 1 && sizes[i] != 1) return std::nullopt;
      if (to == 1) to = sizes[i];
    }
  }
  return out;
}
bool too_large(std::initializer_list<Sizes> all) {
  const auto shape = broadcast_all(all);
  return shape && count(*shape) > most_elements;
}
/// Where element `flat` of the broadcast shape comes from.
size_t source(int64_t flat, const Sizes& broadcast, const Sizes& from) {
  int64_t at = 0, stride = 1;
  for (size_t i = 0; i < broadcast.size(); ++i) {
    const int64_t size = broadcast[broadcast.size() - 1 - i], coordinate = flat % size;
    flat /= size;
    if (i >= from.size()) continue;
    if (from[from.size() - 1 - i] != 1) at += coordinate * stride;
    stride *= from[from.size() - 1 - i];
  }
  return static_cast<size_t>(at);
}

/// f over the elements of tensors that broadcast; nothing where they do not.
template <class F>
std::optional<Expected> elementwise(DType dtype, std::initializer_list<Tensor> inputs, F f, double steps) {
  std::vector<Sizes> sizes;
  std::vector<std::vector<double>> values;
  for (const Tensor& x : inputs) {
    sizes.push_back(sizes_of(x));
    values.push_back(values_of(x));
  }
  const auto shape = inputs.size() == 1   ? sizes[0]
                     : inputs.size() == 2 ? broadcast_all({sizes[0], sizes[1]})
                                          : broadcast_all({sizes[0], sizes[1], sizes[2]});
  if (!shape) return std::nullopt;
  Expected out{*shape, dtype, {}, {}};
  for (int64_t i = 0; i < count(*shape); ++i) {
    double x[3] = {};
    for (size_t k = 0; k < values.size(); ++k) x[k] = values[k][source(i, *shape, sizes[k])];
    const double value = f(x);
    out.add(value, rounding(dtype, value, steps));
  }
  return out;
}

/// A sum of these terms in any order.
void add_sum(Expected& out, const std::vector<double>& terms, double factor = 1) {
  double total = 0, size = 0;
  bool any_nan = false;
  for (const double term : terms) {
    any_nan |= term != term;
    total += term;
    size += std::abs(term);
  }
  total *= factor, size *= std::abs(factor);
  if (any_nan) return out.add(total);
  const bool safe =
      size < 0.9 * largest(out.dtype) && size / std::min(1.0, std::abs(factor)) < 0.9 * largest(out.dtype);
  out.add(total, safe ? rounding(out.dtype, size, static_cast<double>(terms.size()) + 4) : open);
}

struct Axis {
  int64_t outer = 1, n = 1, inner = 1;
  size_t at(int64_t o, int64_t k, int64_t i) const { return static_cast<size_t>((o * n + k) * inner + i); }
};
/// An axis, sometimes one that is not there.
std::optional<Axis> axis_of(const Sizes& sizes, int& axis) {
  const int rank = static_cast<int>(sizes.size());
  if (axis < -rank || axis >= rank) return std::nullopt;
  if (axis < 0) axis += rank;
  Axis out;
  for (int i = 0; i < rank; ++i)
    (i < axis ? out.outer : i == axis ? out.n : out.inner) *= sizes[static_cast<size_t>(i)];
  return out;
}
Sizes reduced(Sizes sizes, int axis, bool keep) {
  if (keep) sizes[static_cast<size_t>(axis)] = 1;
  else sizes.erase(sizes.begin() + axis);
  return sizes;
}

/// Runs f, which must give what is expected or, where nothing is, throw an Error.
template <class F>
std::optional<Tensor> checked(const std::string& name, const std::optional<Expected>& expected, F f) {
  record() << name << '\n';
  std::optional<Tensor> got = attempt(f);
  if (got.has_value() != expected.has_value())
    found(name, got ? ": accepted what does not fit" : ": refused what fits");
  if (!got) return got;
  if (got->shape() != Shape(expected->sizes) || got->dtype() != expected->dtype)
    found(name, ": expected ", expected->dtype, ' ', Shape(expected->sizes), ", got ", got->dtype(), ' ', got->shape());
  const std::vector<double> values = values_of(*got);
  for (size_t i = 0; i < values.size(); ++i)
    if (!agree(expected->dtype, values[i], expected->values[i], expected->slack[i])) {
      record().precision(17);
      found(name, ", ", expected->dtype, ' ', got->shape(), ", element ", i, ": expected ", expected->values[i],
            " to within ", expected->slack[i], ", got ", values[i], ", a difference of ",
            values[i] - expected->values[i]);
    }
  return got;
}

// ---- Programs of any kind -------------------------------------------------------------------------------------------

class Program {
 public:
  explicit Program(Bytes& in) : in_(in) {}

  void run() {
    for (int64_t n = in_.between(1, 4); n > 0; --n) keep(leaf());
    for (int steps = 0; steps < 40 && elements_ < 4 * most_elements && !in_.empty(); ++steps) keep(operation());
    backward();
  }

 private:
  Bytes& in_;
  std::vector<Tensor> all_, leaves_;
  int64_t elements_ = 0;  // of all results, so that no program takes long

  void keep(const std::optional<Tensor>& x) {
    if (!x || x->numel() > most_elements) return;
    elements_ += x->numel();
    all_.push_back(*x);
  }
  const Tensor& any() { return in_.pick(all_); }
  /// Often one that fits: the same dtype as x.
  const Tensor& beside(const Tensor& x) {
    const Tensor* y = &any();
    for (int i = 0; i < 4 && y->dtype() != x.dtype(); ++i) y = &any();
    return *y;
  }

  Sizes sizes() {
    Sizes out(static_cast<size_t>(in_.chance(85) ? in_.below(4) : in_.below(9)));
    for (int64_t& size : out)
      size = in_.chance(90) ? in_.pick<int64_t>({1, 2, 3, 4}) : in_.pick<int64_t>({0, 5, 17, 67});
    while (count(out) > 4096) out.pop_back();
    if (in_.byte() == 255) out = {in_.between(1, 3), 30011};
    return out;
  }
  /// Values from bytes of their own, for a leaf may have more elements than the input has bytes.
  Tensor leaf() { return leaf(sizes(), in_.pick({float64, float64, float32, float32, int32, uint8})); }
  Tensor leaf(const Sizes& sizes, DType dtype) {
    uint32_t state = static_cast<uint32_t>(in_.below(1 << 16)) + 1;
    const bool odd = in_.chance(30);
    std::vector<double> values(static_cast<size_t>(count(sizes)));
    for (double& x : values) {
      uint8_t bytes[8];
      for (uint8_t& byte : bytes) byte = static_cast<uint8_t>((state = state * 1664525 + 1013904223) >> 24);
      Bytes own(bytes, sizeof bytes);
      x = odd ? own.number() : own.moderate();
    }
    Tensor x = from_vector(values, Shape(sizes)).to(dtype);
    if (is_floating(dtype) && in_.chance(60)) {
      x.set_requires_grad();
      leaves_.push_back(x);
    }
    record() << "leaf " << dtype << ' ' << x.shape() << (odd ? " of odd values\n" : "\n");
    return x;
  }

  std::optional<Tensor> operation() {
    switch (in_.below(18)) {
      case 0: return leaf();
      case 1:
      case 2: return map_one();
      case 3:
      case 4: return map_two();
      case 5: return with_number();
      case 6: return compared();
      case 7: return chosen();
      case 8: return moved();
      case 9: return gathered();
      case 10: return joined();
      case 11: return product();
      case 12: return reduced_sum();
      case 13: return largest_of();
      case 14: return soft();
      case 15: return converted();
      case 16: return dense_layer();
      default: return wide_activation();
    }
  }

  std::optional<Tensor> map_one() {
    const Tensor x = any();
    const Unary f = unary(in_);
    std::optional<Expected> expected;
    if (is_floating(x.dtype()))
      expected = elementwise(
          x.dtype(), {x}, [&](const double* v) { return std::visit([&](const auto& g) { return g(v[0]); }, f); },
          x.dtype() == float32 ? 100 : 4000);
    return checked(name(f), expected, [&] { return map(f, x); });
  }

  std::optional<Tensor> map_two() {
    const Tensor a = any(), b = beside(a);
    const Binary f = binary(in_);
    if (too_large({sizes_of(a), sizes_of(b)})) return std::nullopt;
    std::optional<Expected> expected;
    if (is_floating(a.dtype()) && a.dtype() == b.dtype())
      expected = elementwise(
          a.dtype(), {a, b},
          [&](const double* v) -> double {
            switch (f.index()) {
              case 0: return v[0] + v[1];
              case 1: return v[0] - v[1];
              case 2: return v[0] * v[1];
              case 3: return v[0] / v[1];
              case 4: return v[0] != v[0] || v[1] != v[1] ? open : std::max(v[0], v[1]);
              case 5: return v[0] != v[0] || v[1] != v[1] ? open : std::min(v[0], v[1]);
              default: return v[0] < 0 ? v[0] * v[1] : v[0];
            }
          },
          2);
    return checked(name(f), expected, [&] { return map(f, a, b); });
  }

  std::optional<Tensor> with_number() {
    const Tensor x = any();
    const double b = in_.moderate();
    const int64_t which = in_.below(8);
    std::optional<Expected> expected;
    if (is_floating(x.dtype()))
      expected = elementwise(
          x.dtype(), {x},
          [&](const double* v) {
            const double l = which < 4 ? v[0] : b, r = which < 4 ? b : v[0];
            return which % 4 == 0 ? l + r : which % 4 == 1 ? l - r : which % 4 == 2 ? l * r : l / r;
          },
          2);
    return checked("arithmetic with a number", expected, [&] {
      switch (which) {
        case 0: return x + b;
        case 1: return x - b;
        case 2: return x * b;
        case 3: return x / b;
        case 4: return b + x;
        case 5: return b - x;
        case 6: return b * x;
        default: return b / x;
      }
    });
  }

  std::optional<Tensor> compared() {
    const Tensor a = any(), b = beside(a);
    const int64_t relation = in_.below(6);
    if (too_large({sizes_of(a), sizes_of(b)})) return std::nullopt;
    const auto holds = [relation](const auto& x, const auto& y) {  // of numbers and of tensors
      switch (relation) {
        case 0: return x < y;
        case 1: return x <= y;
        case 2: return x > y;
        case 3: return x >= y;
        case 4: return x == y;
        default: return x != y;
      }
    };
    std::optional<Expected> expected;
    if (in_.chance(50)) {
      if (a.dtype() == b.dtype())
        expected = elementwise(uint8, {a, b}, [&](const double* v) { return holds(v[0], v[1]) ? 1.0 : 0.0; }, 0);
      return checked("comparison", expected, [&] { return holds(a, b); });
    }
    // With float32, the number as a float32.
    const double number = in_.number(), y = a.dtype() == float32 ? static_cast<float>(number) : number;
    if (!is_floating(a.dtype()) && (number != std::trunc(number) || !(number >= 0 && number <= 255)))
      record() << "with " << number << ", relation " << relation << '\n';
    expected = elementwise(uint8, {a}, [&](const double* v) { return holds(v[0], y) ? 1.0 : 0.0; }, 0);
    return checked("comparison with a number", expected, [&] { return holds(a, number); });
  }

  std::optional<Tensor> chosen() {
    const Tensor a = any(), b = beside(a), condition = any();
    if (too_large({sizes_of(a), sizes_of(b), sizes_of(condition)})) return std::nullopt;
    std::optional<Expected> expected;
    if (condition.dtype() == uint8 && a.dtype() == b.dtype())
      expected = elementwise(a.dtype(), {condition, a, b}, [](const double* v) { return v[0] != 0 ? v[1] : v[2]; }, 0);
    return checked("where", expected, [&] { return where(condition, a, b); });
  }

  std::optional<Tensor> moved() {
    const Tensor x = any();
    const Sizes from = sizes_of(x);
    const std::vector<double> values = values_of(x);
    Expected same{from, x.dtype(), values, std::vector<double>(values.size(), 0.0)};
    std::optional<Expected> expected;
    switch (in_.below(4)) {
      case 0: {
        Sizes to = in_.chance(30) ? sizes() : from;
        if (to.size() > 1 && in_.chance(50)) {
          const int64_t last = to.back();
          to.pop_back();
          to[static_cast<size_t>(in_.below(static_cast<int64_t>(to.size())))] *= last;
        }
        Sizes asked = to;
        std::optional<size_t> inferred;
        if (!to.empty() && in_.chance(30)) {
          inferred = static_cast<size_t>(in_.below(static_cast<int64_t>(to.size())));
          asked[*inferred] = to[*inferred] = -1;
          Sizes others = to;
          others.erase(others.begin() + static_cast<std::ptrdiff_t>(*inferred));
          const int64_t rest = count(others);
          if (rest > 0 && x.numel() % rest == 0) to[*inferred] = x.numel() / rest;
        }
        const bool fits = std::find(to.begin(), to.end(), -1) == to.end() && count(to) == x.numel();
        if (fits) {
          same.sizes = to;
          expected = same;
        }
        return checked("reshape", expected, [&] { return reshape(x, asked); });
      }
      case 1:
        if (!from.empty()) {
          same.sizes = from.size() == 2 ? from : Sizes{from[0], count({from.begin() + 1, from.end()})};
          expected = same;
        }
        return checked("flatten", expected, [&] { return flatten(x); });
      case 2:
        if (from.size() == 2) {
          Expected turned{{from[1], from[0]}, x.dtype(), {}, {}};
          for (int64_t j = 0; j < from[1]; ++j)
            for (int64_t i = 0; i < from[0]; ++i) turned.add(values[static_cast<size_t>(i * from[1] + j)]);
          expected = turned;
        }
        return checked("transpose", expected, [&] { return transpose(x); });
      default: {
        const int64_t begin = in_.between(-1, 5), end = begin + in_.between(-1, 4);
        if (!from.empty() && 0 <= begin && begin <= end && end <= from[0]) {
          Sizes some = from;
          some[0] = end - begin;
          const auto row = static_cast<std::ptrdiff_t>(count({from.begin() + 1, from.end()}));
          const std::vector<double> part(values.begin() + row * begin, values.begin() + row * end);
          expected = Expected{some, x.dtype(), part, std::vector<double>(part.size(), 0.0)};
        }
        return checked("rows", expected, [&] { return rows(x, begin, end); });
      }
    }
  }

  std::optional<Tensor> gathered() {
    const Tensor x = any();
    const Sizes from = sizes_of(x);
    std::vector<int32_t> index(static_cast<size_t>(in_.below(6)));
    bool fits = !from.empty();
    for (int32_t& i : index) {
      const int64_t n = from.empty() ? 3 : from[0];
      i = static_cast<int32_t>(in_.chance(97) && n > 0 ? in_.below(n) : in_.pick<int64_t>({-1, n, 1 << 30}));
      fits = fits && i >= 0 && i < n;
    }
    std::optional<Expected> expected;
    if (fits) {
      Sizes to = from;
      to[0] = static_cast<int64_t>(index.size());
      expected = Expected{to, x.dtype(), {}, {}};
      const std::vector<double> values = values_of(x);
      const int64_t row = count({from.begin() + 1, from.end()});
      for (const int32_t i : index)
        for (int64_t j = 0; j < row; ++j) expected->add(values[static_cast<size_t>(i * row + j)]);
    }
    const Tensor indices = from_vector(index, {static_cast<int64_t>(index.size())});
    return checked("gather", expected, [&] { return gather(x, indices); });
  }

  std::optional<Tensor> joined() {
    std::vector<Tensor> parts{any()};
    while (parts.size() < 4 && in_.chance(60)) parts.push_back(in_.chance(60) ? parts[0] : beside(parts[0]));
    int axis = static_cast<int>(in_.between(-3, 3));
    const int asked = axis;
    const Sizes first = sizes_of(parts[0]);
    std::optional<Expected> expected;
    if (const auto view = axis_of(first, axis)) {
      bool fits = true;
      Sizes to = first;
      int64_t n = 0;
      for (const Tensor& part : parts) {
        Sizes other = sizes_of(part);
        if (part.dtype() != parts[0].dtype() || other.size() != first.size()) {
          fits = false;
          break;
        }
        n += other[static_cast<size_t>(axis)];
        other[static_cast<size_t>(axis)] = first[static_cast<size_t>(axis)];
        fits &= other == first;
      }
      if (fits) {
        to[static_cast<size_t>(axis)] = n;
        expected = Expected{to, parts[0].dtype(), {}, {}};
        std::vector<std::vector<double>> values;
        for (const Tensor& part : parts) values.push_back(values_of(part));
        for (int64_t o = 0; o < view->outer; ++o)
          for (size_t k = 0; k < parts.size(); ++k) {
            const int64_t block = parts[k].size(axis) * view->inner;
            for (int64_t i = 0; i < block; ++i) expected->add(values[k][static_cast<size_t>(o * block + i)]);
          }
      }
    }
    return checked("concat", expected, [&] { return concat(parts, asked); });
  }

  std::optional<Tensor> product() {
    const Tensor a = any();
    Tensor b = beside(a);
    if (a.rank() == 2 && a.size(1) <= 4096 && is_floating(a.dtype()) && in_.chance(80))
      b = leaf({a.size(1), in_.chance(90) ? in_.between(1, 5) : in_.between(0, 40)}, a.dtype());
    // Of two matrices without elements the product may have very many.
    if (a.rank() == 2 && b.rank() == 2 &&
        static_cast<double>(a.size(0)) * static_cast<double>(b.size(1)) > static_cast<double>(most_elements))
      return std::nullopt;
    std::optional<Expected> expected;
    if (is_floating(a.dtype()) && a.dtype() == b.dtype() && a.rank() == 2 && b.rank() == 2 && a.size(1) == b.size(0)) {
      expected = Expected{{a.size(0), b.size(1)}, a.dtype(), {}, {}};
      const std::vector<double> x = values_of(a), y = values_of(b);
      const auto m = static_cast<size_t>(a.size(0)), k = static_cast<size_t>(a.size(1)),
                 n = static_cast<size_t>(b.size(1));
      for (size_t i = 0; i < m; ++i)
        for (size_t j = 0; j < n; ++j) {
          std::vector<double> terms;
          for (size_t l = 0; l < k; ++l) terms.push_back(x[i * k + l] * y[l * n + j]);
          add_sum(*expected, terms);
        }
    }
    return checked("matmul", expected, [&] { return matmul(a, b); });
  }

  std::optional<Tensor> reduced_sum() {
    const Tensor x = any();
    const std::vector<double> values = values_of(x);
    const bool averages = in_.chance(50), floating = is_floating(x.dtype());
    std::optional<Expected> expected;
    if (in_.chance(30)) {
      if (floating && !(averages && x.numel() == 0)) {
        expected = Expected{{}, x.dtype(), {}, {}};
        add_sum(*expected, values, averages ? 1.0 / static_cast<double>(x.numel()) : 1);
      }
      return checked(averages ? "mean" : "sum", expected, [&] { return averages ? mean(x) : sum(x); });
    }
    int axis = static_cast<int>(in_.between(-4, 4));
    const int asked = axis;
    const bool keep = in_.chance(50);
    const auto view = axis_of(sizes_of(x), axis);
    if (view && floating && !(averages && view->n == 0)) {
      expected = Expected{reduced(sizes_of(x), axis, keep), x.dtype(), {}, {}};
      for (int64_t o = 0; o < view->outer; ++o)
        for (int64_t i = 0; i < view->inner; ++i) {
          std::vector<double> terms;
          for (int64_t k = 0; k < view->n; ++k) terms.push_back(values[view->at(o, k, i)]);
          add_sum(*expected, terms, averages ? 1.0 / static_cast<double>(view->n) : 1);
        }
    }
    return checked(averages ? "mean over an axis" : "sum over an axis", expected,
                   [&] { return averages ? mean(x, asked, keep) : sum(x, asked, keep); });
  }

  std::optional<Tensor> largest_of() {
    const Tensor x = any();
    const std::vector<double> values = values_of(x);
    const bool position = in_.chance(50), whole = in_.chance(30), keep = in_.chance(50);
    int axis = static_cast<int>(in_.between(-4, 4));
    const int asked = axis;
    std::optional<Axis> view;
    if (whole) view = Axis{1, x.numel(), 1};
    else view = axis_of(sizes_of(x), axis);
    std::optional<Expected> expected;
    if (view && view->n > 0 && (position || is_floating(x.dtype()))) {
      expected = Expected{whole ? Sizes{} : reduced(sizes_of(x), axis, keep), position ? int32 : x.dtype(), {}, {}};
      for (int64_t o = 0; o < view->outer; ++o)
        for (int64_t i = 0; i < view->inner; ++i) {
          int64_t best = 0;
          for (int64_t k = 1; k < view->n; ++k) {
            const double a = values[view->at(o, k, i)], b = values[view->at(o, best, i)];
            if (b == b && (a > b || a != a)) best = k;
          }
          expected->add(position ? static_cast<double>(best) : values[view->at(o, best, i)]);
        }
    }
    return checked(position ? "argmax" : "max", expected, [&] {
      if (whole) return position ? argmax(x) : max(x);
      return position ? argmax(x, asked, keep) : max(x, asked, keep);
    });
  }

  std::optional<Tensor> soft() {
    const Tensor x = any();
    const std::vector<double> values = values_of(x);
    const bool logarithm = in_.chance(50);
    int axis = static_cast<int>(in_.between(-4, 3));
    const int asked = axis;
    const auto view = axis_of(sizes_of(x), axis);
    std::optional<Expected> expected;
    if (view && is_floating(x.dtype()) && view->n > 0) {
      expected = Expected{sizes_of(x), x.dtype(), values, std::vector<double>(values.size(), open)};
      for (int64_t o = 0; o < view->outer; ++o)
        for (int64_t i = 0; i < view->inner; ++i) {
          const double n = static_cast<double>(view->n) + 20;
          double top = -std::numeric_limits<double>::infinity(), total = 0;
          for (int64_t k = 0; k < view->n; ++k) top = std::max(top, values[view->at(o, k, i)]);
          for (int64_t k = 0; k < view->n; ++k) total += std::exp(values[view->at(o, k, i)] - top);
          for (int64_t k = 0; k < view->n && std::isfinite(total); ++k) {
            const double shifted = values[view->at(o, k, i)] - top;
            const double value = logarithm ? shifted - std::log(total) : std::exp(shifted) / total;
            expected->values[view->at(o, k, i)] = value;
            if (std::abs(top) < 0.4 * largest(x.dtype()) && std::isfinite(value))
              expected->slack[view->at(o, k, i)] =
                  epsilon(x.dtype()) * (logarithm ? 20 * (std::abs(shifted) + std::log(total)) + n
                                                  : value * (2 * std::abs(shifted) + n)) +
                  rounding(x.dtype(), 0, 0);
          }
        }
    } else if (view && is_floating(x.dtype())) {
      return std::nullopt;  // over nothing
    }
    return checked(logarithm ? "log_softmax" : "softmax", expected,
                   [&] { return logarithm ? log_softmax(x, asked) : softmax(x, asked); });
  }

  std::optional<Tensor> converted() {
    const Tensor x = any();
    const DType dtype = in_.pick({float64, float32, int32, uint8});
    Expected expected{sizes_of(x), dtype, values_of(x), {}};
    for (double& v : expected.values) {
      const double low = dtype == uint8 ? 0 : -2147483648.0, high = dtype == uint8 ? 255 : 2147483647;
      if (!is_floating(dtype)) v = v != v ? 0 : std::trunc(std::clamp(v, low, high));
      expected.slack.push_back(rounding(dtype, v, 1));
    }
    return checked("to(dtype)", expected, [&] { return x.to(dtype); });
  }

  /// As the parts it is made of.
  std::optional<Tensor> dense_layer() {
    const Tensor x = any();
    if (x.rank() != 2 || !is_floating(x.dtype()) || x.size(1) == 0 || x.size(1) > 4096) return std::nullopt;
    const int64_t out = in_.between(1, 9);
    const Tensor w = leaf({out, x.size(1)}, x.dtype()), b = in_.chance(70) ? leaf({out}, x.dtype()) : Tensor();
    const Tensor product = matmul(x, transpose(w));
    const Tensor z = b.defined() ? product + b : product;
    for (const Tensor& part : {x, w, product, z})  // where rounding may decide about an infinity
      for (const double v : values_of(part))
        if (!(std::abs(v) < 1e6)) return std::nullopt;
    const Tensor sizes = matmul(abs(x), abs(transpose(w)));
    const auto expected = [&](const Tensor& y, double slope) {
      Expected e{sizes_of(y), y.dtype(), values_of(y), {}};
      const std::vector<double> s = values_of(sizes);
      for (size_t i = 0; i < s.size(); ++i)
        e.slack.push_back(rounding(y.dtype(), slope * (s[i] + 8) + std::abs(e.values[i]), 50));
      return e;
    };
    if (in_.chance(30)) return checked("dense", expected(z, 1), [&] { return dense(x, w, b); });
    // Those that rounding cannot throw far: no jump, no pole.
    const Unary f = in_.pick<Unary>({formula::ReLU{}, formula::LeakyReLU{0.2}, formula::ELU{}, formula::GELU{},
                                     formula::SiLU{}, formula::Mish{}, formula::Sigmoid{}, formula::Tanh{},
                                     formula::Softplus{}, formula::HardSwish{}, formula::SELU{}});
    return checked(std::string("dense with ") + name(f), expected(map(f, z), 2), [&] { return dense(x, w, b, f); });
  }

  std::optional<Tensor> wide_activation() {
    const Tensor x = any();
    const std::vector<double> values = values_of(x);
    Sizes to = sizes_of(x);
    std::optional<Expected> expected;
    if (in_.chance(50)) {
      if (!to.empty() && is_floating(x.dtype())) {
        const auto n = static_cast<size_t>(to.back());
        to.back() *= 2;
        expected = Expected{to, x.dtype(), {}, {}};
        for (size_t at = 0; n > 0 && at < values.size(); at += n)
          for (const double sign : {1.0, -1.0})
            for (size_t i = 0; i < n; ++i) expected->add(sign * values[at + i] < 0 ? 0 : sign * values[at + i]);
      }
      return checked("crelu", expected, [&] { return crelu(x); });
    }
    const int64_t pieces = in_.between(1, 4);
    if (!to.empty() && is_floating(x.dtype()) && to.back() % pieces == 0) {
      to.back() /= pieces;
      expected = Expected{to, x.dtype(), {}, {}};
      for (size_t at = 0; at < values.size(); at += static_cast<size_t>(pieces)) {
        double best = values[at];
        for (size_t i = 1; i < static_cast<size_t>(pieces); ++i)
          if (best == best && !(values[at + i] <= best)) best = values[at + i];
        expected->add(best);
      }
    }
    return checked("maxout", expected, [&] { return maxout(x, pieces); });
  }

  /// From one of the results to the leaves, twice: gradients have the leaves' shapes, and the second walk doubles them.
  void backward() {
    const Tensor root = in_.chance(50) ? all_.back() : any();
    if (!root.requires_grad()) {
      if (attempt([&] { return root.backward(), 0; })) found("backward from a tensor that requires no gradient");
      return;
    }
    record() << "backward from " << root.shape() << '\n';
    const Tensor upstream = leaf(sizes_of(root), root.dtype()).detach();
    root.backward(upstream, {.retain_graph = true});
    std::vector<std::vector<double>> once;
    for (const Tensor& x : leaves_) {
      const Tensor g = x.grad();
      if (g.defined() && (g.shape() != x.shape() || g.dtype() != x.dtype()))
        found("the gradient of ", x.shape(), " is ", g.shape());
      once.push_back(g.defined() ? values_of(g) : std::vector<double>());
    }
    root.backward(upstream);
    for (size_t k = 0; k < leaves_.size(); ++k) {
      const Tensor g = leaves_[k].grad();
      if (g.defined() == once[k].empty() && leaves_[k].numel() > 0) found("only one of two walks reached leaf ", k);
      if (!g.defined()) continue;
      const std::vector<double> twice = values_of(g);
      double size = 0;
      for (const double v : once[k]) size = std::max(size, std::abs(v));
      if (!(size < 0.4 * largest(g.dtype()))) continue;
      for (size_t i = 0; i < twice.size(); ++i)
        if (!agree(g.dtype(), twice[i], 2 * once[k][i], rounding(g.dtype(), once[k][i], 4)))
          found("leaf ", k, ", element ", i, ": one walk gives ", once[k][i], ", two ", twice[i]);
    }
    if (!root.is_leaf() && attempt([&] { return root.backward(upstream), 0; })) found("a freed graph was walked again");
  }
};

// ---- Gradients ------------------------------------------------------------------------------------------------------

/// A float64 program of a few operations, each kept only where it is smooth for these inputs, through gradcheck.
class SmoothProgram {
 public:
  explicit SmoothProgram(Bytes& in) : in_(in) {}

  void run() {
    for (int64_t n = in_.between(1, 3); n > 0; --n) add_leaf();
    for (int tries = 0; tries < 16 && operations_.size() < 6 && !in_.empty(); ++tries) try_operation();
    if (operations_.empty()) return;
    try {
      gradcheck([&](const std::vector<Tensor>& leaves) { return evaluate(leaves).back(); }, leaves_,
                {.tolerance = 1e-6, .kinks = {}});
    } catch (const Error& error) {
      // The last result may depend on no leaf that wants a gradient.
      if (std::string(error.what()).find("requires no gradient") == std::string::npos) found(error.what());
    }
  }

 private:
  using Operation = std::function<Tensor(const std::vector<Tensor>&)>;
  Bytes& in_;
  std::vector<Tensor> leaves_, all_;
  std::vector<Operation> operations_;

  std::vector<Tensor> evaluate(const std::vector<Tensor>& leaves) const {
    std::vector<Tensor> all = leaves;
    for (const Operation& f : operations_) all.push_back(f(all));
    return all;
  }

  void add_leaf() {
    Sizes sizes(static_cast<size_t>(in_.below(4)));
    for (int64_t& size : sizes) size = in_.between(1, 3);
    std::vector<double> values(static_cast<size_t>(count(sizes)));
    for (size_t i = 0; i < values.size(); ++i) values[i] = in_.moderate() / 4 + 0.0137 * static_cast<double>(i + 1);
    all_.push_back(from_vector(values, Shape(sizes)));
    leaves_.push_back(all_.back().set_requires_grad());
    record() << "leaf " << all_.back().shape() << '\n';
  }

  static bool within(const Tensor& x, double low, double high) {
    const auto values = values_of(x);
    return std::all_of(values.begin(), values.end(), [&](double v) { return v >= low && v <= high; });
  }
  static bool away_from(const Tensor& x, double kink) {
    const auto values = values_of(x);
    return std::none_of(values.begin(), values.end(), [&](double v) { return std::abs(v - kink) < 1e-2; });
  }
  /// Whether the largest of each group along an axis is so by a margin.
  static bool clear_winners(const Tensor& x, int axis, int64_t group) {
    const auto values = values_of(x);
    const Axis view = *axis_of(sizes_of(x), axis);
    for (int64_t o = 0; o < view.outer; ++o)
      for (int64_t i = 0; i < view.inner; ++i)
        for (int64_t from = 0; from < view.n; from += group) {
          std::vector<double> some;
          for (int64_t k = from; k < from + group; ++k) some.push_back(values[view.at(o, k, i)]);
          std::sort(some.rbegin(), some.rend());
          if (some.size() > 1 && some[0] - some[1] < 1e-2) return false;
        }
    return true;
  }

  void try_operation() {
    const auto i = static_cast<size_t>(in_.below(static_cast<int64_t>(all_.size())));
    const auto j = static_cast<size_t>(in_.below(static_cast<int64_t>(all_.size())));
    const Tensor &a = all_[i], &b = all_[j];
    const int axis = a.rank() ? static_cast<int>(in_.below(a.rank())) : 0;
    const bool keep = in_.chance(50);
    std::string what;
    Operation f;
    switch (in_.below(13)) {
      case 0:
      case 1: {
        const Unary g = unary(in_);
        what = name(g);
        const bool positive = what == "log" || what == "sqrt" || what == "pow";
        if (positive && !within(a, 0.1, 20)) return;
        const bool smooth = std::visit(
            [&](const auto& s) {
              if constexpr (requires { s.kinks(); }) {
                const std::vector<double> kinks = s.kinks();
                return std::all_of(kinks.begin(), kinks.end(), [&](double kink) { return away_from(a, kink); });
              } else {
                return what != "squared_relu" && what != "celu" ? true : away_from(a, 0);
              }
            },
            g);
        if (!smooth) return;
        f = [=](const std::vector<Tensor>& x) { return map(g, x[i]); };
        break;
      }
      case 2:
      case 3: {
        const Binary g = binary(in_);
        what = name(g);
        if (!broadcast_all({sizes_of(a), sizes_of(b)})) return;
        if (what == "divide" && !away_from(b, 0)) return;
        if ((what == "maximum" || what == "minimum") && !away_from(a - b, 0)) return;
        if (what == "prelu" && !away_from(a, 0)) return;
        f = [=](const std::vector<Tensor>& x) { return map(g, x[i], x[j]); };
        break;
      }
      case 4:
        what = "matmul";
        if (a.rank() != 2 || b.rank() != 2) return;
        if (a.size(1) == b.size(0)) f = [=](const std::vector<Tensor>& x) { return matmul(x[i], x[j]); };
        else if (a.size(1) == b.size(1))
          f = [=](const std::vector<Tensor>& x) { return matmul(x[i], transpose(x[j])); };
        else return;
        break;
      case 5:
        what = "sum";
        if (a.rank() == 0 || keep) f = [=](const std::vector<Tensor>& x) { return sum(x[i]); };
        else f = [=](const std::vector<Tensor>& x) { return mean(x[i], axis, axis == 0); };
        break;
      case 6:
        what = "max";
        if (a.rank() == 0 || !clear_winners(a, axis, a.size(axis))) return;
        f = [=](const std::vector<Tensor>& x) { return max(x[i], axis, keep); };
        break;
      case 7:
        what = "softmax";
        if (a.rank() == 0) return;
        f = [=](const std::vector<Tensor>& x) { return keep ? softmax(x[i], axis) : log_softmax(x[i], axis); };
        break;
      case 8:
        what = "concat";
        if (a.rank() == 0) return;
        f = [=](const std::vector<Tensor>& x) { return concat({x[i], x[i]}, axis); };
        break;
      case 9: {
        what = "gather";
        if (a.rank() == 0) return;
        std::vector<int32_t> index(static_cast<size_t>(in_.between(1, 4)));
        for (int32_t& k : index) k = static_cast<int32_t>(in_.below(a.size(0)));
        const Tensor rows = from_vector(index, {static_cast<int64_t>(index.size())});
        f = [=](const std::vector<Tensor>& x) { return gather(x[i], rows); };
        break;
      }
      case 10: {
        what = "where";
        if (!broadcast_all({sizes_of(a), sizes_of(b)}) || !away_from(a, 0)) return;
        const Tensor condition = a.detach() > 0;
        f = [=](const std::vector<Tensor>& x) { return where(condition, x[i], x[j]); };
        break;
      }
      case 11:
        what = "movement";
        if (a.rank() == 2) f = [=](const std::vector<Tensor>& x) { return keep ? transpose(x[i]) : rows(x[i], 0, 1); };
        else f = [=](const std::vector<Tensor>& x) { return reshape(x[i], {-1, 1}); };
        break;
      default:
        what = "crelu and maxout";
        if (a.rank() == 0) return;
        if (keep) {
          if (!away_from(a, 0)) return;
          f = [=](const std::vector<Tensor>& x) { return crelu(x[i]); };
        } else {
          if (a.size(-1) != 2 || !clear_winners(a, -1, 2)) return;
          f = [=](const std::vector<Tensor>& x) { return maxout(x[i], 2); };
        }
    }
    const Tensor y = f(all_);
    if (y.numel() > 64 || !within(y, -20, 20)) return;
    record() << what << " of " << i << " (and " << j << "): " << y.shape() << '\n';
    all_.push_back(y);
    operations_.push_back(f);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  record().str("");
  Bytes in(data, size);
  if (in.chance(25)) SmoothProgram(in).run();
  else Program(in).run();
  return 0;
}

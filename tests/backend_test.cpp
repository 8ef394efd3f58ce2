// Every function of a backend, on every device, against plain loops.

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "error_of.h"
#include "on_devices.h"
#include "ramp/core/array/broadcast.h"
#include "ramp/core/autograd/create.h"
#include "ramp/core/autograd/ops.h"
#include "ramp/core/data/loader.h"
#include "ramp/core/random/philox.h"

namespace ramp {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

class Backend : public OnDevices {
 protected:
  /// From double values, on the device and of the dtype.
  Array array(const std::vector<double>& values, const Shape& shape) const {
    return from_vector(values, shape).to(dtype()).to(device()).array();
  }
  Array array(const std::vector<double>& values) const { return array(values, {static_cast<int64_t>(values.size())}); }
  Array indices(const std::vector<int32_t>& values) const {
    return from_vector(values, {static_cast<int64_t>(values.size())}, device()).array();
  }
  Array normal(const Shape& shape, uint64_t seed = 1) const {
    Generator generator(seed);
    return randn(shape, {.dtype = dtype(), .device = device()}, generator).array();
  }
  static std::vector<double> values(const Array& x) { return to_vector(x.dtype() == float64 ? x : to(x, float64)); }
  static std::vector<double> to_vector(const Array& x) { return Tensor(x).to_vector<double>(); }

  void expect_near(const Array& x, const std::vector<double>& expected, const std::string& what,
                   double slack = 1) const {
    const std::vector<double> got = values(x);
    ASSERT_EQ(got.size(), expected.size()) << what;
    EXPECT_EQ(x.device(), device()) << what;
    int shown = 0;
    for (size_t i = 0; i < got.size() && shown < 5; ++i) {
      const double e = expected[i];
      const bool same = std::isnan(e)   ? std::isnan(got[i])
                        : std::isinf(e) ? got[i] == e
                                        : std::abs(got[i] - e) <= slack * tolerance() * (1 + std::abs(e));
      EXPECT_TRUE(same) << what << " at " << i << ": expected " << e << ", got " << got[i];
      shown += !same;
    }
  }
  void expect_same(const Array& x, const std::vector<double>& expected, const std::string& what) const {
    expect_near(x, expected, what, 0);
  }

  /// Calls f(T{}) with the test's element type.
  template <class F>
  auto typed(F f) const {
    return visit_floating("test", dtype(), f);
  }
};
RAMP_ON_DEVICES(Backend);

/// Ordinary numbers, and those at which formulas go wrong; a count that no vector width divides.
std::vector<double> telling_values() {
  std::vector<double> values{0.0, -0.0, 1, -1, 6, -6, 0.5, -0.5, 3, -3, 1e-6, -1e-6, 20, -20, nan, infinity, -infinity};
  Generator generator(3);
  for (double x : randn({1024 - 3}, {.dtype = float64}, generator).to_vector<double>()) values.push_back(2 * x);
  return values;
}

std::vector<Unary> unary_formulas() {
  std::vector<Unary> all;
#define RAMP_DEFAULT(Struct, function) all.push_back(Unary(formula::Struct{}));
  RAMP_ELEMENTARY(RAMP_DEFAULT)
  RAMP_ACTIVATIONS(RAMP_DEFAULT)
#undef RAMP_DEFAULT
  for (double exponent : {0.0, 1.0, 2.0, 3.0, -1.0, 0.5, 2.5}) all.push_back(Unary(formula::Pow{exponent}));
  all.push_back(Unary(formula::Clamp{-1, 0.5}));
  all.push_back(Unary(formula::ReLU{.slope_at_zero = 0}));
  all.push_back(Unary(formula::LeakyReLU{.alpha = 0.2, .slope_at_zero = 0.2}));
  all.push_back(Unary(formula::LeakyReLU{.alpha = -1.5}));
  return all;
}
std::vector<Binary> binary_formulas() {
  std::vector<Binary> all;
#define RAMP_DEFAULT(Struct, function) all.push_back(Binary(formula::Struct{}));
  RAMP_BINARY(RAMP_DEFAULT)
#undef RAMP_DEFAULT
  return all;
}

// ---- Elementwise ----------------------------------------------------------------------------------------------------

TEST_P(Backend, MapsEveryFormula) {
  for (int64_t offset : {0, 1}) {  // 1: no vector load is aligned
    const Array all = array(telling_values());
    const int64_t n = all.numel() - offset;
    const Array x = all.slice(offset, {n});
    const std::vector<double> from = values(x);
    for (const Unary& f : unary_formulas()) {
      std::vector<double> y, slope;
      typed([&](auto t) {
        using T = decltype(t);
        std::visit(
            [&](const auto& f) {
              for (double value : from) {
                const T v = static_cast<T>(value);
                y.push_back(f(v));
                slope.push_back(T(1.5) * derivative(f, v, f(v)));
              }
            },
            f);
      });
      const Array result = map(f, x);
      expect_near(result, y, name(f));
      expect_near(map_gradient(f, x, result, full_array({n}, 1.5, dtype(), device())), slope,
                  std::string(name(f)) + "'");
    }
  }
}

TEST_P(Backend, MapsPairsThatBroadcast) {
  const std::pair<Shape, Shape> shapes[] = {
      {{7}, {7}},       {{1030}, {1030}},      {{1030}, {}},        {{}, {1030}},
      {{}, {}},         {{5, 7}, {7}},         {{7}, {5, 7}},       {{5, 7}, {5, 1}},
      {{5, 1}, {1, 7}}, {{3, 1, 4}, {2, 1}},   {{2, 3, 4}, {3, 1}}, {{2, 1, 4, 1}, {3, 1, 5}},
      {{0, 3}, {3}},    {{64, 128}, {64, 128}}};
  for (const auto& [sa, sb] : shapes) {
    const Array a = normal(sa, 1), b = normal(sb, 2);
    const Shape shape = broadcast("test", sa, sb);
    const std::vector<double> va = values(broadcast_to(a, shape)), vb = values(broadcast_to(b, shape));
    const Array upstream = normal(shape, 3);
    const std::vector<double> vg = values(upstream);
    for (const Binary& f : binary_formulas()) {
      const std::string what = std::string(name(f)) + ' ' + to_string(sa) + to_string(sb);
      std::vector<double> y, da, db;
      typed([&](auto t) {
        using T = decltype(t);
        std::visit(
            [&](const auto& f) {
              for (size_t i = 0; i < va.size(); ++i) {
                const T x = static_cast<T>(va[i]), z = static_cast<T>(vb[i]), g = static_cast<T>(vg[i]);
                y.push_back(f(x, z));
                da.push_back(g * partial<0>(f, x, z));
                db.push_back(g * partial<1>(f, x, z));
              }
            },
            f);
      });
      expect_near(map(f, a, b), y, what, 2);
      // Summed by the array function: compared where nothing is summed.
      if (sa == shape) expect_near(map_gradient(f, 0, a, b, upstream), da, what + " by a", 4);
      if (sb == shape) expect_near(map_gradient(f, 1, a, b, upstream), db, what + " by b", 4);
    }
  }
}

TEST_P(Backend, Broadcasts) {
  const Array x = array({1, 2, 3}, {3, 1});
  expect_same(broadcast_to(x, {2, 3, 2}), {1, 1, 2, 2, 3, 3, 1, 1, 2, 2, 3, 3}, "columns");
  expect_same(broadcast_to(array({4}, {}), {5}), {4, 4, 4, 4, 4}, "a scalar");
  const std::vector<int32_t> rows = Tensor(broadcast_to(indices({1, 2}), {2, 2})).to_vector<int32_t>();
  EXPECT_EQ(rows, (std::vector<int32_t>{1, 2, 1, 2}));
  std::vector<double> expected;
  const std::vector<double> row = values(normal({33}));
  for (int i = 0; i < 100; ++i) expected.insert(expected.end(), row.begin(), row.end());
  expect_same(broadcast_to(normal({33}), {100, 33}), expected, "rows");
}

TEST_P(Backend, Compares) {
  const std::vector<double> va{1, 2, 3, nan, -0.0}, vb{2, 2, 2, 1, 0.0};
  const Array a = array(va), b = array(vb);
  const auto check = [&](Compare relation, auto holds) {
    std::vector<double> expected;
    for (size_t i = 0; i < va.size(); ++i) expected.push_back(holds(va[i], vb[i]));
    expect_same(compare(relation, a, b), expected, "comparison");
  };
  check(Compare::less, [](double x, double y) { return x < y; });
  check(Compare::less_equal, [](double x, double y) { return x <= y; });
  check(Compare::greater, [](double x, double y) { return x > y; });
  check(Compare::greater_equal, [](double x, double y) { return x >= y; });
  check(Compare::equal, [](double x, double y) { return x == y; });
  check(Compare::not_equal, [](double x, double y) { return x != y; });
  expect_same(where(compare(Compare::less, a, b), a, b), {1, 2, 2, 1, 0}, "where");
}

TEST_P(Backend, FillsAndConverts) {
  for (int64_t n : {1, 3, 4, 1027})
    expect_same(full_array({n}, -2.5, dtype(), device()), std::vector<double>(static_cast<size_t>(n), -2.5), "fill");
  const Array x = array({2.9, -2.9, nan, infinity, -infinity, 300, -1, 0.5, 3e9, -3e9});
  constexpr double most = 2147483647.0, least = -2147483648.0;
  expect_same(to(x, int32), {2, -2, 0, most, least, 300, -1, 0, most, least}, "int32");
  expect_same(to(x, uint8), {2, 0, 0, 255, 0, 255, 0, 0, 255, 0}, "uint8");
  expect_same(to(to(array({0, 7, 255}), uint8), dtype()), {0, 7, 255}, "from uint8");
  expect_near(to(array({0.1, -1e30}), float32), {0.1f, -1e30f}, "float32");
}

// ---- Movement -------------------------------------------------------------------------------------------------------

TEST_P(Backend, CopiesToAndFro) {
  const std::vector<double> from = values(normal({1001}));
  const Array x = array(from);
  expect_same(clone(x), from, "clone");
  expect_same(to(to(x, Device::cpu()), device()), from, "there and back");
  Array out = full_array({1001}, 0, dtype(), device());
  copy(x.slice(1, {1000}), out.slice(0, {1000}));
  std::vector<double> shifted(from.begin() + 1, from.end());
  shifted.push_back(0);
  expect_same(out, shifted, "views");
  EXPECT_EQ(to(Array({0, 3}, dtype()), device()).numel(), 0);
}

TEST_P(Backend, JoinsAndCuts) {
  const Array a = array({1, 2, 3, 4, 5, 6}, {2, 3}), b = array({7, 8}, {2, 1});
  const Array parts[] = {a, b};
  expect_same(concat(parts, 1), {1, 2, 3, 7, 4, 5, 6, 8}, "concat");
  expect_same(narrow(a, 1, 1, 3), {2, 3, 5, 6}, "narrow columns");
  expect_same(narrow(a, 0, 1, 2), {4, 5, 6}, "narrow rows");
}

TEST_P(Backend, Transposes) {
  for (const auto& [m, n] : {std::pair{1, 5}, {5, 1}, {3, 7}, {32, 32}, {33, 65}, {257, 100}}) {
    const Array x = normal({m, n});
    const std::vector<double> from = values(x);
    std::vector<double> expected(from.size());
    for (int i = 0; i < m; ++i)
      for (int j = 0; j < n; ++j) expected[static_cast<size_t>(j * m + i)] = from[static_cast<size_t>(i * n + j)];
    expect_same(transpose(x), expected, "transpose");
  }
  EXPECT_EQ(transpose(normal({0, 3})).shape(), (Shape{3, 0}));
}

TEST_P(Backend, GathersAndScattersRows) {
  for (int64_t width : {1, 3, 4, 784}) {
    const Array x = normal({6, width});
    const std::vector<int32_t> at{5, 0, 0, 3, 5, 2, 2, 2};
    const std::vector<double> from = values(x);
    std::vector<double> picked, added(from.size(), 0.0);
    for (int32_t row : at)
      for (int64_t j = 0; j < width; ++j) picked.push_back(from[static_cast<size_t>(row * width + j)]);
    expect_same(gather(x, indices(at)), picked, "gather");
    for (size_t i = 0; i < at.size(); ++i)
      for (size_t j = 0; j < static_cast<size_t>(width); ++j)
        added[static_cast<size_t>(at[i] * width) + j] += picked[i * static_cast<size_t>(width) + j];
    expect_near(scatter_add(gather(x, indices(at)), indices(at), 6), added, "scatter_add");
  }
  std::vector<uint8_t> bytes(3 * 784);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i % 251);
  const Array images = from_vector(bytes, {3, 784}, device()).array();
  const std::vector<uint8_t> got = Tensor(gather(images, indices({2, 1}))).to_vector<uint8_t>();
  EXPECT_TRUE(std::equal(got.begin(), got.begin() + 784, bytes.begin() + 2 * 784));
  EXPECT_TRUE(std::equal(got.begin() + 784, got.end(), bytes.begin() + 784));
  EXPECT_EQ(gather(images, indices({})).shape(), (Shape{0, 784}));
}

TEST_P(Backend, RefusesIndicesOutOfRange) {
  const Array x = normal({4, 3});
  EXPECT_EQ(error_of([&] { gather(x, indices({0, 4, -1})); }),
            "[gather] indices must lie in [0, 4), got 4 at position 1");
  EXPECT_EQ(error_of([&] { gather(x, indices({0, 3, -1})); }),
            "[gather] indices must lie in [0, 4), got -1 at position 2");
  EXPECT_EQ(error_of([&] { gather(x, indices({3})); }), "no error") << "and stays usable";
}

TEST_P(Backend, ScattersAlongAnAxis) {
  const Array x = array({1, 2, 3, 4}, {2, 1, 2});
  const Array at = from_vector(std::vector<int32_t>{2, 0, 1, 1}, {2, 1, 2}, device()).array();
  expect_same(scatter_axis(x, at, 1, 3), {0, 2, 0, 0, 1, 0, 0, 0, 3, 4, 0, 0}, "scatter_axis");
}

// ---- Reductions and products ----------------------------------------------------------------------------------------

TEST_P(Backend, SumsOverAnyAxis) {
  const std::pair<Shape, int> cases[] = {{{1}, 0},         {{5, 3}, 1},      {{5, 3}, 0},    {{128, 10}, 0},
                                         {{4, 513}, 1},    {{100'003}, 0},   {{3, 8193}, 1}, {{1000, 33}, 0},
                                         {{3, 300, 5}, 1}, {{70'000, 2}, 0}, {{2, 3, 4}, 0}, {{2, 3, 4}, 2},
                                         {{65'536, 4}, 1}};
  for (const auto& [shape, axis] : cases) {
    const Array x = normal(shape);
    const auto [outer, n, inner] = around(axis, shape);
    const std::vector<double> from = values(x);
    std::vector<double> expected(static_cast<size_t>(outer * inner), 0.0), size(expected);
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < inner; ++j) {
          const double v = from[static_cast<size_t>((o * n + i) * inner + j)];
          expected[static_cast<size_t>(o * inner + j)] += v;
          size[static_cast<size_t>(o * inner + j)] += std::abs(v);
        }
    const std::string what = "sum " + to_string(shape) + " axis " + std::to_string(axis);
    const std::vector<double> got = values(sum(x, axis));
    for (size_t i = 0; i < got.size(); ++i)  // terms cancel: the error is relative to the sum of their sizes
      ASSERT_NEAR(got[i], expected[i], tolerance() * (1 + size[i])) << what << " at " << i;
    EXPECT_EQ(values(sum(x, axis)), got) << what << ": the same bits again";
  }
  expect_same(sum(normal({0, 3}), 0), {0, 0, 0}, "of nothing");
}

TEST_P(Backend, FindsTheFirstMaximumAndNan) {
  const Array x = array({1, 3, 3, 2, nan, 9, -1, -1, -5, nan, nan, 1}, {4, 3});
  const MaxResult rows = max(x, 1);
  expect_same(rows.values, {3, nan, -1, nan}, "max of rows");
  expect_same(rows.indices, {1, 1, 0, 0}, "position in rows");
  const MaxResult columns = max(x, 0);
  expect_same(columns.values, {nan, nan, 9}, "max of columns");
  expect_same(columns.indices, {3, 1, 1}, "position in columns");
  for (const auto& [shape, axis] : {std::pair{Shape{3, 1000}, 1}, {Shape{50'000}, 0}, {Shape{300, 7}, 0}}) {
    const Array big = map(Unary(formula::Clamp{-1, 1}), normal(shape));  // many equals
    const auto [outer, n, inner] = around(axis, shape);
    const std::vector<double> from = values(big);
    std::vector<double> top, at;
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t j = 0; j < inner; ++j) {
        int64_t best = 0;
        const auto value = [&, n = n, inner = inner](int64_t i) {
          return from[static_cast<size_t>((o * n + i) * inner + j)];
        };
        for (int64_t i = 1; i < n; ++i)
          if (value(i) > value(best)) best = i;
        top.push_back(value(best));
        at.push_back(static_cast<double>(best));
      }
    expect_same(max(big, axis).values, top, "max " + to_string(shape));
    expect_same(max(big, axis).indices, at, "argmax " + to_string(shape));
  }
}

TEST_P(Backend, MultipliesMatrices) {
  const int64_t sizes[][3] = {{1, 1, 1},       {3, 5, 7},     {16, 16, 16}, {33, 10, 129},
                              {128, 512, 784}, {1, 10, 1000}, {65, 1, 3},   {70, 300, 1}};
  for (const auto& [m, n, k] : sizes)
    for (bool ta : {false, true})
      for (bool tb : {false, true}) {
        const Array a = normal(ta ? Shape{k, m} : Shape{m, k}, 1), b = normal(tb ? Shape{n, k} : Shape{k, n}, 2);
        const std::vector<double> va = values(a), vb = values(b);
        const std::vector<double> got = values(matmul(a, b, {.transpose_a = ta, .transpose_b = tb}));
        for (int64_t i = 0; i < m; ++i)
          for (int64_t j = 0; j < n; ++j) {
            double expected = 0, size = 0;
            for (int64_t l = 0; l < k; ++l) {
              const double term = va[static_cast<size_t>(ta ? l * m + i : i * k + l)] *
                                  vb[static_cast<size_t>(tb ? j * k + l : l * n + j)];
              expected += term;
              size += std::abs(term);
            }
            ASSERT_NEAR(got[static_cast<size_t>(i * n + j)], expected, 0.3 * tolerance() * (1 + size))
                << m << 'x' << n << 'x' << k << ' ' << ta << tb << " at " << i << ", " << j;
          }
      }
  const Array all = normal({2 * 20 * 20 + 1});  // a view that no vector load fits
  const Array a = all.slice(1, {20, 20}), b = all.slice(401, {20, 20});
  expect_near(matmul(a, b), values(matmul(clone(a), clone(b))), "unaligned", 10);
  expect_same(matmul(normal({2, 0}), normal({0, 2})), {0, 0, 0, 0}, "an empty inner size");
}

// ---- Random numbers -------------------------------------------------------------------------------------------------

TEST_P(Backend, DrawsTheStreamsOwnBits) {
  const RandomKey key{0x0123456789abcdef, (uint64_t{7} << 32) + 5};
  for (int64_t n : {1, 2, 5, 1003}) {
    std::vector<double> uniform, mask;
    typed([&](auto t) {
      using T = decltype(t);
      for (int64_t i = 0; i < n; ++i) {
        using Block = UniformBlock<T>;
        const Block block{random_words(key, static_cast<uint64_t>(i / Block::size))};
        const T u = block[static_cast<int>(i % Block::size)];
        const T low = T(-0.3), span = static_cast<T>(0.9 - -0.3);
        volatile T product = span * u;  // rounded before the addition
        uniform.push_back(low + product);
        mask.push_back(u < T(0.7) ? T(1 / 0.7) : T(0));
      }
    });
    expect_same(uniform_array({n}, -0.3, 0.9, key, dtype(), device()), uniform, "uniform");
    expect_same(dropout_mask({n}, 0.7, key, dtype(), device()), mask, "dropout");
  }
}

TEST_P(Backend, LoadsBatches) {
  // Widths that the device reads in one piece, in several, and element by element.
  for (const int64_t width : {16, 784, 5})
    for (const DType stored : {dtype(), uint8, int32})
      for (const int64_t statistics : {int64_t{0}, int64_t{1}, width}) {
        const int64_t n = 40;
        Generator generator(3);
        const Tensor bytes = uniform({n, width}, 0, 256, {}, generator).to(uint8), inputs = bytes.to(stored);
        const Tensor targets = arange(n, {.dtype = int32});
        const std::vector<int32_t> rows = {7, 0, 39, 7, 12};
        const TensorOptions wide{.dtype = float64};
        const Tensor mean = uniform({statistics}, 20, 50, wide, generator);
        const Tensor stddev = uniform({statistics}, 60, 90, wide, generator);
        const auto m = mean.to_vector<double>(), s = stddev.to_vector<double>(),
                   x = bytes.to(float64).to_vector<double>();
        std::vector<double> expected;
        for (const int32_t row : rows)
          for (int64_t j = 0; j < width; ++j) {
            const double value = x[static_cast<size_t>(row * width + j)];
            const size_t k = statistics == 1 ? 0 : static_cast<size_t>(j);
            const double y = statistics == 0 ? value : (value - m[k]) / s[k];
            expected.push_back(stored == float64 ? y : static_cast<double>(static_cast<float>(y)));
          }
        const auto there = [&](const Tensor& tensor) { return to(tensor.array(), device()); };
        const auto load = [&](const std::vector<int32_t>& at) {
          return statistics == 0 ? load_batch(there(inputs), there(targets), indices(at))
                                 : load_batch(there(inputs), there(targets), indices(at), there(mean), there(stddev));
        };
        const auto [got, got_targets] = load(rows);
        EXPECT_EQ(got.shape(), (Shape{5, width}));
        EXPECT_EQ(got.dtype(), statistics == 0 ? stored : stored == float64 ? float64 : float32);
        expect_same(got, expected, "inputs");
        expect_same(got_targets, std::vector<double>(rows.begin(), rows.end()), "targets");

        const std::string error = error_of([&] { to_vector(to(load({1, 40}).y, float64)); });
        EXPECT_EQ(error, device().is_cuda()
                             ? "[capture] labels, targets, indices and rows must lie in their ranges and "
                               "a mean's weights not sum to 0, got a violation at "
                               "position 1, in a replayed step or a batch that was loaded"
                             : "[load_batch] rows must lie in [0, 40), got 40 at position 1");
      }
}

TEST_P(Backend, LoadsRowsOfOddBytes) {
  for (const int64_t width : {1, 3, 4, 8}) {
    const Tensor x = arange(12 * width), y = x + 100;
    const Shape shape{12, width};
    const auto part = [&](const Tensor& of) { return to(of.array(), device()).view(shape).rows(1, 12); };
    const auto [to_x, to_y] = load_batch(part(x.to(uint8)), part(y.to(uint8)), indices({10, 0}));
    std::vector<double> expected;
    for (const int64_t row : {11, 1})
      for (int64_t j = 0; j < width; ++j) expected.push_back(static_cast<double>(row * width + j));
    expect_same(to_x, expected, "x");
    for (double& value : expected) value += 100;
    expect_same(to_y, expected, "y");
  }
}

TEST_P(Backend, DeliversTheCpusBatches) {
  Generator generator(3);
  data::Dataset set{uniform({50, 12}, 0, 256, {}, generator).to(uint8), uniform({50}, 0, 10, {}, generator).to(int32)};
  const auto pass = [](const data::Dataset& from) {
    Generator order(9);
    std::vector<double> all;
    for (auto [inputs, targets] : data::Loader(from, {.batch_size = 16, .shuffle = true}, order))
      for (const Tensor& x : {inputs, targets})
        for (const double value : x.to(float64).to_vector<double>()) all.push_back(value);
    return all;
  };
  EXPECT_EQ(pass(set.to(device())), pass(set));
  set.standardization = data::Standardization(33, 78);
  EXPECT_EQ(pass(set.to(device())), pass(set));
  data::Dataset there = set.to(device());
  there.standardization = set.standardization;  // on another device than its set
  EXPECT_EQ(pass(there), pass(set));
  set.standardization = data::Standardization(set.inputs);
  EXPECT_EQ(pass(set.to(device())), pass(set));
}

// ---- Fused steps ----------------------------------------------------------------------------------------------------

TEST_P(Backend, RunsADenseLayerAndItsWayBack) {
  struct Case {
    int64_t n, in, out;
  };
  for (const auto& [n, in, out] :
       {Case{5, 3, 7}, {1, 1, 1}, {128, 20, 10}, {70, 9, 512}, {300, 2, 33}, {5000, 1, 36}, {3, 2, 0}, {0, 2, 4}})
    for (const bool biased : {true, false})
      for (const std::optional<Unary>& f :
           {std::optional<Unary>(), std::optional<Unary>(formula::ELU{}), std::optional<Unary>(formula::ReLU{})}) {
        const Array x = normal({n, in}, 3), w = normal({out, in}, 4), bias = biased ? normal({out}, 5) : Array();
        const std::string what =
            std::to_string(n) + 'x' + std::to_string(out) + (biased ? " biased " : " ") + (f ? name(*f) : "");
        // Beside the same steps taken one by one.
        Array z = matmul(x, w, {.transpose_b = true});
        if (biased) z = z + bias;
        const Array y = f ? map(*f, z) : z;
        const DenseResult result = dense(x, w, bias, f);
        expect_near(result.z, values(z), "z " + what);
        expect_near(result.y, values(y), "y " + what);

        const Array upstream = normal({n, out}, 6), sums = biased ? full_array({out}, nan, dtype(), device()) : Array();
        const Array gradient = f ? map_gradient(*f, result.z, result.y, upstream) : upstream;
        expect_near(dense_gradient(f, result, upstream, sums), values(gradient), "gradient " + what);
        if (biased) expect_near(sums, values(sum(gradient, 0)), "sums " + what);
      }
  EXPECT_EQ(error_of([&] { dense(normal({2, 3}), normal({4, 3}), normal({2}), {}); }),
            "[dense] expected bias [4], got [2]");
}

TEST_P(Backend, ComputesCrossEntropyAndItsGradient) {
  for (const auto& [n, classes] : {std::pair{5, 3}, {128, 10}, {7, 1}, {33, 100}, {3, 1500}, {20000, 2}})
    for (double smoothing : {0.0, 0.1})
      for (bool weighted : {false, true}) {
        const Array logits = normal({n, classes}) * 4.0;
        const std::vector<double> z = values(logits);
        std::vector<int32_t> labels;
        for (int i = 0; i < n; ++i) labels.push_back(i % 4 == 3 ? -100 : i * 7 % classes);
        std::vector<double> weights;
        for (int c = 0; c < classes; ++c) weights.push_back(weighted ? 0.5 + c % 3 : 1);
        const double scale = weighted ? 0.25 : 1;
        CrossEntropyStep step{.scale = scale, .label_smoothing = smoothing, .class_weights = {}, .ignore_index = -100};
        if (weighted) step.class_weights = array(weights);
        std::vector<double> losses, gradient;
        for (int i = 0; i < n; ++i) {
          const double* row = &z[static_cast<size_t>(i * classes)];
          const int32_t label = labels[static_cast<size_t>(i)];
          const double top = *std::max_element(row, row + classes);
          double total = 0, loss = 0, sum_t = 0;
          for (int c = 0; c < classes; ++c) total += std::exp(row[c] - top);
          std::vector<double> t;
          for (int c = 0; c < classes; ++c) {
            t.push_back(scale * weights[static_cast<size_t>(c)] *
                        ((c == label ? 1 - smoothing : 0) + smoothing / classes));
            loss += t.back() * (std::log(total) - (row[c] - top));
            sum_t += t.back();
          }
          losses.push_back(label == -100 ? 0 : loss);
          for (int c = 0; c < classes; ++c)
            gradient.push_back(label == -100 ? 0 : std::exp(row[c] - top) / total * sum_t - t[static_cast<size_t>(c)]);
        }
        const CrossEntropyResult result = cross_entropy(logits, indices(labels), step);
        const std::string what = std::to_string(n) + 'x' + std::to_string(classes);
        expect_near(result.losses, losses, "losses " + what);
        expect_near(result.gradient, gradient, "gradient " + what);
        expect_near(result.sum, {std::accumulate(losses.begin(), losses.end(), 0.0)}, "sum " + what);
      }
}

TEST_P(Backend, RefusesLabelsOutOfRange) {
  const Array logits = normal({3, 4});
  EXPECT_EQ(error_of([&] { cross_entropy(logits, indices({0, 4, -1}), {}); }),
            "[cross_entropy] labels must lie in [0, 4), got 4 at row 1");
  EXPECT_EQ(error_of([&] { cross_entropy(logits, indices({0, 1, 3}), {}); }), "no error");
}

TEST_P(Backend, PassesNanThroughCrossEntropy) {
  const CrossEntropyResult result = cross_entropy(array({1, nan, 2, 3}, {2, 2}), indices({0, 1}), {});
  const std::vector<double> losses = values(result.losses);
  EXPECT_TRUE(std::isnan(losses[0]));
  EXPECT_NEAR(losses[1], std::log1p(std::exp(-1)), tolerance());
}

/// One update of a rule, against the rule on doubles, one number at a time.
template <class F>
void expect_update(const F& f, DType dtype, Device device, double bound) {
  const int64_t n = 1003;
  const auto random = [&](uint64_t stream) {
    return to(to(uniform_array({n}, 0.1, 2, {7, stream}, float64, device), dtype), device);
  };
  UpdateArrays x{.parameter = random(1),
                 .gradient = random(2),
                 .states = {},
                 .copy = dtype == float32 ? Array({n}, bfloat16, device) : Array(),
                 .learning_rate = full_array({1}, 0.1, float64, device),
                 .steps = full_array({2}, 0, float64, device),
                 .factors = full_array({max_factors}, 0, float64, device)};
  const auto numbers = [](const Array& a) { return Tensor(to(a, float64)).to_vector<double>(); };
  std::vector<double> p = numbers(x.parameter), g = numbers(x.gradient);
  std::vector<double> states[max_states];
  for (int j = 0; j < f.states(); ++j) {
    x.states[j] = full_array({n}, 0, dtype, device);
    states[j].resize(n);
  }
  for (int step = 1; step <= 3; ++step) {
    update(f, x);
    for (int64_t i = 0; i < n; ++i) {
      double state[max_states] = {};
      for (int j = 0; j < f.states(); ++j) state[j] = states[j][i];
      p[i] = f(p[i], g[i], state, f.factors(0.1, f.states() > 0 ? step : 0));
      for (int j = 0; j < f.states(); ++j) states[j][i] = state[j];
    }
    const std::vector<double> got = numbers(x.parameter);
    for (int64_t i = 0; i < n; ++i) ASSERT_NEAR(got[i], p[i], bound) << f.name << " at step " << step << ", " << i;
    for (int j = 0; j < f.states(); ++j) {
      const std::vector<double> kept = numbers(x.states[j]);
      for (int64_t i = 0; i < n; ++i) ASSERT_NEAR(kept[i], states[j][i], bound) << f.name << ' ' << f.state_names[j];
    }
    EXPECT_EQ(numbers(x.steps), std::vector<double>(2, f.states() > 0 ? step : 0)) << f.name;
    if (x.copy.defined()) {
      EXPECT_EQ(numbers(x.copy), numbers(to(x.parameter, bfloat16))) << f.name;
    }
  }
}

TEST_P(Backend, UpdatesParameters) {
  const auto all = [&](const auto&... rules) {
    (expect_update(rules, dtype(), device(), dtype() == float32 ? 4e-6 : 1e-14), ...);
  };
  all(formula::SGD{}, formula::SGD{.weight_decay = 0.01},
      formula::SGD{.momentum = 0.9, .dampening = 0.3, .weight_decay = 0.01},
      formula::SGD{.momentum = 0.9, .weight_decay = 0.01, .nesterov = true}, formula::Adam{},
      formula::Adam{.beta1 = 0.5, .beta2 = 0.9, .weight_decay = 0.1, .amsgrad = true}, formula::AdamW{},
      formula::AdamW{.weight_decay = 0.2, .amsgrad = true});
}

// ---- Memory and devices ---------------------------------------------------------------------------------------------

TEST_P(Backend, ReusesItsMemory) {
  const auto work = [&] { return values(sum(normal({300, 40}) * normal({40}, 2), 0)); };
  work();
  const int64_t before = memory_stats(device()).system_allocations;
  for (int i = 0; i < 5; ++i) work();
  EXPECT_EQ(memory_stats(device()).system_allocations, before);
  release_cached_memory(device());
  EXPECT_EQ(memory_stats(device()).cached_bytes, 0);
  work();
}

TEST_P(Backend, KeepsDevicesApart) {
  if (!device().is_cuda()) GTEST_SKIP() << "one device";
  const Array here = normal({2, 2}), there = to(here, Device::cpu());
  EXPECT_EQ(error_of([&] { matmul(here, there); }), "[matmul] arguments must be on one device, got cuda:0 and cpu");
  EXPECT_EQ(error_of([&] { (void)(here + there); }), "[add] arguments must be on one device, got cuda:0 and cpu");
}

}  // namespace
}  // namespace ramp

// Every operation: its values, its gradient against central differences, what it refuses.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "error_of.h"
#include "ramp/ramp.h"

namespace ramp {
namespace {

using Inputs = std::vector<Tensor>;

/// Random float64 numbers that want a gradient.
Tensor wanting(const Shape& shape, double low = -2, double high = 2, uint64_t seed = 7) {
  Generator generator(seed);
  return uniform(shape, low, high, {.dtype = float64, .requires_grad = true}, generator);
}
std::vector<float> values(const Tensor& x) { return x.to_vector<float>(); }
using Floats = std::vector<float>;

// ---- Values ---------------------------------------------------------------------------------------------------------

TEST(Create, FromValuesAndRanges) {
  EXPECT_EQ(values(tensor({{1, 2}, {3, 4}})), (Floats{1, 2, 3, 4}));
  EXPECT_EQ(values(full({2}, 3)), (Floats{3, 3}));
  EXPECT_EQ(values(arange(1, 2, 0.5)), (Floats{1, 1.5}));
  EXPECT_EQ(values(arange(3, 0, -1)), (Floats{3, 2, 1}));
  EXPECT_EQ(arange(0).shape(), Shape{0});
  EXPECT_EQ(error_of([] { tensor({{1, 2}, {3}}); }), "[tensor] rows must be of one length, row 0 has 2, row 1 has 1");
  EXPECT_EQ(error_of([] { from_vector<float>({1, 2}, {3}); }), "[from_vector] shape [3] holds 3 values, got 2");
  EXPECT_EQ(error_of([] { arange(0, 1, -1); }), "[arange] step must lead from start to stop, got 0, 1, -1");
  EXPECT_THROW(arange(0, 1, NAN), Error);
  EXPECT_THROW(uniform({2}, 1, 0), Error);
  EXPECT_THROW(randn({2}, {.dtype = int32}), Error);
}

TEST(Ops, Arithmetic) {
  const Tensor a = tensor({{1, 2, 3}, {4, 5, 6}}), b = tensor({10, 20, 30});
  EXPECT_EQ(values(a + b), (Floats{11, 22, 33, 14, 25, 36}));
  EXPECT_EQ(values(b - a), (Floats{9, 18, 27, 6, 15, 24}));
  EXPECT_EQ(values(a * reshape(tensor({2, 3}), {2, 1})), (Floats{2, 4, 6, 12, 15, 18}));
  EXPECT_EQ(values(reshape(tensor({2, 3}), {2, 1}) + b), (Floats{12, 22, 32, 13, 23, 33}));
  EXPECT_EQ(values(1.0 / tensor({2, 4})), (Floats{0.5, 0.25}));
  EXPECT_EQ(values(2 * a - 1)[5], 11);
  EXPECT_EQ(values(maximum(tensor({1, 5, NAN}), tensor({3, 2, 1})))[1], 5);
  EXPECT_TRUE(std::isnan(values(maximum(tensor({NAN, 1}), tensor({3, 2})))[0]));
  EXPECT_TRUE(std::isnan(values(minimum(tensor({1}), tensor({NAN})))[0]));
  EXPECT_EQ(values(minimum(tensor({INFINITY}), tensor({INFINITY})))[0], INFINITY);
  EXPECT_EQ(values(pow(tensor({2, 3}), 2)), (Floats{4, 9}));
  EXPECT_EQ(values(clamp(tensor({-1, 0.5, 3}), 0, 1)), (Floats{0, 0.5, 1}));
  EXPECT_EQ(values(pow(tensor({2, 3}))), (Floats{2, 3}));
  EXPECT_EQ(values(clamp(tensor({-1, 3}))), (Floats{-1, 3}));
  EXPECT_EQ(values(-square(tensor({3}))), Floats{-9});
}

TEST(Ops, BroadcastingAgreesWithPlainLoops) {
  Generator generator(3);
  for (const auto& [sa, sb] : std::vector<std::pair<Shape, Shape>>{{{2, 3, 4}, {4}},
                                                                   {{2, 1, 4}, {3, 1}},
                                                                   {{1}, {2, 2}},
                                                                   {{5, 1, 1}, {1, 7, 37}},
                                                                   {{3, 1, 5}, {1, 4, 1}},
                                                                   {{0, 3}, {3}}}) {
    const Tensor a = randn(sa, {.dtype = float64}, generator), b = randn(sb, {.dtype = float64}, generator);
    const auto x = a.to_vector<double>(), y = b.to_vector<double>();
    const Tensor out = a * b;
    const auto got = out.to_vector<double>();
    const auto offset = [&](const Shape& s, int64_t flat) {  // of the element of s that meets out's flat element
      int64_t at = 0, span = 1;
      for (int axis = out.rank() - 1; axis >= 0; --axis) {
        const int64_t index = flat % out.size(axis);
        flat /= out.size(axis);
        const int own = axis - (out.rank() - s.rank());
        if (own < 0) continue;
        if (s[own] != 1) at += index * span;
        span *= s[own];
      }
      return static_cast<size_t>(at);
    };
    for (size_t i = 0; i < got.size(); ++i)
      EXPECT_EQ(got[i], x[offset(sa, static_cast<int64_t>(i))] * y[offset(sb, static_cast<int64_t>(i))]);
  }
}

TEST(Ops, Comparisons) {
  const Tensor a = tensor({1, 2, NAN}), b = tensor({2, 2, 2});
  using Bytes = std::vector<uint8_t>;
  EXPECT_EQ((a < b).to_vector<uint8_t>(), (Bytes{1, 0, 0}));
  EXPECT_EQ((a >= 2).to_vector<uint8_t>(), (Bytes{0, 1, 0}));
  EXPECT_EQ((a != b).to_vector<uint8_t>(), (Bytes{1, 0, 1}));
  EXPECT_EQ((a == a).to_vector<uint8_t>(), (Bytes{1, 1, 0}));
  EXPECT_EQ(values(where(a < b, a, -b)), (Floats{1, -2, -2}));
  EXPECT_EQ(error_of([&] { where(a, a, b); }), "[where] the condition must be uint8, got float32");
  EXPECT_EQ(error_of([&] { (void)(a < b.to(int32)); }), "[compare] dtypes must agree, got float32 and int32");
}

TEST(Ops, IntegersAreComparedWithNumbersExactly) {
  const double numbers[] = {2,     2.5,    -1,       -0.5,      0,          -0.0,        5e-324,       254.5,
                            255,   255.5,  256,      300,       2147483647, 2147483648., -2147483648., -2147483648.5,
                            1e300, -1e300, INFINITY, -INFINITY, NAN};
  for (const Device device : devices()) {
    const auto check = [&](const auto& elements) {
      const Tensor x = from_vector(elements, {static_cast<int64_t>(elements.size())}, device);
      for (const double number : numbers) {
        const auto expect = [&](const Tensor& got, auto holds, const char* relation) {
          std::vector<uint8_t> want;
          for (const auto element : elements) want.push_back(holds(static_cast<double>(element), number));
          EXPECT_EQ(got.to_vector<uint8_t>(), want) << x.dtype() << ' ' << relation << ' ' << number << ", " << device;
        };
        expect(x < number, std::less<double>(), "<");
        expect(x <= number, std::less_equal<double>(), "<=");
        expect(x > number, std::greater<double>(), ">");
        expect(x >= number, std::greater_equal<double>(), ">=");
        expect(x == number, std::equal_to<double>(), "==");
        expect(x != number, std::not_equal_to<double>(), "!=");
      }
    };
    check(std::vector<int32_t>{std::numeric_limits<int32_t>::min(), -1, 0, 1, 2, 3, 255, 256,
                               std::numeric_limits<int32_t>::max()});
    check(std::vector<uint8_t>{0, 1, 2, 3, 254, 255});
  }
}

TEST(Ops, Movement) {
  const Tensor x = reshape(arange(6), {2, 3});
  EXPECT_EQ(values(transpose(x)), (Floats{0, 3, 1, 4, 2, 5}));
  EXPECT_EQ(values(rows(x, 1, 2)), (Floats{3, 4, 5}));
  const Tensor index = from_vector<int32_t>({1, 0, 1}, {3});
  EXPECT_EQ(values(gather(x, index)), (Floats{3, 4, 5, 0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(values(concat({x, x}, 1)), (Floats{0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5}));
  EXPECT_EQ(concat({x, x}).shape(), Shape({4, 3}));
  EXPECT_EQ(flatten(zeros({2, 3, 4})).shape(), Shape({2, 12}));
  EXPECT_EQ(error_of([&] { gather(x, from_vector<int32_t>({0, 2}, {2})); }),
            "[gather] indices must lie in [0, 2), got 2 at position 1");
  EXPECT_EQ(error_of([&] { gather(x, arange(2)); }), "[gather] indices must be int32 of shape [k], got float32 [2]");
  EXPECT_EQ(error_of([&] { concat({x, arange(3)}); }), "[concat] shapes must agree but for axis 0, got [2, 3] and [3]");
  EXPECT_EQ(error_of([&] { transpose(arange(3)); }), "[transpose] expected a matrix, got shape [3]");
  EXPECT_EQ(error_of([&] { concat(std::span<const Tensor>{}); }), "[concat] expected at least one tensor");
}

TEST(Ops, MatmulAgreesWithPlainLoops) {
  Generator generator(5);
  for (const auto& [m, k, n] :
       std::vector<std::array<int64_t, 3>>{{1, 1, 1}, {3, 4, 5}, {64, 100, 33}, {200, 300, 100}, {130, 7, 300}}) {
    const Tensor a = randn({m, k}, {.dtype = float64}, generator), b = randn({k, n}, {.dtype = float64}, generator);
    const auto x = a.to_vector<double>(), y = b.to_vector<double>(), got = matmul(a, b).to_vector<double>();
    const auto single = matmul(a.to(float32), b.to(float32)).to_vector<float>();
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) {
        double expected = 0;
        for (int64_t l = 0; l < k; ++l) expected += x[size_t(i * k + l)] * y[size_t(l * n + j)];
        EXPECT_NEAR(got[size_t(i * n + j)], expected, 1e-12 * double(k));
        EXPECT_NEAR(single[size_t(i * n + j)], expected, 1e-5 * double(k));
      }
  }
  EXPECT_EQ(values(matmul(zeros({2, 0}), zeros({0, 2}))), Floats(4, 0));
  EXPECT_EQ(error_of([] { matmul(zeros({2, 3}), zeros({4, 5})); }),
            "[matmul] inner sizes must agree, got [2, 3] and [4, 5]");
  EXPECT_EQ(error_of([] { matmul(zeros({3}), zeros({3, 2})); }), "[matmul] expected a matrix, got shape [3]");
  EXPECT_EQ(error_of([] { matmul(zeros({2, 2}), zeros({2, 2}, {.dtype = float64})); }),
            "[matmul] dtypes must agree, got float32 and float64");
  EXPECT_EQ(error_of([] { matmul(zeros({2, 2}, {.dtype = int32}), zeros({2, 2})); }),
            "[matmul] expected float32 or float64, got int32; convert it with to()");
}

TEST(Ops, Reductions) {
  const Tensor x = tensor({{1, 5, 2}, {7, 0, 7}});
  EXPECT_EQ(sum(x).item(), 22);
  EXPECT_EQ(values(sum(x, 0)), (Floats{8, 5, 9}));
  EXPECT_EQ(values(sum(x, -1)), (Floats{8, 14}));
  EXPECT_EQ(sum(x, 1, true).shape(), Shape({2, 1}));
  EXPECT_FLOAT_EQ(float(mean(x).item()), 22.0f / 6);
  EXPECT_EQ(values(max(x, 1)), (Floats{5, 7}));
  EXPECT_EQ(argmax(x, 1).to_vector<int32_t>(), (std::vector<int32_t>{1, 0}));
  EXPECT_EQ(argmax(x).item(), 3);
  EXPECT_TRUE(std::isnan(max(tensor({1, NAN, 3})).item()));
  EXPECT_EQ(argmax(tensor({1, NAN, 3})).item(), 1);
  EXPECT_EQ(sum(zeros({0, 3})).item(), 0);
  EXPECT_EQ(values(sum(zeros({0, 3}), 0)), Floats(3, 0));
  EXPECT_EQ(error_of([] { mean(zeros({0})); }), "[mean] axis 0 of shape [0] is empty");
  EXPECT_EQ(error_of([] { max(zeros({2, 0}), 1); }), "[max] axis 1 of shape [2, 0] is empty");
  EXPECT_EQ(error_of([&] { sum(x, 2); }), "[sum] axis must lie in [-2, 2) for shape [2, 3], got 2");
  EXPECT_EQ(error_of([&] { sum(x.to(int32)); }), "[sum] expected float32 or float64, got int32; convert it with to()");
}

TEST(Ops, MaxRefusesPositionsBeyondInt32) {
  // Without elements, so that it takes no memory: the rule is the axis' alone.
  const int64_t most = 2147483647;
  for (const Device device : devices()) {
    const TensorOptions options{.device = device};
    EXPECT_EQ(max(zeros({most, 0}, options), 0).shape(), Shape{0});
    const Tensor x = zeros({most + 1, 0}, options);
    const std::string message =
        "[max] an axis may have at most 2147483647 elements, as positions are int32, got axis 0 of shape [2147483648, "
        "0]";
    EXPECT_EQ(error_of([&] { max(x, 0); }), message);
    EXPECT_EQ(error_of([&] { argmax(x, 0); }), message);
  }
}

TEST(Ops, LongSumsKeepTheirDigits) {
  // 3e6 ones and as many values of 1/3: the error of a naive float32 sum would be of the order of 1e-2.
  EXPECT_EQ(sum(ones({3000000})).item(), 3000000);
  EXPECT_NEAR(sum(full({3000000}, 1.0 / 3)).item() / (3000000 * double(1.0f / 3)), 1, 1e-6);
  EXPECT_NEAR(sum(full({60000, 3}, 1.0 / 3), 0).to_vector<float>()[1] / (60000 * double(1.0f / 3)), 1, 1e-5);
}

TEST(Ops, SumsDoNotDependOnThreads) {
  Generator generator(1);
  const Tensor x = randn({777, 1234}, {}, generator);
  const int before = num_threads();
  set_num_threads(1);
  const auto all = sum(x).item();
  const auto columns = values(sum(x, 0)), rows = values(sum(x, 1));
  set_num_threads(3);
  EXPECT_EQ(sum(x).item(), all);
  EXPECT_EQ(values(sum(x, 0)), columns);
  EXPECT_EQ(values(sum(x, 1)), rows);
  set_num_threads(before);
  EXPECT_EQ(error_of([] { set_num_threads(1025); }), "[set_num_threads] expected 1 to 1024, got 1025");
  EXPECT_EQ(error_of([] { set_num_threads(0); }), "[set_num_threads] expected 1 to 1024, got 0");
}

TEST(Ops, SoftmaxSurvivesExtremes) {
  const Tensor x = tensor({{1e4, 0, -1e4}, {-1e4, -1e4, -1e4}});
  const auto p = values(softmax(x)), log_p = values(log_softmax(x));
  EXPECT_EQ(p[0], 1);
  EXPECT_EQ(p[1], 0);
  EXPECT_NEAR(p[3], 1.0 / 3, 1e-7);
  EXPECT_EQ(log_p[1], -1e4f);
  EXPECT_NEAR(log_p[4], -std::log(3.0), 1e-6);
  const Tensor shifted = softmax(tensor({1, 2, 3}) + 100.0), plain = softmax(tensor({1, 2, 3}));
  for (int i = 0; i < 3; ++i) EXPECT_NEAR(values(shifted)[size_t(i)], values(plain)[size_t(i)], 1e-6);
}

TEST(Ops, EmptyArraysPassThrough) {
  EXPECT_EQ(relu(zeros({0, 3})).shape(), Shape({0, 3}));
  EXPECT_EQ((zeros({0, 3}) + zeros({3})).shape(), Shape({0, 3}));
  EXPECT_EQ(transpose(zeros({0, 3})).shape(), Shape({3, 0}));
  EXPECT_EQ(matmul(zeros({0, 3}), zeros({3, 2})).shape(), Shape({0, 2}));
  EXPECT_EQ(concat({zeros({0, 2}), ones({1, 2})}).shape(), Shape({1, 2}));
  EXPECT_EQ(gather(zeros({3, 2}), zeros({0}, {.dtype = int32})).shape(), Shape({0, 2}));
}

TEST(Ops, RefuseUndefinedTensors) {
  EXPECT_EQ(error_of([] { relu(Tensor()); }), "[tensor] used before it was given a value");
  EXPECT_EQ(error_of([] { map(Unary(formula::ReLU{}), Array()); }), "[relu] an argument is undefined");
}

TEST(Ops, ItemWantsOneElement) {
  EXPECT_EQ(error_of([] { zeros({2}).item(); }), "[item] expected one element, got shape [2]");
  EXPECT_EQ(error_of([] { zeros({2}).to_vector<double>(); }), "[data] expected float64, got float32");
}

TEST(Ops, ClampRefusesCrossedBounds) {
  EXPECT_EQ(error_of([] { clamp(zeros({2}), 1, 0); }), "[clamp] low must not exceed high, got 1 and 0");
}

// ---- Gradients ------------------------------------------------------------------------------------------------------

struct GradientCase {
  const char* name;
  std::function<Tensor(const Inputs&)> f;
  Inputs inputs;
  std::vector<double> kinks = {};
  friend void PrintTo(const GradientCase& c, std::ostream* out) { *out << c.name; }
};

class Gradient : public testing::TestWithParam<GradientCase> {};

TEST_P(Gradient, MatchesCentralDifferences) {
  const GradientCase& c = GetParam();
  gradcheck(c.f, c.inputs, {.kinks = c.kinks});
}

TEST_P(Gradient, HoldsWhenAnInputIsUsedTwice) {
  const GradientCase& c = GetParam();
  gradcheck([&](const Inputs& x) { return c.f(x) * 0.5 + c.f(x) * c.f(x); }, c.inputs, {.kinks = c.kinks});
}

Tensor index_with_repeats() { return from_vector<int32_t>({2, 0, 2}, {3}); }
Tensor mask() { return from_vector<uint8_t>({1, 0, 1}, {3}); }

INSTANTIATE_TEST_SUITE_P(
    Ops, Gradient,
    testing::Values(
        GradientCase{"neg", [](const Inputs& x) { return -x[0]; }, {wanting({2, 3})}},
        GradientCase{"exp", [](const Inputs& x) { return exp(x[0]); }, {wanting({2, 3})}},
        GradientCase{"log", [](const Inputs& x) { return log(x[0]); }, {wanting({2, 3}, 0.5, 3)}},
        GradientCase{"sqrt", [](const Inputs& x) { return sqrt(x[0]); }, {wanting({2, 3}, 0.5, 3)}},
        GradientCase{"abs", [](const Inputs& x) { return abs(x[0]); }, {wanting({2, 3})}, {0}},
        GradientCase{"square", [](const Inputs& x) { return square(x[0]); }, {wanting({2, 3})}},
        GradientCase{"pow3", [](const Inputs& x) { return pow(x[0], 3); }, {wanting({2, 3})}},
        GradientCase{"pow_half", [](const Inputs& x) { return pow(x[0], -0.5); }, {wanting({2, 3}, 0.5, 2)}},
        GradientCase{"clamp", [](const Inputs& x) { return clamp(x[0], -1, 1); }, {wanting({4, 5})}, {-1, 1}},
        GradientCase{"add", [](const Inputs& x) { return x[0] + x[1]; }, {wanting({2, 3}), wanting({3}, -1, 1, 8)}},
        GradientCase{
            "subtract", [](const Inputs& x) { return x[0] - x[1]; }, {wanting({2, 1}), wanting({3}, -1, 1, 8)}},
        GradientCase{
            "multiply", [](const Inputs& x) { return x[0] * x[1]; }, {wanting({2, 3}), wanting({2, 1}, -1, 1, 8)}},
        GradientCase{"divide", [](const Inputs& x) { return x[0] / x[1]; }, {wanting({2, 3}), wanting({}, 1, 2, 8)}},
        GradientCase{
            "maximum", [](const Inputs& x) { return maximum(x[0], x[1]); }, {wanting({3, 4}), wanting({4}, -1, 1, 8)}},
        GradientCase{
            "minimum", [](const Inputs& x) { return minimum(x[0], x[1]); }, {wanting({3, 4}), wanting({4}, -1, 1, 8)}},
        GradientCase{"with_numbers", [](const Inputs& x) { return 1.0 - 2.0 / (x[0] + 5.0) * 3.0; }, {wanting({2, 3})}},
        GradientCase{"where",
                     [](const Inputs& x) { return where(mask(), x[0], x[1]); },
                     {wanting({2, 3}), wanting({3}, -1, 1, 8)}},
        GradientCase{"reshape", [](const Inputs& x) { return reshape(x[0], {3, -1}); }, {wanting({2, 3})}},
        GradientCase{"flatten", [](const Inputs& x) { return flatten(x[0]); }, {wanting({2, 3, 2})}},
        GradientCase{"transpose", [](const Inputs& x) { return transpose(x[0]); }, {wanting({2, 3})}},
        GradientCase{"rows", [](const Inputs& x) { return rows(x[0], 1, 3); }, {wanting({4, 3})}},
        GradientCase{"gather", [](const Inputs& x) { return gather(x[0], index_with_repeats()); }, {wanting({4, 3})}},
        GradientCase{"concat0",
                     [](const Inputs& x) { return concat({x[0], x[1]}, 0); },
                     {wanting({2, 3}), wanting({1, 3}, -1, 1, 8)}},
        GradientCase{"concat1",
                     [](const Inputs& x) { return concat({x[0], x[1], x[0]}, 1); },
                     {wanting({2, 3}), wanting({2, 1}, -1, 1, 8)}},
        GradientCase{
            "matmul", [](const Inputs& x) { return matmul(x[0], x[1]); }, {wanting({3, 4}), wanting({4, 2}, -1, 1, 8)}},
        GradientCase{"sum", [](const Inputs& x) { return sum(x[0]); }, {wanting({2, 3})}},
        GradientCase{"sum0", [](const Inputs& x) { return sum(x[0], 0); }, {wanting({2, 3, 2})}},
        GradientCase{"sum1", [](const Inputs& x) { return sum(x[0], 1, true); }, {wanting({2, 3, 2})}},
        GradientCase{"mean", [](const Inputs& x) { return mean(x[0]); }, {wanting({2, 3})}},
        GradientCase{"mean_axis", [](const Inputs& x) { return mean(x[0], -1); }, {wanting({2, 3})}},
        GradientCase{"max", [](const Inputs& x) { return max(x[0]); }, {wanting({2, 3})}},
        GradientCase{"max_axis", [](const Inputs& x) { return max(x[0], 1); }, {wanting({2, 3, 2})}},
        GradientCase{"softmax", [](const Inputs& x) { return softmax(x[0]); }, {wanting({2, 3})}},
        GradientCase{"softmax0", [](const Inputs& x) { return softmax(x[0], 0); }, {wanting({2, 3, 2})}},
        GradientCase{"log_softmax", [](const Inputs& x) { return log_softmax(x[0], 1); }, {wanting({2, 3, 2})}}),
    [](const auto& info) { return info.param.name; });

TEST(Gradient, StatesItsChoiceWhereThereIsNone) {
  const auto slope = [](auto f, double at) {
    const Tensor x = scalar(at, {.dtype = float64, .requires_grad = true});
    f(x).backward();
    return x.grad().item();
  };
  EXPECT_EQ(slope([](const Tensor& x) { return abs(x); }, 0), 0);
  EXPECT_EQ(slope([](const Tensor& x) { return clamp(x, 0, 1); }, 0), 1);
  EXPECT_EQ(slope([](const Tensor& x) { return clamp(x, 0, 1); }, 1), 1);
  EXPECT_EQ(slope([](const Tensor& x) { return maximum(x, scalar(1, {.dtype = float64})); }, 1), 0.5);
  EXPECT_EQ(slope([](const Tensor& x) { return pow(x, 2); }, 0), 0);
  EXPECT_TRUE(std::isnan(slope([](const Tensor& x) { return clamp(x, 0, 1); }, NAN)));
}

TEST(Gradient, OfMaxGoesToTheFirstOfEquals) {
  const Tensor x = tensor({3, 5, 5}, {.requires_grad = true});
  max(x).backward();
  EXPECT_EQ(values(x.grad()), (Floats{0, 1, 0}));
}

TEST(Gradcheck, FindsAWrongDerivative) {
  const auto wrong = [](const Inputs& x) {
    Array a = x[0].array();
    return record("wrong", a * a, {x[0]}, [a](const Array& g, Gradients& inputs) { inputs[0] = g * a; });
  };
  EXPECT_NE(error_of([&] { gradcheck(wrong, {wanting({2})}); }).find("[gradcheck] element 0 of input 0"),
            std::string::npos);
  EXPECT_EQ(error_of([&] { gradcheck([](const Inputs& x) { return x[0].detach(); }, {wanting({2})}); }),
            "[gradcheck] the result requires no gradient: is every operation recorded?");
  EXPECT_EQ(error_of([&] { gradcheck(wrong, {tensor({1}, {.requires_grad = true})}); }),
            "[gradcheck] inputs must be float64, got float32");
}

TEST(Ops, ARepeatedZeroKeepsItsSign) {
  for (const DType dtype : {float32, float64})
    for (const double zero : {0.0, -0.0}) {
      const Tensor x = full({5}, 2, {.dtype = dtype});
      EXPECT_EQ((x / scalar(zero, {.dtype = dtype})).to(float64).to_vector<double>(), std::vector<double>(5, 2 / zero));
      EXPECT_EQ((x / zero).to(float64).to_vector<double>(), std::vector<double>(5, 2 / zero));
    }
}

}  // namespace
}  // namespace ramp

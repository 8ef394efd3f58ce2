// The formulas: against 50-digit and PyTorch tables, their own dual numbers, limits, identities and finite differences.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "oracle_table.h"
#include "ramp/core/array_ops/array_ops.h"
#include "ramp/core/autograd/create.h"
#include "ramp/core/autograd/gradcheck.h"
#include "ramp/core/autograd/ops.h"

namespace ramp {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Every activation with its default parameters: a formula that is added to the list is in here by itself.
std::vector<Unary> activations() {
#define RAMP_DEFAULT(Struct, function) formula::Struct{},
  return {RAMP_ACTIVATIONS(RAMP_DEFAULT)};
#undef RAMP_DEFAULT
}

std::vector<double> kinks(const Unary& f) {
  return std::visit(
      [](const auto& f) -> std::vector<double> {
        if constexpr (requires { f.kinks(); }) return f.kinks();
        else return {};
      },
      f);
}

template <class T>
T value(const Unary& f, T x) {
  return std::visit([x](const auto& f) -> T { return f(x); }, f);
}
template <class T>
T slope(const Unary& f, T x) {
  return std::visit([x](const auto& f) -> T { return derivative(f, x, f(x)); }, f);
}
template <class T>
T dual_slope(const Unary& f, T x) {
  return std::visit([x](const auto& f) -> T { return f(math::Dual<T>(x, 1)).d; }, f);
}

template <class T>
struct Points {
  std::vector<T> value, slope;
};
/// Values and slopes through arrays, that is through the packets.
template <class T>
Points<T> through_arrays(const Unary& f, const std::vector<T>& x) {
  const int64_t n = static_cast<int64_t>(x.size());
  const Array points = from_vector(x, {n}).array();
  const Array y = map(f, points);
  const Array slopes = map_gradient(f, points, y, full_array({n}, 1, dtype_of<T>(), points.device()));
  return {Tensor(y).template to_vector<T>(), Tensor(slopes).template to_vector<T>()};
}
/// Values and slopes one by one.
template <class T>
Points<T> through_scalars(const Unary& f, const std::vector<T>& x) {
  Points<T> points;
  for (T number : x) {
    points.value.push_back(value(f, number));
    points.slope.push_back(slope(f, number));
  }
  return points;
}

/// The distance from |x| to the next number of type T.
template <class T>
double ulp(double x) {
  const T magnitude = static_cast<T>(std::abs(x));
  return static_cast<double>(std::nextafter(magnitude, std::numeric_limits<T>::infinity())) - magnitude;
}

/// Within 4 units in the last place or the tolerance; both infinite; or `want` beyond the type's range.
template <class T>
::testing::AssertionResult agrees(T got, double want, double tolerance) {
  if (got == want || (std::isfinite(want) && std::abs(want) > std::numeric_limits<T>::max()))
    return ::testing::AssertionSuccess();
  const double error = std::abs(got - want);
  if (error <= std::max(4 * ulp<T>(want), tolerance)) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "got " << got << ", expected " << want << ", " << error / ulp<T>(want)
                                       << " ulp, relative " << error / std::abs(want);
}

/// GELU's tanh form is x / (1 + e^z) with z = 2 sqrt(2/pi) (|x| + 0.044715 |x|^3), and rounding z costs e^z its last
/// digits in proportion: a share of 2 |z| epsilon. Everything else has the full tolerance.
template <class T>
double tolerance_at(const Unary& f, double x, double tolerance) {
  if (!std::holds_alternative<formula::GELUTanh>(f) || x > 0 || std::isinf(x)) return tolerance;
  return std::max(tolerance, 2 * 1.6 * (-x - 0.044715 * x * x * x) * std::numeric_limits<T>::epsilon());
}
/// What a slope's error is relative to. The slope of a gate x g(x) is g + x g', and where the two cancel, around
/// x = -1, no more than their own digits can be had.
double slope_scale(const Unary& f, double x, double y, double slope) {
  const bool gate = std::holds_alternative<formula::GELU>(f) || std::holds_alternative<formula::GELUTanh>(f) ||
                    std::holds_alternative<formula::SiLU>(f) || std::holds_alternative<formula::Mish>(f);
  return gate && x < -0.5 && x > -1.5 ? std::max(std::abs(slope), y / x) : std::abs(slope);
}

template <class T>
void expect_table(const char* path, const OracleTable& table, Points<T> (*through)(const Unary&, const std::vector<T>&),
                  double tolerance) {
  std::vector<T> x;
  std::vector<size_t> rows;
  for (size_t i = 0; i < table.x.size(); ++i)
    if (static_cast<double>(static_cast<T>(table.x[i])) == table.x[i]) {
      x.push_back(static_cast<T>(table.x[i]));
      rows.push_back(i);
    }
  const Points<T> got = through(table.formula, x);
  for (size_t k = 0; k < rows.size(); ++k) {
    const double y = table.y[rows[k]], slope = table.slope[rows[k]];
    const double share = tolerance_at<T>(table.formula, x[k], tolerance);
    EXPECT_TRUE(agrees(got.value[k], y, share * std::abs(y))) << path << table.title << " at " << x[k];
    EXPECT_TRUE(agrees(got.slope[k], slope, share * slope_scale(table.formula, x[k], y, slope)))
        << path << table.title << "' at " << x[k];
  }
}

TEST(Formulas, AgreeWithTheExactTables) {
  std::set<size_t> seen;
  for (const OracleTable& table : read_oracle_tables("activations.csv")) {
    seen.insert(table.formula.index());
    expect_table<float>("packets, float32: ", table, through_arrays<float>, 1e-6);
    expect_table<double>("packets, float64: ", table, through_arrays<double>, 2e-15);
    expect_table<float>("scalars, float32: ", table, through_scalars<float>, 1e-6);
    expect_table<double>("scalars, float64: ", table, through_scalars<double>, 2e-15);
  }
  EXPECT_GE(seen.size(), 21u);
}

TEST(Formulas, AgreeWithPyTorch) {
  for (const OracleTable& table : read_oracle_tables("activations_torch.csv")) {
    const Points<double> got = through_arrays<double>(table.formula, table.x);
    for (size_t i = 0; i < table.x.size(); ++i) {
      const auto near = [](double want) { return 1e-12 * std::max(1.0, std::abs(want)); };
      EXPECT_NEAR(got.value[i], table.y[i], near(table.y[i])) << table.title << " at " << table.x[i];
      EXPECT_NEAR(got.slope[i], table.slope[i], near(table.slope[i])) << table.title << "' at " << table.x[i];
    }
  }
}

/// 0, and points spread over both signs and several scales.
template <class T>
std::vector<T> spread_points() {
  std::vector<T> points{0};
  for (int i = 0; i < 2000; ++i) {
    const double magnitude = std::exp(-9.0 + 11.5 * i / 2000);  // 1e-4 .. 12
    points.push_back(static_cast<T>(magnitude));
    points.push_back(static_cast<T>(-magnitude));
  }
  return points;
}

template <class T>
void expect_dual_slopes(const Unary& f) {
  for (const T x : spread_points<T>()) {
    bool kink = false;
    for (const double k : kinks(f)) kink |= static_cast<T>(k) == x;
    if (kink) continue;
    // 8 units in the last place of the slope, or of the larger terms that a gate's slope is the difference of; and some
    // of the smallest number, where a factor was a denormal.
    const T want = dual_slope(f, x), terms = x == 0 ? 0 : std::min(T(1), std::abs(value(f, x) / x));
    EXPECT_NEAR(slope(f, x), want,
                8 * std::numeric_limits<T>::epsilon() * std::max(std::abs(want), terms) +
                    32 * std::numeric_limits<T>::denorm_min())
        << name(f) << " at " << x;
  }
}

TEST(Formulas, ClosedDerivativesEqualTheDualNumbers) {
  std::vector<Unary> formulas = activations();
  formulas.insert(formulas.end(), {formula::Exp{}, formula::Abs{}, formula::Clamp{-1, 2}, formula::Softplus{3},
                                   formula::CELU{0.5}, formula::ELU{1.7}, formula::LeakyReLU{-0.5}});
  for (const Unary& f : formulas) {
    expect_dual_slopes<float>(f);
    expect_dual_slopes<double>(f);
  }
  EXPECT_DOUBLE_EQ(slope(formula::Sqrt{}, 3.0), dual_slope(formula::Sqrt{}, 3.0));
}

TEST(Formulas, GradientsEqualFiniteDifferences) {
  Generator generator(5);
  const Tensor x = uniform({60}, -5, 5, {.dtype = float64, .requires_grad = true}, generator);
  for (const Unary& f : activations()) {
    SCOPED_TRACE(name(f));
    EXPECT_NO_THROW(gradcheck([&](const std::vector<Tensor>& in) { return map(f, in[0]); }, {x}, {.kinks = kinks(f)}));
  }
}

TEST(Formulas, NaNGivesNaN) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const Unary& f : activations()) {
    const Points<float> floats = through_arrays<float>(f, {1, NAN});
    const Points<double> doubles = through_arrays<double>(f, {1, nan});
    EXPECT_TRUE(std::isnan(floats.value[1]) && std::isnan(floats.slope[1])) << name(f);
    EXPECT_TRUE(std::isnan(doubles.value[1]) && std::isnan(doubles.slope[1])) << name(f);
    EXPECT_TRUE(std::isnan(value(f, NAN)) && std::isnan(slope(f, NAN))) << name(f);
    EXPECT_TRUE(std::isnan(value(f, nan)) && std::isnan(slope(f, nan))) << name(f);
    EXPECT_FALSE(std::isnan(floats.value[0]) || std::isnan(floats.slope[0])) << name(f);
  }
}

TEST(Formulas, TakeTheRightBranchAtAKink) {
  struct Kink {
    Unary f;
    double at, value, slope;
  };
  const Kink kinks[] = {
      {formula::ReLU{}, 0, 0, 1},
      {formula::LeakyReLU{}, 0, 0, 1},
      {formula::ClippedReLU{}, 0, 0, 1},
      {formula::ClippedReLU{}, 6, 6, 0},
      {formula::ReLU6{}, 0, 0, 1},
      {formula::ReLU6{}, 6, 6, 0},
      {formula::ThresholdedReLU{}, 1, 0, 0},  // the jump belongs to the left, by its definition
      {formula::ELU{1.5}, 0, 0, 1},
      {formula::SELU{}, 0, 0, formula::SELU::lambda},
      {formula::HardSigmoid{}, -3, 0, 1.0 / 6},
      {formula::HardSigmoid{}, 3, 1, 0},
      {formula::HardSwish{}, -3, 0, -0.5},
      {formula::HardSwish{}, 3, 3, 1},
      {formula::UnitStep{}, 0, 1, 0},
      {formula::Abs{}, 0, 0, 0},
      // and another slope at 0 where one is asked for
      {formula::ReLU{.slope_at_zero = 0}, 0, 0, 0},
      {formula::ReLU{0.5}, 0, 0, 0.5},
      {formula::LeakyReLU{0.2, 0.2}, 0, 0, 0.2},
      {formula::ClippedReLU{.slope_at_zero = 0}, 0, 0, 0},
      {formula::ReLU6{.slope_at_zero = 0}, 0, 0, 0},
      {formula::ELU{.alpha = 1.5, .slope_at_zero = 1.5}, 0, 0, 1.5},
      {formula::SELU{.slope_at_zero = 1.75}, 0, 0, 1.75},
  };
  for (const Kink& kink : kinks) {
    const double at = kink.at;
    for (const double x : {at, at == 0 ? -at : at}) {
      const Points<double> doubles = through_arrays<double>(kink.f, {x});
      const Points<float> floats = through_arrays<float>(kink.f, {static_cast<float>(x)});
      EXPECT_EQ(doubles.value[0], kink.value) << name(kink.f) << " at " << x;
      EXPECT_EQ(doubles.slope[0], kink.slope) << name(kink.f) << " at " << x;
      EXPECT_EQ(floats.value[0], static_cast<float>(kink.value)) << name(kink.f) << " at " << x;
      EXPECT_EQ(floats.slope[0], static_cast<float>(kink.slope)) << name(kink.f) << " at " << x;
      EXPECT_EQ(slope(kink.f, x), kink.slope) << name(kink.f) << " at " << x;
    }
  }
}

/// Both formulas give the same bits everywhere.
void expect_same(const Unary& a, const Unary& b) {
  const Points<float> fa = through_arrays(a, spread_points<float>()), fb = through_arrays(b, spread_points<float>());
  EXPECT_EQ(fa.value, fb.value) << name(a) << " and " << name(b);
  EXPECT_EQ(fa.slope, fb.slope) << name(a) << " and " << name(b);
  const Points<double> da = through_arrays(a, spread_points<double>()), db = through_arrays(b, spread_points<double>());
  EXPECT_EQ(da.value, db.value) << name(a) << " and " << name(b);
  EXPECT_EQ(da.slope, db.slope) << name(a) << " and " << name(b);
}

TEST(Formulas, MeetInTheirLimits) {
  expect_same(formula::ELU{0}, formula::ReLU{});
  expect_same(formula::CELU{1}, formula::ELU{1});
  expect_same(formula::LeakyReLU{0}, formula::ReLU{});
  expect_same(formula::ThresholdedReLU{0}, formula::ReLU{.slope_at_zero = 0});
  expect_same(formula::ClippedReLU{6}, formula::ReLU6{});
  expect_same(formula::ClippedReLU{infinity}, formula::ReLU{});
}

TEST(Formulas, LeakySlopesOutsideThePapersRangeAreStillTheFormula) {
  EXPECT_EQ(leaky_relu(tensor({-2, 0, 3}), 1.5).to_vector<float>(), (std::vector<float>{-3, 0, 3}));
  EXPECT_EQ(leaky_relu(tensor({-2, 0, 3}), -0.5).to_vector<float>(), (std::vector<float>{1, 0, 3}));
}

TEST(Formulas, KeepTheirIdentities) {
  const auto near = [](const Tensor& a, const Tensor& b, const char* what) {
    const std::vector<double> left = a.to_vector<double>(), right = b.to_vector<double>();
    for (size_t i = 0; i < left.size(); ++i)
      EXPECT_NEAR(left[i], right[i], 4e-15 * std::max(1.0, std::abs(left[i]))) << what;
  };
  const std::vector<double> points = spread_points<double>();
  const Tensor x = from_vector(points, {static_cast<int64_t>(points.size())});
  near(relu(x) - relu(-x), x, "relu(x) - relu(-x) = x");
  near(leaky_relu(x, 0.2), 0.2 * x + 0.8 * relu(x), "leaky_a = a x + (1 - a) relu");
  near(relu(3.0 * x), 3.0 * relu(x), "positive homogeneity of relu");
  near(leaky_relu(3.0 * x, 0.2), 3.0 * leaky_relu(x, 0.2), "positive homogeneity of leaky relu");
  near(selu(x), formula::SELU::lambda * elu(x, formula::SELU::alpha), "selu = lambda elu_alpha");
  near(silu(x), x * sigmoid(x), "silu = x sigmoid");
  near(mish(x), x * tanh(softplus(x)), "mish = x tanh(softplus)");
  near(tanh(x), 2.0 * sigmoid(2.0 * x) - 1.0, "tanh = 2 sigmoid(2x) - 1");
  near(log_sigmoid(x), -softplus(-x), "log_sigmoid(x) = -softplus(-x)");
  near(softplus(x) - softplus(-x), x, "softplus(x) - softplus(-x) = x");
  near(softplus(x, 3), softplus(3.0 * x) / 3.0, "softplus_b(x) = softplus(b x) / b");
  near(gelu(x) - gelu(-x), x, "gelu(x) - gelu(-x) = x");
  near(hard_swish(x), x * hard_sigmoid(x), "hard_swish = x hard_sigmoid");
  near(squared_relu(x), relu(x) * relu(x), "squared_relu = relu^2");
  near(unit_step(x) * x, relu(x), "relu = x step");
  near(softsign(x), x / (1.0 + abs(x)), "softsign");

  const Array ones = full_array(x.shape(), 1, float64, x.device());
  const auto slopes = [&](const Unary& f) { return Tensor(map_gradient(f, x.array(), map(f, x.array()), ones)); };
  const Tensor s = sigmoid(x);
  near(slopes(formula::Softplus{}), s, "softplus' = sigmoid");
  near(slopes(formula::Sigmoid{}), s * (1.0 - s), "sigmoid' = s (1 - s)");
  near(slopes(formula::Tanh{}), 1.0 - square(tanh(x)), "tanh' = 1 - tanh^2");
}

TEST(Formulas, StayFiniteFarOut) {
  EXPECT_EQ(elu(tensor({-1000}), 1.5).item(), -1.5);
  EXPECT_EQ(softplus(tensor({1000})).item(), 1000);
  EXPECT_EQ(softplus(tensor({-1000})).item(), 0);
  EXPECT_EQ(sigmoid(tensor({-1000})).item(), 0);
  EXPECT_EQ(sigmoid(tensor({1000})).item(), 1);
  EXPECT_EQ(log_sigmoid(tensor({-1000})).item(), -1000);
  EXPECT_NEAR(selu(tensor({-1000}, {.dtype = float64})).item(), -1.7580993408473766, 1e-15);
  EXPECT_FALSE(std::signbit(tanh(tensor({0})).item())) << "0 should print as 0";
  for (const Unary& f : activations())
    for (const float slope : through_arrays<float>(f, {-1e30f, -1e4f, -1000, 1000, 1e4f, 1e30f}).slope)
      EXPECT_TRUE(std::isfinite(slope)) << name(f);
}

}  // namespace
}  // namespace ramp

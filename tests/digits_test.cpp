// The digits that sums of many terms keep.

#include <gtest/gtest.h>

#include <cmath>

#include "on_devices.h"
#include "ramp/ramp.h"

namespace ramp {
namespace {

/// In halves, as even a long double's error would grow over millions.
long double exact_sum(const double* x, int64_t n, int64_t stride) {
  if (n == 1) return *x;
  return exact_sum(x, n / 2, stride) + exact_sum(x + n / 2 * stride, n - n / 2, stride);
}

class Digits : public OnDevices {
 protected:
  double epsilon() const { return dtype() == float64 ? 0x1p-52 : 0x1p-23; }
};
RAMP_ON_DEVICES(Digits);

TEST_P(Digits, SumsOfMillionsKeepThem) {
  // Equal terms, whose rounding errors all point the same way in a run of additions, and random ones.
  const int64_t rows = 300000, columns = 10;
  Generator generator(3);
  const TensorOptions options{.dtype = dtype(), .device = device()};
  for (const Tensor& x : {full({rows, columns}, 0.1, options), uniform({rows, columns}, 0, 1, options, generator)}) {
    const std::vector<double> all = x.to(float64).to_vector<double>();
    const auto near = [&](double got, long double want, const char* what) {
      EXPECT_NEAR(got / static_cast<double>(want), 1, 6 * epsilon()) << what;
    };
    near(sum(x).item(), exact_sum(all.data(), rows * columns, 1), "all");
    const std::vector<double> columns_got = sum(x, 0).to(float64).to_vector<double>();
    for (int64_t i = 0; i < columns; ++i)
      near(columns_got[static_cast<size_t>(i)], exact_sum(all.data() + i, rows, columns), "a column");
    const std::vector<double> rows_got = sum(reshape(x, {10, rows}), 1).to(float64).to_vector<double>();
    for (int64_t i = 0; i < 10; ++i)
      near(rows_got[static_cast<size_t>(i)], exact_sum(all.data() + i * rows, rows, 1), "a row");
  }
}

TEST_P(Digits, CrossEntropyOverManyClassesKeepsThem) {
  const int64_t classes = 50257, label = 17;
  const double smoothing = 0.1;
  Generator generator(5);
  const TensorOptions options{.dtype = dtype(), .device = device()};
  for (const bool weighted : {false, true}) {
    const Tensor logits = randn({1, classes}, options, generator).set_requires_grad();
    std::vector<double> weights;
    if (weighted) weights = (uniform({classes}, 0.5, 2, {.dtype = float64}, generator)).to_vector<double>();
    const Tensor loss =
        cross_entropy(logits, from_vector<int32_t>({label}, {1}, device()),
                      {.reduction = Reduction::sum, .label_smoothing = smoothing, .class_weights = weights});
    loss.backward();

    const std::vector<double> z = logits.to(float64).to_vector<double>();
    long double exps = 0;
    for (const double x : z) exps += std::exp(static_cast<long double>(x));
    const auto target = [&](size_t c) {
      const long double weight = weighted ? weights[c] : 1;
      return weight * (smoothing / static_cast<long double>(classes) + (c == label ? 1 - smoothing : 0));
    };
    long double expected = 0, targets = 0;
    for (size_t c = 0; c < z.size(); ++c) expected += target(c) * (std::log(exps) - z[c]), targets += target(c);
    EXPECT_NEAR(loss.item() / static_cast<double>(expected), 1, 4 * epsilon());
    const std::vector<double> got = logits.grad().to(float64).to_vector<double>();
    for (size_t c = 0; c < z.size(); ++c) {
      const long double share = std::exp(static_cast<long double>(z[c])) / exps * targets;
      // A difference of two terms; the exponential has the rounding of its argument.
      EXPECT_NEAR(got[c], static_cast<double>(share - target(c)),
                  12 * epsilon() * static_cast<double>(share + target(c)))
          << c;
    }
  }
}

}  // namespace
}  // namespace ramp

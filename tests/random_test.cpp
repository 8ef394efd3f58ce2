// The same seed gives the same numbers, whatever the number of threads, and the numbers follow their laws. The bars are
// four standard errors.

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <numeric>

#include "error_of.h"
#include "ramp/core/random/philox.h"
#include "ramp/ramp.h"

namespace ramp {
namespace {

/// Runs f with 1, 2 and 3 threads from the same seed and expects the same result each time.
template <class F>
void expect_same_for_any_threads(F f) {
  const int before = num_threads();
  manual_seed(11);
  set_num_threads(1);
  const auto one = f();
  for (int threads : {2, 3}) {
    manual_seed(11);
    set_num_threads(threads);
    EXPECT_EQ(f(), one) << threads << " threads";
  }
  set_num_threads(before);
}

TEST(Random, DoesNotDependOnThreads) {
  expect_same_for_any_threads([] { return uniform({100003}, -1, 1).to_vector<float>(); });
  expect_same_for_any_threads([] { return uniform({100003}, -1, 1, {.dtype = float64}).to_vector<double>(); });
  expect_same_for_any_threads([] { return dropout(ones({100003}), 0.3).to_vector<float>(); });
  expect_same_for_any_threads([] { return randn({10007}).to_vector<float>(); });
  expect_same_for_any_threads([] { return random_permutation(10007); });
  expect_same_for_any_threads([] { return Dense(300, 200).weight.to_vector<float>(); });
}

TEST(Random, SeedsAndTicketsTellStreamsApart) {
  manual_seed(1);
  const auto a = uniform({1000}, 0, 1).to_vector<float>(), b = uniform({1000}, 0, 1).to_vector<float>();
  EXPECT_NE(a, b);
  manual_seed(2);
  EXPECT_NE(uniform({1000}, 0, 1).to_vector<float>(), a);
  manual_seed(1);
  EXPECT_EQ(uniform({1000}, 0, 1).to_vector<float>(), a);
  Generator own(1);
  EXPECT_EQ(uniform({1000}, 0, 1, {}, own).to_vector<float>(), a);
  EXPECT_EQ(own.ticket(), 1u);
}

TEST(Random, AnElementDoesNotDependOnTheLength) {
  Generator a(5), b(5);
  const auto longer = uniform({1001}, 0, 1, {}, a).to_vector<float>(),
             shorter = uniform({7}, 0, 1, {}, b).to_vector<float>();
  EXPECT_TRUE(std::equal(shorter.begin(), shorter.end(), longer.begin()));
}

TEST(Random, FollowsTheUniformLaw) {
  Generator generator(3);
  const int n = 1000000;
  for (DType dtype : {float32, float64}) {
    const auto x = uniform({n}, -1, 3, {.dtype = dtype}, generator).to(float64).to_vector<double>();
    const double mean = std::accumulate(x.begin(), x.end(), 0.0) / n;
    double square = 0;
    for (double v : x) {
      ASSERT_GE(v, -1);
      ASSERT_LT(v, 3);
      square += (v - mean) * (v - mean) / n;
    }
    const double variance = 16.0 / 12;
    EXPECT_NEAR(mean, 1, 4 * std::sqrt(variance / n));
    EXPECT_NEAR(square / variance, 1, 4 * std::sqrt(0.8 / n));
  }
}

TEST(Random, UniformRefusesWhatTheDtypeCannotHold) {
  const uint64_t ticket = default_generator().ticket();
  for (const Device device : devices()) {
    const auto in = [&](DType dtype) { return TensorOptions{.dtype = dtype, .device = device}; };
    const std::string rule = "[uniform] expected low <= high, with low, high and high - low finite in ";
    EXPECT_EQ(error_of([&] { uniform({8}, -3e38, 3e38, in(float32)); }), rule + "float32, got -3e+38 and 3e+38");
    EXPECT_EQ(error_of([&] { uniform({8}, 0, 1e300, in(float32)); }), rule + "float32, got 0 and 1e+300");
    EXPECT_EQ(error_of([&] { uniform({8}, -1e300, -1e299, in(float32)); }), rule + "float32, got -1e+300 and -1e+299");
    EXPECT_EQ(error_of([&] { uniform({8}, -1.7e308, 1.7e308, in(float64)); }),
              rule + "float64, got -1.7e+308 and 1.7e+308");
    EXPECT_EQ(error_of([&] { uniform({8}, 0, INFINITY, in(float64)); }), rule + "float64, got 0 and inf");
    EXPECT_EQ(error_of([&] { uniform({8}, NAN, 1, in(float64)); }), rule + "float64, got nan and 1");
    EXPECT_EQ(error_of([&] { uniform({8}, 2, 1, in(float32)); }), rule + "float32, got 2 and 1");
  }
  EXPECT_EQ(error_of([] { init::uniform(-1.7e308, 1.7e308); }),
            "[uniform] expected low <= high, with low, high and high - low finite, got -1.7e+308 and 1.7e+308");
  EXPECT_EQ(default_generator().ticket(), ticket) << "nothing was drawn";

  for (const double high : {1.7e38, 3.4e38})
    for (const float x : uniform({1000}, high - 1.7e38, high).to_vector<float>())
      ASSERT_TRUE(x >= static_cast<float>(high - 1.7e38) && x < static_cast<float>(high)) << x;
}

/// The mean of inverted dropout's mask is the share of the uniform numbers that are kept, times what those become.
TEST(Random, RareDropoutMasksKeepTheMean) {
  manual_seed(3);
  for (const Device device : devices()) {
    double kept = 0;
    for (const float x : dropout(ones({1 << 22}, {.device = device}), 1 - 1e-6).to_vector<float>())
      if (x != 0) kept = x;
    // Float32's uniform numbers are multiples of 2^-24, of which 17 are nearest to 1e-6.
    EXPECT_EQ(kept, static_cast<float>(0x1p24 / 17)) << device;
  }
  for (const double keep : {1.0, 0.9, 0.5, 0.3, 1e-3, 1e-6, 0x1p-24, 0x1p-25, 0x1p-40, 0x1p-53}) {
    const double share = share_below<float>(keep), numbers = share * 0x1p24;
    EXPECT_EQ(numbers, std::floor(numbers)) << keep;
    EXPECT_GE(numbers, 1) << keep;
    EXPECT_NEAR(numbers, std::max(keep * 0x1p24, 1.0), 0.5) << keep;
    EXPECT_EQ(share, static_cast<float>(share)) << keep;
    EXPECT_NEAR(share_below<double>(keep), keep, 0x1p-54) << keep;
  }
}

TEST(Random, FollowsTheNormalLaw) {
  Generator generator(4);
  const int n = 1000000;
  const auto x = randn({n}, {.dtype = float64}, generator).to_vector<double>();
  double mean = 0, square = 0, fourth = 0;
  for (double v : x) mean += v / n, square += v * v / n, fourth += v * v * v * v / n;
  EXPECT_NEAR(mean, 0, 4 / std::sqrt(n));
  EXPECT_NEAR(square, 1, 4 * std::sqrt(2.0 / n));
  EXPECT_NEAR(fourth, 3, 4 * std::sqrt(96.0 / n));
}

TEST(Random, PermutationsAreUniform) {
  // Each of the 6 orders of 3 things is drawn with probability 1/6.
  Generator generator(9);
  std::map<std::vector<int32_t>, int> counts;
  const int n = 60000;
  for (int i = 0; i < n; ++i) ++counts[random_permutation(3, generator)];
  EXPECT_EQ(counts.size(), 6u);
  for (const auto& [order, count] : counts) EXPECT_NEAR(count, n / 6.0, 4 * std::sqrt(n * (1.0 / 6) * (5.0 / 6)));
  EXPECT_TRUE(random_permutation(0).empty());
  EXPECT_THROW(random_permutation(-1), Error);
}

std::vector<double> losses_of_a_run() {
  manual_seed(21);
  // Large enough for two threads to share in it.
  Sequential model{Dense(64, 512), ReLU(), Dropout(0.3), Dense(512, 4)};
  optim::SGD sgd(model.parameters(), {.learning_rate = 0.05, .momentum = 0.9});
  const Tensor x = randn({256, 64});
  const Tensor labels = uniform({256}, 0, 4).to(int32);
  std::vector<double> losses;
  for (int step = 0; step < 30; ++step) {
    const Tensor loss = cross_entropy(model(x), labels);
    sgd.zero_grad();
    loss.backward();
    sgd.step();
    losses.push_back(loss.item());
  }
  return losses;
}

TEST(Random, TwoRunsFromOneSeedAreEqualBitForBit) {
  const int before = num_threads();
  for (const int threads : {1, 2}) {
    set_num_threads(threads);
    EXPECT_EQ(losses_of_a_run(), losses_of_a_run()) << threads << " threads";
  }
  set_num_threads(before);
}

}  // namespace
}  // namespace ramp

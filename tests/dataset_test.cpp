// Data sets of any tensors: their parts, and their standardization.

#include "ramp/core/data/dataset.h"

#include <algorithm>
#include <cmath>

#include "data_test.h"
#include "ramp/core/autograd/gradcheck.h"
#include "ramp/core/autograd/ops.h"
#include "ramp/core/data/idx.h"

namespace ramp {
namespace {

using data::Standardization;

TensorOptions wide_on_cpu() { return {.dtype = float64, .device = Device::cpu()}; }

/// n rows (i, 2 i, -i) with the target i / 2 in one column.
Dataset regression(int64_t n) {
  std::vector<float> inputs, targets;
  for (int64_t i = 0; i < n; ++i) {
    const auto x = static_cast<float>(i);
    inputs.insert(inputs.end(), {x, 2 * x, -x});
    targets.push_back(x / 2);
  }
  return {from_vector(inputs, {n, 3}, Device::cpu()), from_vector(targets, {n, 1}, Device::cpu())};
}

/// The rows' numbers, after checking that inputs and targets still belong together.
std::vector<int> rows_of(const Dataset& set) {
  const std::vector<float> x = set.inputs.to_vector<float>(), y = set.targets.to_vector<float>();
  std::vector<int> rows;
  for (size_t i = 0; i < y.size(); ++i) {
    EXPECT_EQ(x[3 * i], 2 * y[i]);
    EXPECT_EQ(x[3 * i + 1], 4 * y[i]);
    EXPECT_EQ(x[3 * i + 2], -2 * y[i]);
    rows.push_back(static_cast<int>(x[3 * i]));
  }
  return rows;
}

TEST(DatasetTest, SubsetsAreRowsInTheirOrder) {
  const Dataset set = regression(10);
  EXPECT_EQ(rows_of(set.subset(2, 5)), (std::vector<int>{2, 3, 4}));
  EXPECT_EQ(rows_of(set.subset({7, 0, 7})), (std::vector<int>{7, 0, 7}));
  EXPECT_TRUE(overlap(set.subset(2, 5).inputs.array(), set.inputs.array()));
  EXPECT_FALSE(overlap(set.subset({7, 0, 7}).inputs.array(), set.inputs.array()));
  EXPECT_EQ(set.subset({7, 0, 7}).targets.shape(), (Shape{3, 1}));
  const Dataset digits = numbered(5);
  EXPECT_EQ(digits.subset({4, 1}).inputs.to_vector<uint8_t>(), (std::vector<uint8_t>{4, 251, 1, 254}));
  EXPECT_EQ(digits.subset({4, 1}).standardization->stddev().item(), 255);
  EXPECT_EQ(digits.subset(1, 3).standardization->stddev().item(), 255);
}

TEST(DatasetTest, SplitsShareOutTheRows) {
  const Dataset set = regression(100);
  Generator generator(5), same(5), other(6);
  const auto [train, test] = set.split(0.8, generator);
  EXPECT_EQ(train.size(), 80);
  EXPECT_EQ(test.size(), 20);
  const std::vector<int> first = rows_of(train);
  std::vector<int> all = first, last = rows_of(test);
  all.insert(all.end(), last.begin(), last.end());
  std::sort(all.begin(), all.end());
  for (int i = 0; i < 100; ++i) EXPECT_EQ(all[static_cast<size_t>(i)], i);
  EXPECT_FALSE(std::is_sorted(first.begin(), first.end()));
  EXPECT_EQ(rows_of(set.split(80, same).train), first);
  EXPECT_NE(rows_of(set.split(80, other).train), first);
  EXPECT_EQ(set.split(0.255).train.size(), 26);
  EXPECT_EQ(set.split(1).train.size(), 1);
  EXPECT_EQ(set.split(size_t{99}).test.size(), 1);
  const auto [some, rest] = numbered(10).split(0.5);
  EXPECT_EQ(some.standardization->stddev().item(), 255);
  EXPECT_EQ(rest.standardization->stddev().item(), 255);
}

TEST(StandardizationTest, IsTheFormula) {
  // By hand: the second column is constant, the third's mean is 2 and its squares' mean 14 / 3.
  const Tensor x = from_vector<double>({1, 0.1, -1, 2, 0.1, 2, 6, 0.1, 5}, {3, 3}, Device::cpu());
  const Standardization scaling(x);
  EXPECT_EQ(scaling.mean().shape(), Shape{3});
  EXPECT_EQ(scaling.mean().dtype(), float64);
  EXPECT_EQ(scaling.mean().to_vector<double>(), (std::vector<double>{3, 0.1, 2}));
  const std::vector<double> stddev = scaling.stddev().to_vector<double>();
  EXPECT_DOUBLE_EQ(stddev[0], std::sqrt((4.0 + 1 + 9) / 3));
  EXPECT_EQ(stddev[1], 1);
  EXPECT_DOUBLE_EQ(stddev[2], std::sqrt(6.0));
  const std::vector<double> y = scaling.apply(x).to_vector<double>();
  EXPECT_EQ(y[1], 0);
  EXPECT_DOUBLE_EQ(y[0], -2 / stddev[0]);
  EXPECT_DOUBLE_EQ(y[8], 3 / stddev[2]);
  // For other rows the constant column shows how far they are from it.
  EXPECT_DOUBLE_EQ(scaling.apply(from_vector<double>({3, 2.1, 2}, {1, 3}, Device::cpu())).to_vector<double>()[1], 2);
  const std::vector<double> back = scaling.inverse(scaling.apply(x)).to_vector<double>();
  for (size_t i = 0; i < back.size(); ++i) EXPECT_NEAR(back[i], x.to_vector<double>()[i], 1e-15);
}

TEST(StandardizationTest, BringsFeaturesToMean0AndDeviation1) {
  Generator generator(1);
  const Tensor noise = randn({1000, 2, 3}, wide_on_cpu(), generator);
  for (const DType dtype : {float64, float32, int32, uint8}) {
    const Tensor x = (noise * 9 + 100).to(dtype);
    const Tensor y = Standardization(x).apply(x);
    EXPECT_EQ(y.shape(), x.shape());
    EXPECT_EQ(y.dtype(), dtype == float64 ? float64 : float32);
    const Standardization again(y);
    EXPECT_EQ(again.mean().shape(), (Shape{2, 3}));
    for (const double mean : again.mean().to_vector<double>()) EXPECT_NEAR(mean, 0, 1e-7);
    for (const double stddev : again.stddev().to_vector<double>()) EXPECT_NEAR(stddev, 1, 1e-6);
  }
}

TEST(StandardizationTest, TakesLargeMeansAndOneNumberARow) {
  const Standardization far(from_vector<double>({1e9 + 1, 1e9 + 2, 1e9 + 3}, {3}, Device::cpu()));
  EXPECT_EQ(far.mean().shape(), Shape{});
  EXPECT_DOUBLE_EQ(far.mean().item(), 1e9 + 2);
  EXPECT_DOUBLE_EQ(far.stddev().item(), std::sqrt(2.0 / 3));
  EXPECT_EQ(Standardization(10, 5).apply(tensor({{0, 20}}, wide_on_cpu())).to_vector<double>(),
            (std::vector<double>{-2, 2}));
  EXPECT_EQ(
      error_of([] { Standardization{from_vector<double>({1e300, -1e300}, {2}, Device::cpu())}; }),
      "[Standardization] expected features whose mean and standard deviation are finite, got 0 and inf for feature 0");
}

TEST(StandardizationTest, LetsGradientsThrough) {
  Tensor x = tensor({{1, 5}, {2, 9}, {4, 4}}, wide_on_cpu());
  const Standardization scaling(x);
  x.set_requires_grad();
  gradcheck([&](const std::vector<Tensor>& in) { return square(scaling.apply(in[0])); }, {x});
  gradcheck([&](const std::vector<Tensor>& in) { return square(scaling.inverse(in[0])); }, {x});
}

using LoadIdx = Data;

TEST_F(LoadIdx, TakesFilesOfAnyShape) {
  const std::string inputs = write("inputs", header(0x09, {2, 1, 3}) + std::string("\x01\x02\xff\x04\x05\x06", 6));
  const std::string targets = write("targets", header(0x08, {2, 2}) + std::string("\x01\x02\x03\x04", 4));
  const Dataset set = data::load_idx(inputs, targets);
  EXPECT_EQ(set.inputs.shape(), (Shape{2, 1, 3}));
  EXPECT_EQ(set.inputs.to_vector<int32_t>(), (std::vector<int32_t>{1, 2, -1, 4, 5, 6}));
  EXPECT_EQ(set.targets.shape(), (Shape{2, 2}));
  EXPECT_EQ(set.targets.to_vector<int32_t>(), (std::vector<int32_t>{1, 2, 3, 4}));
  EXPECT_FALSE(set.standardization);
  const std::string three = write("three", header(0x08, {3}) + "abc"), scalar = write("scalar", header(0x08, {}) + "a");
  EXPECT_EQ(error_of([&] { data::load_idx(inputs, three); }),
            "[load_idx] " + three + ": expected as many targets as inputs, got [3] for [2, 1, 3]");
  EXPECT_EQ(error_of([&] { data::load_idx(scalar, three); }),
            "[load_idx] " + scalar + ": expected at least one row of at least one number, got []");
}

}  // namespace
}  // namespace ramp

// bfloat16 as a dtype: created, converted, printed, moved, compared and multiplied on every device; nothing else.

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <numeric>
#include <sstream>

#include "error_of.h"
#include "on_devices.h"
#include "ramp/core/array_ops/array_ops.h"
#include "ramp/ramp.h"

namespace ramp {
namespace {

class BFloat16s : public OnDevices {
 protected:
  TensorOptions options() const { return {.dtype = bfloat16, .device = device()}; }
  Tensor numbers(const std::vector<float>& values, const Shape& shape) const {
    return from_vector(values, shape, device()).to(bfloat16);
  }
  static std::vector<float> values(const Tensor& x) { return x.to(float32).to_vector<float>(); }
};
INSTANTIATE_TEST_SUITE_P(Devices, BFloat16s,
                         testing::Combine(testing::Values("cpu", "cuda"), testing::Values(bfloat16)),
                         [](const auto& info) { return title(info); });

using Floats = std::vector<float>;

TEST_P(BFloat16s, HoldsEveryNumberOfTheFormat) {
  std::vector<BFloat16> all(1 << 16);
  for (uint32_t i = 0; i < all.size(); ++i) all[i].bits = static_cast<uint16_t>(i);
  const Tensor x = from_vector(all, {1 << 16}, device());
  const std::vector<float> wide = x.to(float32).to_vector<float>();
  const std::vector<BFloat16> back = x.to(float64).to(bfloat16).to_vector<BFloat16>();
  for (uint32_t i = 0; i < all.size(); ++i) {
    const float expected = std::bit_cast<float>(i << 16);
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(wide[i]) && std::isnan(static_cast<float>(back[i]))) << i;
    } else {
      ASSERT_EQ(wide[i], expected) << i;
      ASSERT_EQ(back[i].bits, all[i].bits) << i;
    }
  }
}

TEST_P(BFloat16s, IsCreatedAndConverted) {
  EXPECT_EQ(values(zeros({2}, options())), (Floats{0, 0}));
  EXPECT_EQ(values(full({2}, 3.1415927, options())), (Floats{3.140625, 3.140625}));
  EXPECT_EQ(values(tensor({1, -2.5, 257}, options())), (Floats{1, -2.5, 256}));
  EXPECT_EQ(values(arange(3, options())), (Floats{0, 1, 2}));
  const Tensor x = numbers({1.75, -1.75, 300, NAN, INFINITY, -1e30F}, {6});
  EXPECT_EQ(x.dtype(), bfloat16);
  EXPECT_EQ(x.array().bytes(), 12);
  EXPECT_EQ(x.to(int32).to_vector<int32_t>(), (std::vector<int32_t>{1, -1, 300, 0, 2147483647, -2147483647 - 1}));
  EXPECT_EQ(x.to(uint8).to_vector<uint8_t>(), (std::vector<uint8_t>{1, 0, 255, 0, 255, 0}));
  EXPECT_EQ(values(from_vector<int32_t>({16777217, -3}, {2}, device()).to(bfloat16)), (Floats{16777216, -3}));
  EXPECT_EQ(values(from_vector<uint8_t>({255, 7}, {2}, device()).to(bfloat16)), (Floats{255, 7}));
  EXPECT_EQ(numbers({2.5}, {}).item(), 2.5);
  // Of every length, since some kernels take several at a time.
  for (int n = 0; n < 40; ++n) {
    std::vector<float> x(static_cast<size_t>(n)), expected;
    std::iota(x.begin(), x.end(), 1.001F);
    for (const float value : x) expected.push_back(BFloat16(value));
    EXPECT_EQ(values(numbers(x, {n})), expected) << n;
  }
}

TEST_P(BFloat16s, IsPrinted) {
  std::ostringstream out;
  out << numbers({1, -2.5, 0.125}, {3});
  std::ostringstream same;
  same << from_vector<float>({1, -2.5, 0.125}, {3}, device());
  EXPECT_EQ(out.str(), same.str());
}

TEST_P(BFloat16s, IsMovedAndCompared) {
  const Tensor x = numbers({1, 2, 3, 4, 5, 6}, {2, 3});
  EXPECT_EQ(values(transpose(x)), (Floats{1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(values(rows(reshape(x, {3, 2}), 1, 2)), (Floats{3, 4}));
  EXPECT_EQ(values(concat({x, x}, 1)), (Floats{1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6}));
  EXPECT_EQ(values(gather(x, from_vector<int32_t>({1, 0, 1}, {3}, device()))), (Floats{4, 5, 6, 1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(values(Tensor(broadcast_to(x.array().rows(0, 1), {2, 3}))), (Floats{1, 2, 3, 1, 2, 3}));
  EXPECT_EQ(values(x.to(Device::cpu()).to(device())), values(x));
  const Tensor large = x > 2.5;
  EXPECT_EQ(large.to_vector<uint8_t>(), (std::vector<uint8_t>{0, 0, 1, 1, 1, 1}));
  EXPECT_EQ(values(where(large, x, numbers({9, 9, 9, 9, 9, 9}, {2, 3}))), (Floats{9, 9, 3, 4, 5, 6}));
  EXPECT_EQ((x == numbers({1, 0, 3, 0, 5, NAN}, {2, 3})).to_vector<uint8_t>(),
            (std::vector<uint8_t>{1, 0, 1, 0, 1, 0}));
  EXPECT_EQ(argmax(x, 1).to_vector<int32_t>(), (std::vector<int32_t>{2, 2}));
}

// The products of two bfloat16 numbers are exact in float32. Their sum is off by at most k 2^-23 of what the terms add
// up to, in any order.
TEST_P(BFloat16s, IsMultipliedIntoFloat32) {
  Generator generator(5);
  for (const auto& [m, n, k] : {std::tuple{1, 1, 1}, {5, 7, 3}, {64, 33, 40}, {1, 300, 17}, {3, 4, 0}})
    for (const bool ta : {false, true})
      for (const bool tb : {false, true}) {
        const auto matrix = [&](int64_t rows, int64_t columns, bool transposed) {
          const Shape shape = transposed ? Shape{columns, rows} : Shape{rows, columns};
          return randn(shape, {.device = device()}, generator).to(bfloat16);
        };
        const Tensor a = matrix(m, k, ta), b = matrix(k, n, tb);
        const Tensor product = Tensor(matmul(a.array(), b.array(), {.transpose_a = ta, .transpose_b = tb}));
        ASSERT_EQ(product.dtype(), float32);
        const auto wide = [](const Tensor& x) { return x.to(float64); };
        const auto multiply = [&](const Tensor& a, const Tensor& b) {
          return Tensor(matmul(a.array(), b.array(), {.transpose_a = ta, .transpose_b = tb})).to_vector<double>();
        };
        const std::vector<double> exact = multiply(wide(a), wide(b)), terms = multiply(abs(wide(a)), abs(wide(b)));
        const std::vector<float> got = product.to_vector<float>();
        for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], exact[i], k * 0x1p-23 * terms[i]) << i;
      }
  const Tensor x = numbers({1, 2}, {1, 2}), y = numbers({3, 4}, {2, 1});
  EXPECT_EQ(matmul(x, y).to_vector<float>(), Floats{11});
}

TEST_P(BFloat16s, ComputesNothingElse) {
  const Tensor x = numbers({1, 2}, {1, 2});
  EXPECT_EQ(error_of([&] { relu(x); }), "[relu] expected float32 or float64, got bfloat16; convert it with to()");
  EXPECT_EQ(error_of([&] { x + x; }), "[add] expected float32 or float64, got bfloat16; convert it with to()");
  EXPECT_EQ(error_of([&] { matmul(x, transpose(x).to(float32)); }),
            "[matmul] expected float32 or float64, got bfloat16; convert it with to()");
  EXPECT_NE(error_of([&] { Tensor(x).set_requires_grad(); }).find("float32"), std::string::npos);
  EXPECT_NE(error_of([&] { zeros({2}, {.dtype = static_cast<DType>(5)}); }).find("got number 5"), std::string::npos);
}

}  // namespace
}  // namespace ramp

#include <gtest/gtest.h>

#include <limits>

#include "error_of.h"
#include "ramp/core/array/broadcast.h"
#include "ramp/ramp.h"

namespace ramp {
namespace {

TEST(Shape, CountsItsElements) {
  EXPECT_EQ(Shape({}).numel(), 1);
  EXPECT_EQ(Shape({2, 3}).numel(), 6);
  EXPECT_EQ(Shape({2, 0, 3}).numel(), 0);
  EXPECT_EQ(to_string(Shape{2, 3}), "[2, 3]");
}

TEST(Shape, RefusesWhatCannotBe) {
  EXPECT_EQ(error_of([] { Shape{2, -1}; }), "[shape] sizes must not be negative, got -1");
  EXPECT_EQ(error_of([] { Shape{1, 1, 1, 1, 1, 1, 1, 1, 1}; }), "[shape] at most 8 axes, got 9");
  const int64_t huge = int64_t{1} << 40;
  EXPECT_EQ(error_of([&] { Shape{huge, huge}; }), "[shape] the number of elements overflows 63 bits");
  // Zero must not hide an overflow that a kernel's partial product would meet.
  EXPECT_EQ(error_of([&] { Shape{huge, huge, 0}; }), "[shape] the number of elements overflows 63 bits");
}

TEST(Shape, BroadcastsAsNumPy) {
  EXPECT_EQ(broadcast("add", {3, 1}, {4}), Shape({3, 4}));
  EXPECT_EQ(broadcast("add", {}, {2, 3}), Shape({2, 3}));
  EXPECT_EQ(broadcast("add", {0, 3}, {1}), Shape({0, 3}));
  EXPECT_EQ(error_of([] { broadcast("add", {2, 3}, {4}); }),
            "[add] shapes must broadcast (equal sizes, or 1, aligned at the right), got [2, 3] and [4]");
}

TEST(Shape, CountsAxesFromTheEnd) {
  EXPECT_EQ(normalize_axis("sum", -1, {2, 3}), 1);
  EXPECT_EQ(error_of([] { normalize_axis("sum", 2, {2, 3}); }),
            "[sum] axis must lie in [-2, 2) for shape [2, 3], got 2");
}

TEST(Array, ReshapesAndSlicesWithoutCopying) {
  const Tensor x = arange(12);
  const Array m = x.array().reshape({3, -1});
  EXPECT_EQ(m.shape(), Shape({3, 4}));
  EXPECT_EQ(m.rows(1, 3).data<float>(), x.array().data<float>() + 4);
  EXPECT_EQ(error_of([&] { m.reshape({5, -1}); }), "[reshape] cannot infer -1: 12 elements over 5");
  EXPECT_EQ(error_of([&] { m.reshape({-1, -1}); }), "[reshape] only one size may be -1, got it at axes 0 and 1");
  EXPECT_EQ(error_of([&] { m.reshape({5, 5}); }), "[reshape] [3, 4] has 12 elements, [5, 5] has 25");
  EXPECT_EQ(error_of([&] { m.rows(2, 4); }), "[rows] expected 0 <= begin <= end <= 3, got 2 and 4");
  EXPECT_EQ(error_of([&] { m.data<double>(); }), "[data] expected float64, got float32");
}

TEST(Array, RefusesWhatNoMemoryHolds) {
  for (const int power : {57, 60, 61, 62})
    EXPECT_EQ(
        error_of([&] { zeros({int64_t{1} << power}); }),
        "[allocate] an array must have at most 2^56 bytes, got float32 [" + std::to_string(int64_t{1} << power) + "]");
}

TEST(Array, IsNothingUntilItIsDefined) {
  const std::string message = "[array] expected an array, got an undefined one";
  EXPECT_EQ(error_of([] { Array().device(); }), message);
  EXPECT_EQ(error_of([] { Array().data<float>(); }), message);
  EXPECT_EQ(error_of([] { clone(Array()); }), message);
}

TEST(Array, ConvertsWithSaturation) {
  const double inf = std::numeric_limits<double>::infinity();
  const Tensor x = from_vector<double>({-1.7, 1.7, 300, -1e300, inf, NAN}, {6});
  EXPECT_EQ(x.to(uint8).to_vector<uint8_t>(), (std::vector<uint8_t>{0, 1, 255, 0, 255, 0}));
  EXPECT_EQ(x.to(int32).to_vector<int32_t>(), (std::vector<int32_t>{-1, 1, 300, INT32_MIN, INT32_MAX, 0}));
  EXPECT_EQ(tensor({1, 2}).to(int32).to(float32).to_vector<float>(), (std::vector<float>{1, 2}));
}

TEST(Device, SaysWhatThereIs) {
  EXPECT_EQ(devices().front(), Device::cpu());
  EXPECT_EQ(Device::parse("cpu"), Device::cpu());
  EXPECT_EQ(error_of([] { Device::parse("gpu"); }), "[device] expected cpu, cuda, cuda:N or auto, got 'gpu'");
  if (devices().size() == 1) {
    EXPECT_EQ(Device::best(), Device::cpu());
    EXPECT_THROW(Device::cuda(), Error);
  }
}

TEST(Print, LooksLikeNumPy) {
  const auto text = [](const Tensor& x) {
    std::ostringstream out;
    out << x;
    return out.str();
  };
  EXPECT_EQ(text(tensor({{1, 2}, {3, 4.5}})), "[[1.  2. ]\n [3.  4.5]]");
  EXPECT_EQ(text(scalar(2)), "2.");
  EXPECT_EQ(text(arange(3, {.dtype = int32})), "[0 1 2]");
  EXPECT_EQ(text(tensor({-1, NAN, INFINITY})), "[-1. nan inf]");
  EXPECT_EQ(text(zeros({0})), "[]");
  EXPECT_EQ(text(zeros({1, 2, 1})), "[[[0.]\n  [0.]]]");
  EXPECT_EQ(text(reshape(arange(4, {.dtype = int32}), {2, 2, 1})), "[[[0]\n  [1]]\n\n [[2]\n  [3]]]");
  EXPECT_EQ(text(arange(2000, {.dtype = int32})), "[   0    1    2 ... 1997 1998 1999]");
  EXPECT_EQ(text(tensor({1e-10, 1})), "[1.0000e-10 1.0000e+00]");
  EXPECT_EQ(text(Tensor()), "undefined");
  // However long the axes of nothing are.
  EXPECT_EQ(text(zeros({2, 0})), "[]");
  EXPECT_EQ(text(zeros({int64_t{1} << 40, 0})), "[]");
}

}  // namespace
}  // namespace ramp

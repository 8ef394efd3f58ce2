// Reduced precision of matrix products: the rounding, who may ask for it, and what comes out.

#include "ramp/core/backend/precision.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>

#include "error_of.h"
#include "ramp/core/array_ops/array_ops.h"
#include "ramp/core/cpu/kernels.h"
#include "ramp/core/cpu/onednn.h"
#include "ramp/ramp.h"

namespace ramp {
namespace {

// ---- Rounding to bfloat16 -------------------------------------------------------------------------------------------

float wide(uint16_t upper) { return std::bit_cast<float>(static_cast<uint32_t>(upper) << 16); }

/// The nearest of the two bfloat16 around a finite x, by the distances themselves; in a tie the even one.
uint16_t nearest(float x) {
  const auto towards_zero = static_cast<uint16_t>(std::bit_cast<uint32_t>(x) >> 16);
  const auto away = static_cast<uint16_t>(towards_zero + 1);
  // What is next to the largest finite one is infinity, and counts as 2^128.
  const double far = std::isinf(wide(away)) ? std::copysign(0x1p128, x) : wide(away);
  const double below = std::abs(double(x) - wide(towards_zero)), above = std::abs(far - x);
  if (below != above) return below < above ? towards_zero : away;
  return towards_zero % 2 == 0 ? towards_zero : away;
}

TEST(Bfloat16, RoundsToNearestAndTiesToEven) {
  const uint32_t lowers[] = {0, 1, 0x7ffe, 0x7fff, 0x8000, 0x8001, 0xfffe, 0xffff, 0x1234, 0xabcd};
  std::vector<float> x;
  for (uint32_t upper = 0; upper < 1U << 16; ++upper)
    for (uint32_t lower : lowers) x.push_back(std::bit_cast<float>(upper << 16 | lower));
  x.push_back(1);  // a count that no vector width divides
  std::vector<BFloat16> y(x.size());
  kernels<float>().to_bfloat16(x.data(), y.data(), static_cast<int64_t>(x.size()));
  for (size_t i = 0; i < x.size(); ++i) {
    const uint16_t got = y[i].bits;
    const uint32_t bits = std::bit_cast<uint32_t>(x[i]);
    if (std::isnan(x[i])) {
      ASSERT_TRUE(std::isnan(wide(got)) && (got & 0x40)) << std::hex << bits << ": a quiet NaN, got " << got;
      ASSERT_EQ(got >> 15, bits >> 31) << "of the same sign";
    } else if (std::isinf(x[i])) {
      ASSERT_EQ(got, bits >> 16);
    } else {
      ASSERT_EQ(got, nearest(x[i])) << std::hex << bits;
    }
  }
}

TEST(Bfloat16, IsTheSameInPieces) {
  std::vector<float> x;
  for (int i = 0; i < 100; ++i) x.push_back(std::sin(static_cast<float>(i)));
  std::vector<BFloat16> whole(100), pieces(100);
  kernels<double>().to_bfloat16(x.data(), whole.data(), 100);
  for (int64_t begin = 0, size = 1; begin < 100; begin += size, ++size)
    kernels<float>().to_bfloat16(x.data() + begin, pieces.data() + begin, std::min<int64_t>(size, 100 - begin));
  for (size_t i = 0; i < 100; ++i) EXPECT_EQ(whole[i].bits, pieces[i].bits);
}

// ---- Who may ask ----------------------------------------------------------------------------------------------------

TEST(SetPrecision, IsFloat32AtFirst) {
  for (const Device device : devices()) EXPECT_EQ(precision(device), Precision::float32);
}

TEST(SetPrecision, PrintsItsNames) {
  std::ostringstream out;
  out << Precision::float32 << ' ' << Precision::tf32 << ' ' << Precision::bf16;
  EXPECT_EQ(out.str(), "float32 tf32 bf16");
  EXPECT_STREQ(name(Precision::bf16), "bf16");
}

TEST(SetPrecision, RefusesWhatTheCpuLacks) {
  const Device cpu = Device::cpu();
  EXPECT_EQ(error_of([&] { set_precision(cpu, Precision::tf32); }),
            "[set_precision] tf32 is a format of CUDA devices, got cpu");
  EXPECT_EQ(precision(cpu), Precision::float32);
  if (cpu::bfloat16_product()) {
    EXPECT_EQ(error_of([&] { set_precision(cpu, Precision::bf16); }), "no error");
    EXPECT_EQ(error_of([&] { set_precision(cpu, Precision::tf32); }),
              "[set_precision] tf32 is a format of CUDA devices, got cpu");
    EXPECT_EQ(precision(cpu), Precision::bf16);
    set_precision(cpu, Precision::float32);
    return;
  }
  const std::string message = error_of([&] { set_precision(cpu, Precision::bf16); });
  const std::string rule =
      "[set_precision] bf16 products on the CPU need AVX512-BF16 and a ramp built with oneDNN, got ";
  EXPECT_TRUE(
      message == rule + "a processor without it" || message == rule + "a build without oneDNN" ||
      message == rule + "a processor without it and a build without oneDNN" ||
      message == rule + "a oneDNN that may not use it, though the processor has it (ONEDNN_MAX_CPU_ISA, or the kernel)")
      << message;
  EXPECT_EQ(precision(cpu), Precision::float32);
}

TEST(SetPrecision, IsNoPartOfACapturedStep) {
  auto step = capture(
      [](const Tensor& x) {
        set_precision(Device::cpu(), Precision::float32);
        return x;
      },
      {.warmup = 1});
  const Tensor x = ones({2}, {.device = Device::cpu()});
  testing::internal::CaptureStderr();
  for (int i = 0; i < 2; ++i) step(x);
  testing::internal::GetCapturedStderr();
  EXPECT_EQ(step.eager_reason(), "[set_precision] changing the precision cannot be part of a captured step");
}

// ---- What comes out -------------------------------------------------------------------------------------------------

/// Bfloat16Product by plain loops.
void plain_product(int64_t m, int64_t n, int64_t k, const BFloat16* a, int64_t lda, bool transpose_a, const BFloat16* b,
                   int64_t ldb, bool transpose_b, float* c, int64_t ldc) {
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      float sum = 0;
      for (int64_t l = 0; l < k; ++l)
        sum += wide(a[transpose_a ? l * lda + i : i * lda + l].bits) *
               wide(b[transpose_b ? j * ldb + l : l * ldb + j].bits);
      c[i * ldc + j] = sum;
    }
}

/// A device and a precision; on the CPU also with plain loops in oneDNN's place, which any processor runs.
struct Case {
  const char* title;
  const char* device;
  Precision precision;
  bool plain;
};

class Reduced : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    if (GetParam().plain) cpu::bfloat16_product() = plain_product;
    try {
      device_ = Device::parse(GetParam().device);
      set_precision(device_, GetParam().precision);
    } catch (const Error& error) {
      GTEST_SKIP() << error.what();
    }
  }
  void TearDown() override {
    set_precision(device_, Precision::float32);
    cpu::bfloat16_product() = own_;
    set_num_threads(threads_);
  }
  Device device() const { return device_; }
  /// The largest relative error of the operands' rounding.
  double unit() const { return GetParam().precision == Precision::bf16 ? 0x1p-8 : 0x1p-10; }
  Tensor normal(const Shape& shape, uint64_t seed, DType dtype = float32) const {
    Generator generator(seed);
    return randn(shape, {.dtype = dtype, .device = device_}, generator);
  }
  /// f() under float32.
  template <class F>
  auto exactly(F f) const {
    set_precision(device_, Precision::float32);
    auto result = f();
    set_precision(device_, GetParam().precision);
    return result;
  }

 private:
  Device device_ = Device::cpu();
  cpu::Bfloat16Product own_ = cpu::bfloat16_product();
  int threads_ = num_threads();
};
INSTANTIATE_TEST_SUITE_P(Precisions, Reduced,
                         testing::Values(Case{"cpu_bf16_plain", "cpu", Precision::bf16, true},
                                         Case{"cpu_bf16", "cpu", Precision::bf16, false},
                                         Case{"cuda_bf16", "cuda", Precision::bf16, false},
                                         Case{"cuda_tf32", "cuda", Precision::tf32, false}),
                         [](const auto& info) { return info.param.title; });

struct Sizes {
  int64_t m, n, k;
};
/// Vectors, and what is cut into pieces by rows and by columns.
const Sizes sizes[] = {{2, 2, 2},       {3, 5, 7},    {17, 33, 31}, {64, 64, 64}, {5, 200, 50},
                       {300, 10, 129},  {1, 9, 8},    {9, 1, 8},    {4, 4, 1},    {513, 257, 65},
                       {100, 520, 260}, {20, 515, 3}, {2, 700, 90}, {700, 2, 90}};

std::vector<double> values(const Tensor& x) { return x.to(float64).to_vector<double>(); }

/// Expects |c - op(a) op(b)| <= relative sum |a| |b|, and returns the largest quotient of the two.
double expect_within(double relative, const Tensor& c, const Tensor& a, const Tensor& b, const Sizes& size,
                     MatmulOptions options) {
  const auto [m, n, k] = size;
  const std::vector<double> va = values(a), vb = values(b), vc = values(c);
  double worst = 0;
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0, all = 0;
      for (int64_t l = 0; l < k; ++l) {
        const double term = va[static_cast<size_t>(options.transpose_a ? l * m + i : i * k + l)] *
                            vb[static_cast<size_t>(options.transpose_b ? j * k + l : l * n + j)];
        sum += term;
        all += std::abs(term);
      }
      worst = std::max(worst, std::abs(vc[static_cast<size_t>(i * n + j)] - sum) / all);
    }
  EXPECT_LE(worst, relative) << m << " x " << n << " x " << k << (options.transpose_a ? ", a transposed" : "")
                             << (options.transpose_b ? ", b transposed" : "");
  return worst;
}

Tensor product(const Tensor& a, const Tensor& b, MatmulOptions options) {
  return Tensor(matmul(a.array(), b.array(), options));
}

TEST_P(Reduced, ProductsAreOffByTheRoundingOfTheirOperands) {
  // With operands a (1 + e), b (1 + f), |e|, |f| <= u, each term is off by (2 u + u^2) |a b| at most; a sum of k terms
  // in float32, in any order and with partial sums cut off rather than rounded, by k 2^-23 of what the terms add up to.
  const double u = unit();
  set_num_threads(3);
  for (const Sizes& size : sizes)
    for (const bool ta : {false, true})
      for (const bool tb : {false, true}) {
        const auto [m, n, k] = size;
        const Tensor a = normal(ta ? Shape{k, m} : Shape{m, k}, 1), b = normal(tb ? Shape{n, k} : Shape{k, n}, 2);
        const double sums = static_cast<double>(k) * 0x1p-23;
        const double off =
            expect_within((2 * u + u * u) + sums * (1 + u) * (1 + u), product(a, b, {ta, tb}), a, b, size, {ta, tb});
        // Were nothing rounded, it would be off by about 2^-24.
        if (m > 16 && n > 16) {
          EXPECT_GT(off, u / 16) << "rounds its operands";
        }
      }
}

TEST_P(Reduced, ProductsOfWhatTheFormatHoldsAreFloat32Ones) {
  // Small integers: 8 bits, which each format holds, with sums below 2^24, which float32 holds.
  for (const Sizes& size : sizes)
    for (const bool ta : {false, true})
      for (const bool tb : {false, true}) {
        const auto [m, n, k] = size;
        const auto integers = [&](const Shape& shape, int64_t step) {
          std::vector<float> x(static_cast<size_t>(shape.numel()));
          for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(static_cast<int64_t>(i) * step % 201 - 100);
          return from_vector(x, shape, device());
        };
        const Tensor a = integers(ta ? Shape{k, m} : Shape{m, k}, 37), b = integers(tb ? Shape{n, k} : Shape{k, n}, 53);
        EXPECT_EQ(values(product(a, b, {ta, tb})), values(exactly([&] { return product(a, b, {ta, tb}); })));
      }
}

TEST_P(Reduced, ProductsLeaveNanAndInfinity) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
  std::vector<float> x(16, 1);
  x[0] = nan;
  x[5] = infinity;
  const Tensor c = product(from_vector(x, {4, 4}, device()), ones({4, 4}, {.device = device()}), {});
  const std::vector<double> got = values(c);
  for (size_t j = 0; j < 4; ++j) {
    EXPECT_TRUE(std::isnan(got[j]));
    EXPECT_EQ(got[4 + j], infinity);
    EXPECT_EQ(got[8 + j], 4);
  }
}

TEST_P(Reduced, Float64StaysAsItIs) {
  const Tensor a = normal({65, 33}, 1, float64), b = normal({33, 70}, 2, float64);
  const auto compute = [&] { return values(product(a, b, {})); };
  EXPECT_EQ(compute(), exactly(compute));
}

TEST_P(Reduced, GradientsAreFloat32AndNear) {
  const auto compute = [&] {
    Tensor w = normal({40, 30}, 1);
    w.set_requires_grad(true);
    const Tensor x = normal({50, 40}, 2);
    sum(square(matmul(x, w))).backward();
    return w.grad();
  };
  const Tensor near = compute(), exact = exactly(compute);
  EXPECT_EQ(near.dtype(), float32);
  const std::vector<double> a = values(near), b = values(exact);
  double off = 0, size = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    off += (a[i] - b[i]) * (a[i] - b[i]);
    size += b[i] * b[i];
  }
  EXPECT_LE(std::sqrt(off / size), 2 * unit());  // four roundings, of errors that point anywhere
  EXPECT_GT(off, 0);
}

/// A small network that learns to tell which of four sums of its input is largest.
struct Training {
  Sequential model;
  optim::SGD sgd;
  Tensor images, labels;

  explicit Training(Device device, int64_t batch = 128)
      : model(network(device)), sgd(model.parameters(), {.learning_rate = 0.1, .momentum = 0.9}) {
    Generator generator(5);
    const Tensor x = randn({batch, 64}, {.device = Device::cpu()}, generator);
    labels = argmax(sum(reshape(x, {batch, 4, 16}), 2), 1).to(device);
    images = x.to(device);
  }
  static Sequential network(Device device) {
    manual_seed(3);
    Sequential model{Dense(64, 96), ReLU(), Dense(96, 48), LeakyReLU(0.1), Dense(48, 4)};
    model.to(device);
    return model;
  }
  Tensor step(const Tensor& x, const Tensor& y) {
    Tensor loss = cross_entropy(model(x), y);
    sgd.zero_grad();
    loss.backward();
    sgd.step();
    return loss;
  }
  auto captured() {
    return capture([this](const Tensor& x, const Tensor& y) { return step(x, y); });
  }
};

TEST_P(Reduced, TrainingReachesTheSameLoss) {
  // Losses after 1, 2, ... steps: apart by a few roundings of an activation at first, by what they grow to later.
  const auto run = [&] {
    Training t(device());
    std::vector<double> losses;
    for (int i = 0; i < 40; ++i) losses.push_back(t.step(t.images, t.labels).item());
    return losses;
  };
  const std::vector<double> reduced = run(), exact = exactly(run);
  EXPECT_NE(reduced, exact);
  EXPECT_NEAR(reduced.front(), exact.front(), 4 * unit() * exact.front());
  EXPECT_LT(exact.back(), 0.1);
  EXPECT_LT(exact.back(), exact.front() / 10);
  for (size_t i = 0; i < exact.size(); ++i) EXPECT_NEAR(reduced[i], exact[i], 0.02 + 0.05 * exact[i]) << "step " << i;
}

TEST_P(Reduced, CapturedStepsEqualEagerOnes) {
  for (const auto& [threads, batch] : {std::pair{1, 50}, {3, 1024}}) {
    set_num_threads(threads);
    Training eager(device(), batch), replayed(device(), batch);
    auto step = replayed.captured();
    for (int i = 0; i < 8; ++i) {
      const double a = eager.step(eager.images, eager.labels).item();
      const double b = step(replayed.images, replayed.labels).item();
      if (GetParam().plain) EXPECT_EQ(a, b) << "step " << i << ", threads " << threads;  // whatever the pieces
      else EXPECT_NEAR(a, b, 0.01 * a) << "step " << i << ", threads " << threads;
    }
    EXPECT_EQ(step.graphs(), 1);
  }
}

TEST_P(Reduced, CapturedStepsFollowThePrecision) {
  const Tensor w = normal({70, 60}, 1), x = normal({40, 70}, 2);
  auto step = capture([&](const Tensor& x) { return matmul(x, w); });
  const auto call = [&] {
    std::vector<double> last;
    for (int i = 0; i < 5; ++i) last = values(step(x));
    return last;
  };
  const auto product = [&] { return values(matmul(x, w)); };
  const std::vector<double> reduced = product(), exact = exactly(product);
  EXPECT_NE(reduced, exact);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(call(), reduced);
    EXPECT_EQ(exactly(call), exact);
    EXPECT_EQ(step.graphs(), 2) << "each precision has its own, and keeps it";
  }
}

// ---- Parameters kept rounded ----------------------------------------------------------------------------------------

/// How many of the weights are kept rounded. Expects those to be what rounding them now gives.
size_t kept_rounded(const Training& t) {
  size_t count = 0;
  for (const Parameter& p : t.model.parameters()) {
    const Array& x = p.tensor.array();
    const Array kept = bfloat16_copy(x);
    if (x.rank() != 2 || !kept.defined()) continue;
    EXPECT_EQ(values(Tensor(to(kept, float32))), values(Tensor(to(to(x, bfloat16), float32)))) << p.name;
    ++count;
  }
  return count;
}

TEST_P(Reduced, OptimizersKeepTheWeightsRounded) {
  const size_t all = GetParam().precision == Precision::bf16 ? 3 : 0;
  Training t(device());
  auto step = t.captured();
  EXPECT_EQ(kept_rounded(t), 0u);
  for (int i = 0; i < 8; ++i) {
    step(t.images, t.labels);
    EXPECT_EQ(kept_rounded(t), all);
    values(t.model(t.images));
    EXPECT_EQ(kept_rounded(t), all) << "reading changes nothing";
  }
  t.step(t.images, t.labels);
  EXPECT_EQ(kept_rounded(t), all);
  exactly([&] { return t.step(t.images, t.labels); });
  EXPECT_EQ(kept_rounded(t), 0u);
}

TEST_P(Reduced, WeightsWrittenMeanwhileAreRoundedAgain) {
  /// Losses and outputs of a training into which others write. `forget` has weights rounded for each product anew; the
  /// images are times `factor`.
  const auto run = [&](bool captures, bool forget, double factor = 1) {
    Training t(device());
    t.images = t.images * factor;
    std::vector<Tensor> weights;
    for (const Parameter& p : t.model.parameters())
      if (p.tensor.rank() == 2) weights.push_back(p.tensor);
    auto step = t.captured();
    const auto evaluate = [&](const Tensor& x) {
      const NoGrad outside;
      return t.model(x);
    };
    auto evaluate_captured = capture(evaluate);
    const auto shrink = [&](const Tensor& x) {
      for (const Tensor& w : weights) copy(w.array() * 0.99, w.array());
      return x;
    };
    auto shrink_captured = capture(shrink);
    const auto check = [&] {
      kept_rounded(t);
      if (!forget) return;
      for (const Tensor& w : weights) w.array().data<void>();
    };
    std::vector<double> all;
    for (int i = 0; i < 40; ++i) {
      if (i % 8 == 5) copy(normal(weights[0].shape(), static_cast<uint64_t>(i)).array() * 0.1, weights[0].array());
      if (i % 8 == 6) fill(weights[1].array(), 0.01);
      if (i % 8 == 7 && !device().is_cuda()) weights[2].array().data<float>()[1] += 0.5F;
      check();
      for (const double x : values(captures ? evaluate_captured(t.images) : evaluate(t.images))) all.push_back(x);
      check();
      if (i % 4 == 3) captures ? shrink_captured(t.images) : shrink(t.images);
      check();
      const bool exact = i / 6 % 2 == 1;
      if (exact) set_precision(device(), Precision::float32);
      all.push_back((captures ? step(t.images, t.labels) : t.step(t.images, t.labels)).item());
      set_precision(device(), GetParam().precision);
      check();
    }
    return all;
  };
  const std::vector<double> expected = run(false, true), eager = run(false, false), captured = run(true, false);
  EXPECT_EQ(eager, expected);
  // Captured products may be cut into other pieces, whose last bits differ; training makes more of that, as it does of
  // the images' last bits: by 0.03 to 0.1 of the numbers. A weight that was not rounded again changes them by 7.
  const std::vector<double> nudged = run(false, true, 1 + 0x1p-23);
  const auto apart = [&](const std::vector<double>& numbers) {
    double most = 0;
    for (size_t i = 0; i < expected.size(); ++i)
      most = std::max(most, std::abs(numbers[i] - expected[i]) / (1 + std::abs(expected[i])));
    return most;
  };
  EXPECT_LT(apart(nudged), 0.5);
  EXPECT_LE(apart(captured), apart(nudged));
}

TEST_P(Reduced, AStepThatCannotBeCapturedLeavesNoWrongCopy) {
  Training t(device());
  auto step = capture(
      [&](const Tensor& x, const Tensor& y) {
        fill(t.model.parameters()[0].tensor.array(), 0.1);  // so that the step has to round it
        Tensor loss = t.step(x, y);
        loss.item();
        return loss;
      },
      {.warmup = 1});
  step(t.images, t.labels);
  fill(t.model.parameters()[2].tensor.array(), 0.1);
  testing::internal::CaptureStderr();
  step(t.images, t.labels);
  testing::internal::GetCapturedStderr();
  EXPECT_NE(step.eager_reason(), "");
  kept_rounded(t);
  t.step(t.images, t.labels);
  kept_rounded(t);
}

TEST_P(Reduced, TrainingKeepsToItsMemory) {
  Training t(device());
  auto step = t.captured();
  for (int i = 0; i < 6; ++i) step(t.images, t.labels);
  for (int i = 0; i < 6; ++i) t.step(t.images, t.labels);
  const MemoryStats before = memory_stats(device());
  for (int i = 0; i < 20; ++i) step(t.images, t.labels);
  for (int i = 0; i < 20; ++i) t.step(t.images, t.labels);
  EXPECT_EQ(memory_stats(device()).live_bytes, before.live_bytes);
  EXPECT_EQ(memory_stats(device()).system_allocations, before.system_allocations);
}

}  // namespace
}  // namespace ramp

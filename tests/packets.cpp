// The float32 functions of SIMD packets, densely over all signs and exponents. Compiled once for each instruction set,
// as kernels.cpp is; a processor without it skips.

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "ramp/core/cpu/packet.h"

namespace ramp {
namespace {

using P = RAMP_ISA::Packet<float>;

#if defined(__x86_64__)
/// Before anything else runs that the compiler may have made of instructions that are not there.
[[gnu::constructor(101)]] void skip_without_instructions() {
  __builtin_cpu_init();
#if defined(__AVX512F__)
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512dq")) std::_Exit(77);
#elif defined(__AVX2__)
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) std::_Exit(77);
#endif
}
#endif

/// Every 4001st of all floats: each exponent 2096 times. `limit` is in units in the last place of the exact value.
template <class F, class Exact>
void expect_accurate(F f, Exact exact, double limit) {
  double worst = 0;
  float worst_at = 0;
  for (uint64_t bits = 0; bits < uint64_t{1} << 32; bits += 4001) {
    const float x = std::bit_cast<float>(static_cast<uint32_t>(bits));
    const float got = f(P::all(x)).v[bits % P::width];
    const double want = exact(static_cast<double>(x));
    if (std::isnan(want)) {
      ASSERT_TRUE(std::isnan(got)) << x << " gives " << got;
    } else if (std::abs(want) > std::numeric_limits<float>::max()) {
      ASSERT_TRUE(std::isinf(got) && std::signbit(got) == std::signbit(want)) << x << " gives " << got;
    } else {
      int exponent;
      std::frexp(want, &exponent);
      const double error = std::abs(got - want) / std::ldexp(1, std::max(exponent - 24, -149));
      if (!(error <= worst)) worst = error, worst_at = x;
    }
  }
  EXPECT_LE(worst, limit) << "at " << worst_at;
}

TEST(Packet, FunctionsAreAccurate) {
  using namespace RAMP_ISA;
  expect_accurate([](P x) { return exp(x); }, [](double x) { return std::exp(x); }, 1.5);
  // The products are exact in float64.
  for (const double factor : {-3.0, -0x1.999999999ap-4})
    expect_accurate(
        [=](P x) { return scaled_exp(factor, abs(x)); },
        [=](double x) { return std::exp(static_cast<double>(factor * std::abs(static_cast<long double>(x)))); }, 2);
  expect_accurate([](P x) { return expm1(x); }, [](double x) { return std::expm1(x); }, 2);
  expect_accurate([](P x) { return log(x); }, [](double x) { return std::log(x); }, 1.5);
  expect_accurate([](P x) { return log1p(x); }, [](double x) { return std::log1p(x); }, 2);
  expect_accurate([](P x) { return tanh(x); }, [](double x) { return std::tanh(x); }, 3);
  expect_accurate([](P x) { return erfc(x); }, [](double x) { return std::erfc(x); }, 5.5);
  // Exactly: x has 24 bits, so that rounding x / sqrt(2) and x^2 in float64 costs 1e-14 at most before the value is 0.
  expect_accurate([](P x) { return normal_cdf(x); }, [](double x) { return std::erfc(-x * M_SQRT1_2) / 2; }, 5.5);
  expect_accurate([](P x) { return normal_pdf(x); }, [](double x) { return std::exp(-x * x / 2) * 0.3989422804014327; },
                  3.5);
}

}  // namespace
}  // namespace ramp

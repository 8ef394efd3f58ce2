#include "ceilings.h"

#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

/// How often a second all threads together do `work`.
template <class Work>
double rate(int threads, const Work& work) {
  std::vector<std::thread> running;
  std::vector<double> each(static_cast<size_t>(threads));
  for (int i = 0; i < threads; ++i)
    running.emplace_back([&, i] {
      auto mine = work(i);
      mine();
      int64_t calls = 0;
      const auto begin = Clock::now();
      double passed = 0;
      do {
        mine();
        ++calls;
        passed = std::chrono::duration<double>(Clock::now() - begin).count();
      } while (passed < 0.2);
      each[static_cast<size_t>(i)] = static_cast<double>(calls) / passed;
    });
  double sum = 0;
  for (int i = 0; i < threads; ++i) {
    running[static_cast<size_t>(i)].join();
    sum += each[static_cast<size_t>(i)];
  }
  return sum;
}

constexpr int64_t iterations = 1 << 14;
constexpr int chains = 12;  // in flight: more than latency times units

volatile float seed[chains + 2] = {};  // what the compiler cannot know
volatile float sink;

/// `chains` independent sums of products, unrolled by hand so that every compiler keeps them in registers.
template <class V>
[[gnu::always_inline]] inline void multiply_add() {
  const V a = V{} + seed[chains], b = V{} + seed[chains + 1];
  V s0 = b + seed[0], s1 = b + seed[1], s2 = b + seed[2], s3 = b + seed[3], s4 = b + seed[4], s5 = b + seed[5];
  V s6 = b + seed[6], s7 = b + seed[7], s8 = b + seed[8], s9 = b + seed[9], s10 = b + seed[10], s11 = b + seed[11];
  for (int64_t i = 0; i < iterations; ++i) {
    s0 = s0 * a + b, s1 = s1 * a + b, s2 = s2 * a + b, s3 = s3 * a + b;
    s4 = s4 * a + b, s5 = s5 * a + b, s6 = s6 * a + b, s7 = s7 * a + b;
    s8 = s8 * a + b, s9 = s9 * a + b, s10 = s10 * a + b, s11 = s11 * a + b;
  }
  s0 += s1 + s2 + s3 + s4 + s5 + s6 + s7 + s8 + s9 + s10 + s11;
  float sum = 0;
  for (size_t i = 0; i < sizeof(V) / sizeof(float); ++i) sum += s0[i];
  sink = sum;
}

using V4 [[gnu::vector_size(16)]] = float;
void baseline() { multiply_add<V4>(); }
#if defined(__x86_64__)
using V8 [[gnu::vector_size(32)]] = float;
using V16 [[gnu::vector_size(64)]] = float;
[[gnu::target("avx2,fma")]] void avx2() { multiply_add<V8>(); }
[[gnu::target("avx512f,fma")]] void avx512() { multiply_add<V16>(); }
#endif

}  // namespace

double fma_rate(int threads) {
  void (*run)() = baseline;
  int width = 4;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) run = avx512, width = 16;
  else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) run = avx2, width = 8;
#endif
  return rate(threads, [=](int) { return run; }) * 2e-9 * static_cast<double>(iterations * chains * width);
}

double copy_rate(int threads, int64_t bytes) {
  const auto copier = [=](int) {
    return [from = std::vector<char>(static_cast<size_t>(bytes), 1),
            to = std::vector<char>(static_cast<size_t>(bytes))]() mutable {
      std::memcpy(to.data(), from.data(), from.size());
      asm volatile("" : : "r"(to.data()) : "memory");
    };
  };
  return rate(threads, copier) * 2e-9 * static_cast<double>(bytes);
}

// Training in its steady state asks for no memory: a captured step for none at all, an eager one for none of the
// system's. A program of its own, for it replaces operator new.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>
#include <utility>

#include "ramp/core/backend/threads.h"
#include "ramp/core/cpu/onednn.h"
#include "ramp/ramp.h"

namespace {

std::atomic<int64_t> allocations{0};

void* allocate(size_t bytes) {
  ++allocations;
  if (void* block = std::malloc(bytes)) return block;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(size_t bytes) { return allocate(bytes); }
void* operator new[](size_t bytes) { return allocate(bytes); }
void operator delete(void* block) noexcept { std::free(block); }
void operator delete[](void* block) noexcept { std::free(block); }
void operator delete(void* block, size_t) noexcept { std::free(block); }
void operator delete[](void* block, size_t) noexcept { std::free(block); }

namespace ramp {
namespace {

void expect_no_allocation(Layer& model, optim::SGD& sgd, int64_t batch) {
  const Tensor images = randn({batch, 784}), labels = uniform({batch}, 0, 10).to(int32);
  const auto train = [&](const Tensor& x, const Tensor& y) {
    Tensor loss = cross_entropy(model(x), y);
    sgd.zero_grad();
    loss.backward();
    sgd.step();
    return loss;
  };
  auto step = capture(train);
  Tensor loss;
  for (int i = 0; i < 8; ++i) loss = step(images, labels);
  int64_t before = allocations;
  for (int i = 0; i < 20; ++i) loss = step(images, labels);
  EXPECT_EQ(allocations, before) << "replayed, batch " << batch;

  for (int i = 0; i < 8; ++i) loss = train(images, labels);
  before = allocations;
  const int64_t system = memory_stats().system_allocations;
  for (int i = 0; i < 20; ++i) loss = train(images, labels);
  EXPECT_GT(allocations, before) << "the counter counts";
  EXPECT_EQ(memory_stats().system_allocations, system) << "eager, batch " << batch;
}

TEST(Allocations, NoneInTheSteadyState) {
  for (const int threads : {1, 2}) {
    set_num_threads(threads);
    for (const int64_t batch : {1, 128}) {
      Sequential plain{Dense(784, 256), ReLU(), Dense(256, 10)};
      optim::SGD sgd(plain.parameters(), {.learning_rate = 0.01});
      expect_no_allocation(plain, sgd, batch);
      Sequential random{Dense(784, 256), RReLU(), Dropout(0.5), Dense(256, 10)};
      optim::SGD momentum(random.parameters(), {.learning_rate = 0.01, .momentum = 0.9, .weight_decay = 1e-4});
      expect_no_allocation(random, momentum, batch);
    }
  }
}

/// In oneDNN's place, whose calls allocate: zeros.
void no_product(int64_t m, int64_t n, int64_t, const BFloat16*, int64_t, bool, const BFloat16*, int64_t, bool, float* c,
                int64_t ldc) {
  for (int64_t i = 0; i < m; ++i) std::fill_n(c + i * ldc, n, 0.0F);
}

TEST(Allocations, NoneInReducedPrecision) {
  cpu::Bfloat16Product before = std::exchange(cpu::bfloat16_product(), no_product);
  set_precision(Device::cpu(), Precision::bf16);
  for (const int threads : {1, 2}) {
    set_num_threads(threads);
    Sequential model{Dense(784, 256), ReLU(), Dense(256, 10)};
    optim::SGD sgd(model.parameters(), {.learning_rate = 0.01});
    expect_no_allocation(model, sgd, 128);
  }
  set_precision(Device::cpu(), Precision::float32);
  cpu::bfloat16_product() = before;
}

}  // namespace
}  // namespace ramp

// What holds of the CUDA backend beyond its results, and how it agrees with the CPU over a training.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <iostream>
#include <limits>

#include "error_of.h"
#include "ramp/ramp.h"
#ifdef RAMP_CUDA
#include "ramp/cuda/graph.h"
#endif

namespace ramp {
namespace {

class CudaDevice : public testing::Test {
 protected:
  void SetUp() override {
    try {
      device = Device::cuda();
    } catch (const Error& error) {
      GTEST_SKIP() << error.what();
    }
  }
  Device device;
};

/// A network, its optimizer and a batch on a device; the same numbers on every device.
struct Training {
  Sequential model;
  optim::SGD sgd;
  Tensor images, labels;

  Training(Device device, DType dtype, int64_t batch = 64, double dropout = 0)
      : model(network(dtype, dropout, device)),
        sgd(model.parameters(), {.learning_rate = 0.05, .momentum = 0.9, .weight_decay = 1e-4}) {
    Generator generator(5);
    images = randn({batch, 20}, {.dtype = dtype}, generator).to(device);
    labels = uniform({batch}, 0, 10, {}, generator).to(int32).to(device);
  }
  static Sequential network(DType dtype, double dropout, Device device) {
    manual_seed(2);
    const DenseOptions options{.dtype = dtype};
    Sequential model{Dense(20, 33, options), LeakyReLU(0.1), Dropout(dropout), Dense(33, 10, options)};
    model.to(device);
    return model;
  }
  Tensor step() {
    Tensor loss = cross_entropy(model(images), labels);
    sgd.zero_grad();
    loss.backward();
    sgd.step();
    return loss;
  }
  std::vector<double> weights() const {
    std::vector<double> all;
    for (const Parameter& p : model.parameters())
      for (double x : p.tensor.to(float64).to_vector<double>()) all.push_back(x);
    return all;
  }
};

TEST_F(CudaDevice, PutsAStepIntoFewNodes) {
#ifdef RAMP_CUDA
  Sequential model{Dense(784, 512), ReLU(), Dense(512, 512), ReLU(), Dense(512, 10)};
  model.to(device);
  optim::SGD sgd(model.parameters(), {.learning_rate = 0.05, .momentum = 0.9});
  const Tensor images = randn({128, 784}).to(device), labels = zeros({128}, {.dtype = int32}).to(device);
  const auto step = [&] {
    Tensor loss = cross_entropy(model(images), labels);
    sgd.zero_grad();
    loss.backward();
    sgd.step();
  };
  cuda::Graph graph;
  for (int i = 0; i < 3; ++i) graph.warm_up(step);
  graph.capture(step);
  // Forward 3 products and 2 activations; the loss; backward 5 products, 2 passes over activation and bias, the last
  // layer's bias; the update. cuBLASLt may take two kernels for a product.
  EXPECT_GE(graph.nodes(), 15);
  EXPECT_LE(graph.nodes(), 15 + 8);
  RecordProperty("nodes", static_cast<int>(graph.nodes()));
#endif
}

TEST_F(CudaDevice, TrainsAsTheCpuDoes) {
  for (DType dtype : {float32, float64}) {
    Training there(device, dtype, 64, 0.3);
    std::vector<double> losses;
    for (int i = 0; i < 10; ++i) losses.push_back(there.step().item());
    Training here(Device::cpu(), dtype, 64, 0.3);
    for (int i = 0; i < 10; ++i)
      EXPECT_NEAR(here.step().item(), losses[static_cast<size_t>(i)], dtype == float64 ? 1e-10 : 1e-4) << i;
    const std::vector<double> a = here.weights(), b = there.weights();
    for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], dtype == float64 ? 1e-10 : 1e-4) << i;
  }
}

TEST_F(CudaDevice, GivesTheSameBitsInEveryRun) {
  const auto train = [&] {
    Training t(device, float32, 128, 0.3);
    for (int i = 0; i < 20; ++i) t.step();
    return t.weights();
  };
  const std::vector<double> first = train();
  EXPECT_EQ(train(), first);
}

TEST_F(CudaDevice, AsksTheDriverForNothingAfterTheWarmUp) {
  Training t(device, float32);
  for (int i = 0; i < 3; ++i) t.step();
  const int64_t before = memory_stats(device).system_allocations;
  for (int i = 0; i < 50; ++i) t.step();
  EXPECT_EQ(memory_stats(device).system_allocations, before);
}

TEST_F(CudaDevice, SurvivesRunningOutOfMemory) {
  const std::string message = error_of([&] { Array({int64_t{1} << 44}, uint8, device); });
  EXPECT_TRUE(message.starts_with("[allocate] out of CUDA memory: asked for 17592186044416 bytes, ")) << message;
  EXPECT_NE(message.find("are free"), std::string::npos) << message;
  EXPECT_EQ(sum(ones({1000}, {.device = device})).item(), 1000);
}

TEST_F(CudaDevice, NamesTheFailingOperationWhenSynchronous) {
  if (default_device().is_cuda()) GTEST_SKIP() << "RAMP_CUDA_SYNC is read once, and tensors have been made already";
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // a process of its own: no device survives such a failure
  const auto fail_in_a_kernel = [&] {
    setenv("RAMP_CUDA_SYNC", "1", 1);
    const Tensor x = ones({1}, {.device = device});
    const Tensor far = from_vector<int32_t>({std::numeric_limits<int32_t>::max()}, {1}, device);
    std::cerr << error_of([&] { scatter_axis(x.array(), far.array(), 0, 2); }) << '\n';
    std::_Exit(1);
  };
  EXPECT_EXIT(fail_in_a_kernel(), testing::ExitedWithCode(1),
              "\\[max\\] CUDA: an illegal memory access was encountered \\(cudaErrorIllegalAddress\\)\n");
}

TEST_F(CudaDevice, DrawsTheCpusNumbers) {
  for (DType dtype : {float32, float64}) {
    const auto draw = [&](Device where) {
      manual_seed(9);
      const Tensor u = uniform({777}, -1, 3, {.dtype = dtype, .device = where});
      return dropout(ones({777}, {.dtype = dtype, .device = where}), 0.4) + u;
    };
    EXPECT_EQ(draw(device).to(float64).to_vector<double>(), draw(Device::cpu()).to(float64).to_vector<double>());
  }
}

}  // namespace
}  // namespace ramp

#pragma once
// The tests of formulas and update rules of a user, read by the C++ and by the CUDA compiler: each makes suites of its
// own of them.

#include <gtest/gtest.h>

#include <cmath>

#include "error_of.h"
#include "ramp/core/autograd/create.h"
#include "ramp/core/autograd/gradcheck.h"
#include "ramp/core/autograd/map.h"
#include "ramp/core/autograd/ops.h"
#include "ramp/core/capture/capture.h"
#include "ramp/optim/optimizer.h"

#ifdef __CUDACC__
#define RAMP_MAP_SUITE CudaMap
#else
#define RAMP_MAP_SUITE Map
#endif

namespace ramp {
namespace {

/// Its derivative comes from dual numbers.
struct Squareplus {
  double b = 4;
  template <class V>
  RAMP_HD V operator()(V x) const {
    return V(0.5) * (x + math::sqrt(x * x + V(b)));
  }
};

/// Its derivative is its own, and deliberately not that of its value.
struct Straight {
  template <class V>
  RAMP_HD V operator()(V x) const {
    return math::select(x < V(0.0), V(0.0), V(1.0));
  }
  template <class V>
  RAMP_HD V derivative(V, V y) const {
    return V(3.0) + y;
  }
};

/// Lion, as a user would write it. Chen et al. 2023.
struct Lion {
  double learning_rate = 1e-3, beta1 = 0.9, beta2 = 0.99, weight_decay = 0;

  static constexpr const char* name = "lion";
  static constexpr std::array<const char*, 1> state_names = {"exp_avg"};
  int states() const { return 1; }
  struct Factors {
    double rate;
  };
  RAMP_HD Factors factors(double rate, double) const { return {rate}; }
  template <class V>
  RAMP_HD V operator()(V p, V g, V* state, const Factors& k) const {
    const V c = V(beta1) * state[0] + V(1 - beta1) * g;
    state[0] = V(beta2) * state[0] + V(1 - beta2) * g;
    const V sign = math::select(c > V(0.0), V(1.0), math::select(c < V(0.0), V(-1.0), V(0.0)));
    return p - V(k.rate) * (sign + V(weight_decay) * p);
  }
  void check() const { formula::check_rate(name, "learning_rate", learning_rate); }
  bool operator==(const Lion&) const = default;
};

std::vector<Device> own_devices() {
#ifdef __CUDACC__
  return devices();
#else
  return {Device::cpu()};
#endif
}

TEST(RAMP_MAP_SUITE, ComputesAndDifferentiates) {
  for (Device device : own_devices())
    for (DType dtype : {float32, float64}) {
      Generator generator(1);
      Tensor x = randn({7, 143}, {.dtype = dtype}, generator).to(device);
      const Tensor upstream = randn({7, 143}, {.dtype = dtype}, generator);
      x.set_requires_grad();
      const Tensor y = map(Squareplus{.b = 2}, x);
      y.backward(upstream.to(device));
      const std::vector<double> in = x.to(float64).to_vector<double>(), out = y.to(float64).to_vector<double>(),
                                slope = x.grad().to(float64).to_vector<double>(),
                                u = upstream.to(float64).to_vector<double>();
      for (size_t i = 0; i < in.size(); ++i) {
        const double root = std::sqrt(in[i] * in[i] + 2), tolerance = dtype == float64 ? 1e-14 : 1e-6;
        ASSERT_NEAR(out[i], (in[i] + root) / 2, tolerance * 4) << device << ' ' << i;
        ASSERT_NEAR(slope[i], u[i] * (1 + in[i] / root) / 2, tolerance * 4) << device << ' ' << i;
      }
    }
}

TEST(RAMP_MAP_SUITE, PassesGradcheck) {
  for (Device device : own_devices()) {
    Generator generator(2);
    EXPECT_NO_THROW(gradcheck([](const std::vector<Tensor>& in) { return map(Squareplus{}, in[0]); },
                              {randn({5, 3}, {.dtype = float64, .device = device, .requires_grad = true}, generator)}));
  }
}

TEST(RAMP_MAP_SUITE, IsPartOfACapturedStep) {
  for (Device device : own_devices())
    for (const int64_t n : {5, 100000}) {
      const auto slopes = [](const Tensor& x) {
        const Tensor leaf = x.detach().set_requires_grad();
        sum(square(map(Squareplus{}, leaf))).backward();
        return leaf.grad();
      };
      auto step = capture(slopes, {.warmup = 1});
      Generator generator(4);
      for (int i = 0; i < 4; ++i) {
        const Tensor x = randn({n}, {.device = device}, generator);
        EXPECT_EQ(step(x).to_vector<float>(), slopes(x).to_vector<float>()) << device << ", call " << i;
      }
    }
}

TEST(RAMP_MAP_SUITE, TakesTheFormulasOwnDerivative) {
  for (Device device : own_devices()) {
    Tensor x = tensor({-1, 2}, {.device = device, .requires_grad = true});
    sum(map(Straight{}, x)).backward();
    EXPECT_EQ(x.grad().to_vector<float>(), (std::vector<float>{3, 4}));
  }
}

TEST(RAMP_MAP_SUITE, LeavesRampsOwnFormulasToTheirReaders) {
  EXPECT_EQ(map(formula::ReLU{}, tensor({-1, 2})).to_vector<float>(), (std::vector<float>{0, 2}));
}

TEST(RAMP_MAP_SUITE, TakesEmptyTensorsAndRefusesIntegers) {
  for (Device device : own_devices()) {
    EXPECT_EQ(map(Squareplus{}, zeros({0, 3}, {.device = device})).shape(), (Shape{0, 3}));
    EXPECT_EQ(error_of([&] { map(Squareplus{}, zeros({2}, {.dtype = int32, .device = device})); }),
              "[map] expected float32 or float64, got int32; convert it with to()");
  }
}

TEST(RAMP_MAP_SUITE, TrainsByARuleOfOnesOwn) {
  for (Device device : own_devices())
    for (DType dtype : {float32, float64}) {
      const Lion options{.learning_rate = 0.01, .weight_decay = 0.1};
      const auto weights_after = [&](bool capturing) {
        Generator generator(6);
        const TensorOptions like{.dtype = dtype, .device = device};
        Tensor w = randn({300, 70}, like, generator).set_requires_grad();
        const Tensor x = randn({70, 300}, like, generator);
        optim::OptimizerOf<Lion> lion({w}, options);
        const auto one = [&](const Tensor& in) {
          lion.zero_grad();
          const Tensor loss = sum(square(w * transpose(in) - 1));
          loss.backward();
          lion.step();
          return loss;
        };
        auto step = capture(one);
        for (int i = 0; i < 10; ++i) (void)(capturing ? step(x) : one(x));
        EXPECT_EQ(step.graphs(), capturing);
        return w.to(float64).to_vector<double>();
      };
      // The same numbers by the rule alone.
      Generator generator(6);
      const TensorOptions like{.dtype = dtype, .device = device};
      std::vector<double> w = randn({300, 70}, like, generator).to(float64).to_vector<double>();
      const std::vector<double> x = transpose(randn({70, 300}, like, generator)).to(float64).to_vector<double>();
      std::vector<double> momentum(w.size());
      for (int step = 0; step < 10; ++step)
        for (size_t i = 0; i < w.size(); ++i)
          w[i] = options(w[i], 2 * (w[i] * x[i] - 1) * x[i], &momentum[i], {options.learning_rate});
      for (bool capturing : {false, true}) {
        const std::vector<double> got = weights_after(capturing);
        size_t off = 0;  // where a sum of about 0 has another sign in float32
        for (size_t i = 0; i < w.size(); ++i) off += std::abs(got[i] - w[i]) > (dtype == float64 ? 1e-13 : 1e-5);
        EXPECT_LE(off, dtype == float64 ? 0u : w.size() / 500) << device << ' ' << dtype;
      }
    }
}

#ifndef __CUDACC__
TEST(RAMP_MAP_SUITE, SaysHowToReachCuda) {
  for (Device device : devices()) {
    EXPECT_EQ(error_of([&] { map(Squareplus{}, ones({2}, {.device = device})); }),
              device.is_cuda() ? "[map] this formula was compiled for the CPU alone; for CUDA put it into a .cu file "
                                 "with ramp/cuda/map.cuh"
                               : "no error");
  }
}
#endif

}  // namespace
}  // namespace ramp

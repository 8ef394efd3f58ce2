// Captured steps on the CPU at sizes where loops are cut into pieces and gathered into phases (core/cpu/graph.h).

#include <gtest/gtest.h>

#include <functional>
#include <mutex>
#include <set>
#include <thread>

#include "error_of.h"
#include "ramp/core/backend/threads.h"
#include "ramp/core/cpu/autotune.h"
#include "ramp/core/cpu/parallel.h"
#include "ramp/ramp.h"

namespace ramp {
namespace {

/// On the CPU whatever device the tests run on. Restores the number of threads.
class CpuGraph : public testing::Test {
 protected:
  CpuGraph() { set_default_device(Device::cpu()); }
  ~CpuGraph() override {
    set_num_threads(threads_);
    set_default_device(device_);
  }

 private:
  int threads_ = num_threads();
  Device device_ = default_device();
};

struct Net {
  Sequential model;
  optim::SGD sgd;
  Tensor images, labels;

  Net(std::vector<int64_t> widths, int64_t batch, DType dtype, optim::SGDOptions options)
      : model(layers(widths, dtype)), sgd(model.parameters(), options) {
    Generator generator(3);
    images = randn({batch, widths[0]}, {.dtype = dtype}, generator);
    labels = uniform({batch}, 0, static_cast<double>(widths.back()), {}, generator).to(int32);
  }
  static Sequential layers(const std::vector<int64_t>& widths, DType dtype) {
    manual_seed(1);
    Sequential model;
    for (size_t i = 1; i < widths.size(); ++i) {
      model.push_back(Dense(widths[i - 1], widths[i], {.dtype = dtype}));
      if (i + 1 < widths.size()) model.push_back(ELU());
    }
    return model;
  }
  Tensor step(const Tensor& x, const Tensor& y) {
    Tensor loss = cross_entropy(model(x), y);
    sgd.zero_grad();
    loss.backward();
    sgd.step();
    return loss;
  }
  /// The losses of some steps and the weights after them.
  std::vector<double> train(bool captures, int steps = 6) {
    auto captured = capture([this](const Tensor& x, const Tensor& y) { return step(x, y); });
    std::vector<double> all;
    for (int i = 0; i < steps; ++i) all.push_back((captures ? captured(images, labels) : step(images, labels)).item());
    for (const Parameter& p : model.parameters())
      for (double w : p.tensor.to(float64).to_vector<double>()) all.push_back(w);
    return all;
  }
};

TEST_F(CpuGraph, EqualsEagerStepsOnAnyNumberOfThreads) {
  struct Case {
    std::vector<int64_t> widths;
    int64_t batch;
    optim::SGDOptions options;
  };
  const Case cases[] = {
      {{784, 128, 10}, 128, {.learning_rate = 0.05}},
      {{300, 257, 129, 10}, 331, {.learning_rate = 0.05, .momentum = 0.9, .nesterov = true}},
      {{64, 64, 64, 64, 64, 7}, 96, {.learning_rate = 0.05, .weight_decay = 1e-3}},
      {{2000, 900, 10}, 5, {.learning_rate = 0.05}},
      {{900, 1000, 3}, 1, {.learning_rate = 0.05, .momentum = 0.5}},
  };
  for (const Case& c : cases) {
    set_num_threads(1);
    const std::vector<double> expected = Net(c.widths, c.batch, float64, c.options).train(false);
    for (int threads : {1, 2, 3, 5}) {
      set_num_threads(threads);
      const std::vector<double> got = Net(c.widths, c.batch, float64, c.options).train(true);
      ASSERT_EQ(got.size(), expected.size());
      for (size_t i = 0; i < got.size(); ++i)
        ASSERT_NEAR(got[i], expected[i], 1e-9 * (1 + std::abs(expected[i])))
            << i << ", batch " << c.batch << ", threads " << threads;
      EXPECT_EQ(Net(c.widths, c.batch, float64, c.options).train(true), got) << "the same bits in every run";
    }
  }
}

TEST_F(CpuGraph, FollowsTheNumberOfThreads) {
  const optim::SGDOptions options{.learning_rate = 0.05};
  Net reference({100, 300, 10}, 200, float64, options), net({100, 300, 10}, 200, float64, options);
  auto step = capture([&](const Tensor& x, const Tensor& y) { return net.step(x, y); });
  for (int i = 0; i < 12; ++i) {
    set_num_threads(1 + i % 4);
    EXPECT_NEAR(step(net.images, net.labels).item(), reference.step(net.images, net.labels).item(), 1e-10) << i;
  }
}

/// A random program of everything that backends do, as a step; its result depends on every intermediate.
Tensor program(uint64_t seed, const Tensor& x, std::vector<Tensor>& state) {
  uint64_t state_of_choice = seed * 2862933555777941757u + 3037000493u;
  const auto pick = [&](int n) {
    state_of_choice = state_of_choice * 6364136223846793005u + 1442695040888963407u;
    return static_cast<int>((state_of_choice >> 33) % static_cast<uint64_t>(n));
  };
  std::vector<Tensor> made{x, state[0]};
  Tensor total = sum(x);
  for (int i = 0; i < 14; ++i) {
    const Tensor& a = made[static_cast<size_t>(pick(static_cast<int>(made.size())))];
    const Tensor& b = made[static_cast<size_t>(pick(static_cast<int>(made.size())))];
    Tensor y;
    switch (pick(11)) {
      case 0: y = a + b; break;
      case 1: y = tanh(a) * b; break;
      case 2: y = matmul(a, transpose(b)) * 0.05; break;
      case 3: y = elu(a - mean(a, 0)); break;
      case 4: y = softmax(a, 1); break;
      case 5: y = max(a, 1, true) + b; break;
      case 6: y = concat({a, b}, 0); break;
      case 7: y = rows(a, 1, a.size(0) - 1); break;
      case 8: y = transpose(a); break;
      case 9: y = where(a < b, a, sigmoid(b)); break;
      default: y = sum(a, 1, true) * 0.1 + b; break;
    }
    if (y.rank() != 2 || y.shape() != x.shape()) {
      total = total + mean(y);
      continue;
    }
    made.push_back(y);
    total = total + mean(y) * (i + 1);
  }
  state[0].zero_grad();
  total.backward();
  const NoGrad quiet;
  copy((state[0] - state[0].grad() * 0.01).array(), state[0].array());
  return total.detach();
}

TEST_F(CpuGraph, EqualsEagerStepsOfRandomPrograms) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    set_num_threads(1 + static_cast<int>(seed % 3));
    const auto run = [&](bool captures) {
      Generator generator(seed);
      const int64_t n = 40 + static_cast<int64_t>(seed % 10) * 17 + (seed % 4 == 3 ? 150 : 0);
      std::vector<Tensor> state{randn({n, n}, {.dtype = float64}, generator)};
      state[0].set_requires_grad();
      const auto body = [&](const Tensor& x) { return program(seed, x, state); };
      auto step = capture(body, {.warmup = 1});
      std::vector<double> all;
      for (int i = 0; i < 4; ++i) {
        const Tensor x = randn({n, n}, {.dtype = float64}, generator);  // a new place each time
        all.push_back((captures ? step(x) : body(x)).item());
      }
      for (double w : state[0].detach().to_vector<double>()) all.push_back(w);
      return all;
    };
    const std::vector<double> expected = run(false), got = run(true);
    ASSERT_EQ(got.size(), expected.size());
    for (size_t i = 0; i < got.size(); ++i)
      ASSERT_NEAR(got[i], expected[i], 1e-9 * (1 + std::abs(expected[i]))) << i << ", program " << seed;
  }
}

TEST_F(CpuGraph, SharesOutWhatIsWorthWakingAThread) {
  set_num_threads(2);
  for (const int64_t grains : {8, 40}) {
    std::mutex mutex;
    std::set<std::thread::id> seen;
    auto step = capture([&](const Tensor& x) {
      const Array y(x.shape(), float32);
      parallel_for(
          grains, 1,
          [&](const float* from, float* to, int64_t begin, int64_t end) {
            std::copy(from + begin, from + end, to + begin);
            const auto count = [&] {
              const std::lock_guard lock(mutex);
              seen.insert(std::this_thread::get_id());
              return seen.size();
            };
            while (count() < 2 && grains == 40) std::this_thread::yield();  // for the other thread's piece
          },
          part<const float>(x.array()), part<float>(y));
      return Tensor(y);
    });
    const Tensor x = arange(grains);
    for (int i = 0; i < 5; ++i) {
      seen.clear();
      EXPECT_EQ(step(x).to_vector<float>(), x.to_vector<float>());
    }
    EXPECT_EQ(seen.size(), grains == 40 ? 2u : 1u) << "in the last call, a replay";
  }
}

/// How many of n replays are shared out when each takes what these say.
int shared_of(cpu::Autotune& autotune, int n, const std::function<double(int)>& shared,
              const std::function<double(int)>& alone) {
  int count = 0;
  for (int i = 0; i < n; ++i) {
    const bool share = autotune.next();
    count += share;
    autotune.note(share ? shared(i) : alone(i));
  }
  return count;
}

TEST(Autotune, IsNotWorthItForLittleWork) {
  EXPECT_FALSE(cpu::Autotune(4.9).worth_it());
  EXPECT_TRUE(cpu::Autotune(5).worth_it());
}

TEST(Autotune, TakesWhatProvesFasterAndTriesTheOtherWayNowAndThen) {
  const auto always = [](double seconds) { return [=](int) { return seconds; }; };
  cpu::Autotune autotune(5);
  EXPECT_EQ(shared_of(autotune, 2560, always(1), always(1.5)),
            2560 - 10 * 3);                                            // three trials cost more than four replays
  shared_of(autotune, 256, always(2), always(1.5));                    // a neighbour comes
  EXPECT_EQ(shared_of(autotune, 2560, always(100), always(1.5)), 10);  // one dear trial each
  shared_of(autotune, 256 * 20, always(1), always(1.5));               // it is gone
  EXPECT_GE(shared_of(autotune, 2560, always(1), always(1.5)), 2500);
}

TEST(Autotune, IsNotDeceivedByTrialsThatMissTheDearReplays) {
  // Every 50th shared replay takes 100 times as long: on average 3, against 1.5. Four trials in 256 see few of them.
  const auto shared = [](int i) { return i % 50 == 0 ? 100. : 1.; };
  cpu::Autotune autotune(5);
  EXPECT_LT(shared_of(autotune, 256 * 100, shared, [](int) { return 1.5; }), 256 * 100 / 3);
}

TEST_F(CpuGraph, ReadsInputsWhereTheyLieAndLeavesThemAlone) {
  const Tensor w = full({3}, 2);
  auto step = capture(
      [&](const Tensor& x) {
        copy((x * w).array(), w.array());
        return x;
      },
      {.warmup = 1});
  auto writing = capture(
      [&](const Tensor& x) {
        copy((x + 1).array(), x.array());
        return sum(x);
      },
      {.warmup = 1});
  std::vector<Tensor> given;
  for (int i = 1; i <= 5; ++i) {
    given.push_back(full({3}, i));
    EXPECT_EQ(step(given.back()).to_vector<float>(), given.back().to_vector<float>());
    if (i > 1) {
      EXPECT_EQ(writing(given.back()).item(), 3 * (i + 1));
    }
  }
  EXPECT_EQ(w.to_vector<float>(), std::vector<float>(3, 2 * 120)) << "2 times 5!";
  for (int i = 3; i <= 5; ++i)  // the first call of `writing` ran it eagerly
    EXPECT_EQ(given[static_cast<size_t>(i - 1)].to_vector<float>(), std::vector<float>(3, static_cast<float>(i)));
  step(w);  // an input that the step writes elsewhere
  EXPECT_EQ(w.to_vector<float>(), std::vector<float>(3, 240 * 240));
}

TEST_F(CpuGraph, StopsBeforeTheUpdateWhenALabelIsWrong) {
  set_num_threads(2);
  Net net({784, 300, 10}, 256, float32, {.learning_rate = 0.1});
  auto step = capture([&](const Tensor& x, const Tensor& y) { return net.step(x, y); });
  for (int i = 0; i < 5; ++i) step(net.images, net.labels);
  const auto weights = [&] { return net.model.parameters()[0].tensor.detach().to_vector<float>(); };
  const std::vector<float> before = weights();
  std::vector<int32_t> wrong = net.labels.to_vector<int32_t>();
  wrong[200] = 10;
  EXPECT_EQ(error_of([&] { step(net.images, from_vector(wrong, {256})); }),
            "[cross_entropy] labels must lie in [0, 10), got 10 at row 200");
  EXPECT_EQ(weights(), before);
  EXPECT_TRUE(std::isfinite(step(net.images, net.labels).item()));
}

TEST_F(CpuGraph, StepsOfSeveralThreadsDoNotMeet) {
  set_num_threads(3);
  const optim::SGDOptions options{.learning_rate = 0.05};
  std::vector<std::unique_ptr<Net>> nets;
  for (int i = 0; i < 4; ++i)
    nets.push_back(std::make_unique<Net>(std::vector<int64_t>{200, 150, 10}, 128, float64, options));
  std::vector<std::vector<double>> results(nets.size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < nets.size(); ++i)
    threads.emplace_back([&, i] { results[i] = nets[i]->train(i % 2 == 0, 20); });
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 1; i < results.size(); ++i)
    for (size_t j = 0; j < results[0].size(); ++j)
      ASSERT_NEAR(results[i][j], results[0][j], 1e-9 * (1 + std::abs(results[0][j]))) << i;
}

TEST_F(CpuGraph, OfManyLoopsIsPlannedWithoutComparingAllWithAll) {
  // Thirty thousand operations: with every pair compared this would take minutes.
  auto step = capture(
      [](const Tensor& x) {
        Tensor y = x;
        for (int i = 0; i < 30000; ++i) y = y + x;
        return y;
      },
      {.warmup = 1});
  for (int i = 1; i <= 3; ++i) EXPECT_EQ(step(full({1}, i)).item(), 30001 * i);
  EXPECT_EQ(step.graphs(), 1);
}

}  // namespace
}  // namespace ramp

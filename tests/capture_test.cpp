// Captured steps against eager ones, on every device.

#include <cstring>

#include "error_of.h"
#include "on_devices.h"
#include "ramp/ramp.h"

namespace ramp {
namespace {

/// Trains a small network with everything random in it. The same numbers for every object made with the same options.
struct Training {
  Device device;
  DType dtype;
  Generator masks{11};
  Sequential model;
  std::optional<optim::SGD> sgd;
  std::vector<Tensor> images, labels;  // three batches of 16 and one of 5

  Training(Device device, DType dtype,
           optim::SGDOptions options = {.learning_rate = 0.05, .momentum = 0.9, .weight_decay = 1e-3})
      : device(device), dtype(dtype), model(network()) {
    sgd.emplace(model.parameters(), options);
    Generator generator(5);
    for (int64_t batch : {16, 16, 16, 5}) {
      images.push_back(randn({batch, 6}, {.dtype = dtype}, generator).to(device));
      labels.push_back(uniform({batch}, 0, 4, {}, generator).to(int32).to(device));
    }
  }
  Sequential network() {
    manual_seed(2);
    const DenseOptions options{.dtype = dtype};
    Sequential model{Dense(6, 33, options),  RReLU(), Dropout(0.3, masks),
                     Dense(33, 17, options), PReLU(), AlphaDropout(0.2),
                     Dense(17, 4, options)};
    model.to(dtype);
    model.to(device);
    return model;
  }
  Tensor step(const Tensor& x, const Tensor& y) {
    Tensor loss = cross_entropy(model(x), y);
    sgd->zero_grad();
    loss.backward();
    sgd->step();
    return loss;
  }
  auto captured() {
    return capture([this](const Tensor& x, const Tensor& y) { return step(x, y); });
  }
  std::vector<double> weights() const {
    std::vector<double> all;
    for (const Parameter& p : model.parameters())
      for (double x : p.tensor.to(float64).to_vector<double>()) all.push_back(x);
    return all;
  }
};

class Capture : public OnDevices {
 protected:
  /// Runs `steps` calls eagerly and captured, with between(training, i) before each, and expects the same bits.
  template <class Between, class Batch>
  void expect_the_same(int steps, int64_t graphs, Between between, Batch batch) const {
    const auto run = [&](bool captures) {
      Training t(device(), dtype());
      auto captured = t.captured();
      std::vector<Tensor> losses;
      for (int i = 0; i < steps; ++i) {
        between(t, i);
        const size_t b = batch(i);
        losses.push_back(captures ? captured(t.images[b], t.labels[b]) : t.step(t.images[b], t.labels[b]));
      }
      std::vector<double> all = t.weights();
      for (const Tensor& loss : losses) all.push_back(loss.item());
      EXPECT_EQ(captured.graphs(), captures ? graphs : 0);
      return all;
    };
    const std::vector<double> eager = run(false), replayed = run(true);
    ASSERT_EQ(eager.size(), replayed.size());
    for (size_t i = 0; i < eager.size(); ++i)
      ASSERT_EQ(std::memcmp(&eager[i], &replayed[i], sizeof(double)), 0)
          << i << ": " << eager[i] << ", " << replayed[i];
    EXPECT_EQ(run(true), replayed) << "two runs";
  }
  static constexpr auto nothing = [](Training&, int) {};
  static constexpr auto in_turn = [](int i) { return static_cast<size_t>(i % 3); };
};
RAMP_ON_DEVICES(Capture);

TEST_P(Capture, EqualsEagerStepsBitForBit) { expect_the_same(12, 1, nothing, in_turn); }

TEST_P(Capture, LoadsItsBatchAndUsesAWeightTwice) {
  Generator generator(5);
  data::Dataset set{uniform({50, 6}, 0, 256, {}, generator).to(uint8), uniform({50}, 0, 6, {}, generator).to(int32)};
  set.standardization = data::Standardization(33, 78);
  set = set.to(device());
  const auto run = [&](bool captures) {
    Generator start(6);
    const Tensor weight = randn({6, 6}, {.dtype = dtype()}, start).to(device()).set_requires_grad();
    const Tensor bias = zeros({6}, {.dtype = dtype(), .device = device()}).set_requires_grad();
    optim::SGD sgd({weight, bias}, {.learning_rate = 0.05, .momentum = 0.9});
    const auto step = [&](const Tensor& rows) {
      const auto [images, labels] = data::load_batch(set, rows);
      const Tensor hidden = dense(images.to(dtype()), weight, bias, Unary(formula::ELU{}));
      Tensor loss = cross_entropy(dense(hidden, weight, bias), labels);
      sgd.zero_grad();
      loss.backward();
      sgd.step();
      return loss;
    };
    auto captured = capture(step);
    std::vector<double> all;
    for (int i = 0; i < 10; ++i) {
      const Tensor rows = (arange(8, {.dtype = int32}).to(float32) + 4 * i).to(int32).to(device());
      all.push_back((captures ? captured(rows) : step(rows)).item());
    }
    for (const Tensor& x : {weight, bias})
      for (const double value : x.to(float64).to_vector<double>()) all.push_back(value);
    return all;
  };
  const std::vector<double> eager = run(false), replayed = run(true);
  ASSERT_EQ(eager.size(), replayed.size());
  for (size_t i = 0; i < eager.size(); ++i) EXPECT_EQ(eager[i], replayed[i]) << i;
}

TEST_P(Capture, FollowsTheLearningRate) {
  expect_the_same(12, 1, [](Training& t, int i) { t.sgd->set_learning_rate(0.1 / (1 + i)); }, in_turn);
}

TEST_P(Capture, NoticesOtherOptionsOfTheOptimizer) {
  const auto between = [](Training& t, int i) {
    if (i == 6) t.sgd->set_options({.learning_rate = 0.02, .momentum = 0.5, .nesterov = true});
  };
  expect_the_same(14, 2, between, in_turn);
}

TEST_P(Capture, LetsAnOptionChangeInEveryStep) {
  const auto between = [](Training& t, int i) { t.sgd->set_options({.learning_rate = 0.02, .momentum = 0.01 * i}); };
  expect_the_same(40, 10, between, in_turn);
}

TEST_P(Capture, HasAGraphForEachShape) {
  expect_the_same(24, 2, nothing, [](int i) { return static_cast<size_t>(i % 4); });
}

TEST_P(Capture, DrawsTheNumbersThatAreDue) {
  const auto between = [](Training& t, int i) {
    if (i == 5) dropout(ones({3}, {.device = t.device}), 0.5, t.masks);
    if (i == 7) manual_seed(77);
    if (i == 9) t.masks.set_state(3, 1000);
  };
  expect_the_same(12, 1, between, in_turn);
}

TEST_P(Capture, NoticesEvaluation) {
  const auto between = [](Training& t, int i) {
    t.model.train(i < 5 || i > 9);
    if (i == 11) {  // an evaluation that ends where it began changes nothing
      t.model.eval();
      const NoGrad quiet;
      t.model(t.images[0]);
      t.model.train();
    }
  };
  expect_the_same(14, 2, between, in_turn);
}

TEST_P(Capture, MixesWithEagerSteps) {
  const auto between = [](Training& t, int i) {
    if (i % 3 == 2) t.step(t.images[3], t.labels[3]);
  };
  expect_the_same(15, 1, between, in_turn);
}

TEST_P(Capture, AddsToGradientsThatNobodyZeroes) {
  const auto run = [&](bool captures) {
    Tensor w = full({3}, 0.5, {.dtype = dtype(), .device = device(), .requires_grad = true});
    const auto body = [&](const Tensor& x) {
      Tensor loss = sum(square(w * x));
      loss.backward();
      return loss;
    };
    auto step = capture(body);
    for (int i = 0; i < 9; ++i) {
      const Tensor x = full({3}, i, {.dtype = dtype(), .device = device()});
      if (captures) step(x);
      else body(x);
    }
    EXPECT_EQ(step.graphs(), captures ? 1 : 0);
    return w.grad().to(float64).to_vector<double>();
  };
  EXPECT_EQ(run(true), run(false));
}

TEST_P(Capture, NoticesThatATensorWasExchanged) {
  Tensor scale = full({1}, 2, {.dtype = dtype(), .device = device()});
  auto step = capture([&](const Tensor& x) { return x * scale; });
  const Tensor x = full({1}, 3, {.dtype = dtype(), .device = device()});
  for (int i = 0; i < 6; ++i) EXPECT_EQ(step(x).item(), 6);
  scale.set_array(full_array({1}, 5, dtype(), device()));
  for (int i = 0; i < 6; ++i) EXPECT_EQ(step(x).item(), 15);
  copy(full_array({1}, 7, dtype(), device()), scale.array());
  for (int i = 0; i < 2; ++i) EXPECT_EQ(step(x).item(), 21) << "changed in place";
  EXPECT_EQ(step.graphs(), 2);
}

TEST_P(Capture, ReturnsTensorsThatLaterStepsLeaveAlone) {
  auto step = capture([](const Tensor& x) { return x + x; });
  std::vector<Tensor> all;
  for (int i = 0; i < 8; ++i) all.push_back(step(full({2}, i, {.dtype = dtype(), .device = device()})));
  for (int i = 0; i < 8; ++i) EXPECT_EQ(sum(all[static_cast<size_t>(i)]).item(), 4 * i);
}

TEST_P(Capture, SaysOnceThatAValueIsReadBackAndGoesOnEagerly) {
  Training reference(device(), dtype()), t(device(), dtype());
  const auto run = [&](Training& one, auto&& step, int i) {
    default_generator().set_state(4, static_cast<uint64_t>(100 * i));  // both take part in one program
    return step(one.images[0], one.labels[0]);
  };
  auto step = capture([&](const Tensor& x, const Tensor& y) {
    Tensor loss = t.step(x, y);
    loss.item();
    return loss;
  });
  const auto eager = [](Training& one) { return [&](const Tensor& x, const Tensor& y) { return one.step(x, y); }; };
  testing::internal::CaptureStderr();
  for (int i = 0; i < 10; ++i) {
    run(t, step, i);
    EXPECT_EQ(t.masks.ticket(), static_cast<uint64_t>(i + 1)) << "every call is one step";
  }
  const std::string message =
      "[item] reading a value back cannot be part of a captured step; return the tensor from the step and read it "
      "outside";
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "ramp: a step cannot be captured and runs eagerly: " + message + '\n')
      << "once";
  EXPECT_EQ(step.eager_reason(), message);
  EXPECT_EQ(step.graphs(), 0);
  for (int i = 0; i < 10; ++i) run(reference, eager(reference), i);
  EXPECT_EQ(t.weights(), reference.weights()) << "every call trained";
  auto sound = t.captured();  // and another can be captured
  for (int i = 0; i < 5; ++i) run(t, sound, i);
  EXPECT_EQ(sound.graphs(), 1);
  EXPECT_EQ(sound.eager_reason(), "");
}

TEST_P(Capture, NamesTheLayerThatCannotBeCaptured) {
  class ReadsBack : public Layer {
    Tensor forward(const Tensor& x) const override { return x * sum(x).item(); }
  };
  // Also where an activation follows, which is handed to it as an epilogue.
  for (const bool followed : {false, true}) {
    Sequential inner{ReLU(), ReadsBack()};
    if (followed) inner.push_back(ReLU());
    Sequential model{Dense(2, 2, {.dtype = dtype()}), std::move(inner)};
    model.to(device());
    auto step = capture([&](const Tensor& x) { return sum(model(x)); }, {.warmup = 1});
    testing::internal::CaptureStderr();
    for (int i = 0; i < 3; ++i) step(ones({1, 2}, {.dtype = dtype(), .device = device()}));
    testing::internal::GetCapturedStderr();
    EXPECT_EQ(step.eager_reason().substr(0, 22), "in ReadsBack: [item] r") << step.eager_reason();
  }
}

TEST_P(Capture, CannotCaptureWhatNoReplayCanDo) {
  const auto reason = [&](auto body) {
    auto step = capture(body, {.warmup = 2});
    const Tensor x = full({4}, 1, {.dtype = dtype(), .device = device()});
    testing::internal::CaptureStderr();
    for (int i = 0; i < 5; ++i) step(x);
    testing::internal::GetCapturedStderr();
    return step.eager_reason();
  };
  const TensorOptions options{.dtype = dtype(), .device = device()};
  int calls = 0;
  Tensor average = zeros({4}, options);
  // What only a GPU cannot do: the CPU's own memory is there for it.
  const auto if_cuda = [&](const std::string& message) { return device().is_cuda() ? message : ""; };
  const std::pair<std::string, std::string> cases[] = {
      {reason([&](const Tensor& x) { return x + tensor({1, 2, 3, 4}, options); }),
       if_cuda("[copy] a copy between the CPU and a CUDA device (item() is one) cannot be part of a captured step")},
      {reason([&](const Tensor& x) { return ++calls <= 2 ? x : x + ones({1000}, options).array().numel(); }),
       if_cuda("[allocate] " + std::to_string(1000 * size_of(dtype())) +
               " bytes that the warm-up steps did not need cannot be part of a captured step")},
      {reason([&](const Tensor& x) { return average = average + x; }),
       "[capture] the step must not replace a tensor that it reads, got one replaced; copy() into it instead"},
      {reason([&](const Tensor& x) {
         Generator generator(1);
         return dropout(x, 0.5, generator);
       }),
       "[generator] a generator that is made in the step cannot be part of a captured step; keep it outside"},
      {reason([&](const Tensor& x) {
         manual_seed(1);
         return dropout(x, 0.5);
       }),
       "[generator] setting its state cannot be part of a captured step"},
      {reason([&](const Tensor& x) {
         random_permutation(3);
         return x;
       }),
       "[random_permutation] a shuffle cannot be part of a captured step; pass its result in as an input"},
  };
  for (const auto& [got, expected] : cases) EXPECT_EQ(got, expected);
  EXPECT_EQ(sum(average).item(), 20) << "the step that replaced a tensor was run in every call";
}

TEST_P(Capture, ThrowsWhatTheStepThrowsAndCapturesLater) {
  auto step = capture([&](const Tensor& x) {
    if (x.numel() == 3) fail("test", "not three");
    return x * 2;
  });
  const Tensor two = ones({2}, {.dtype = dtype(), .device = device()}),
               three = ones({3}, {.dtype = dtype(), .device = device()});
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(error_of([&] { step(three); }), "[test] not three");
    EXPECT_EQ(sum(step(two)).item(), 4);
  }
  EXPECT_EQ(step.graphs(), 1);
  EXPECT_EQ(step.eager_reason(), "");
}

TEST_P(Capture, MayReturnAnInput) {
  auto step = capture([](const Tensor& x) { return x; }, {.warmup = 1});
  for (int i = 0; i < 5; ++i) {
    const Tensor x = full({300}, i, {.dtype = dtype(), .device = device()});
    const Tensor y = step(x);
    EXPECT_NE(y.array().storage(), x.array().storage());
    EXPECT_EQ(y.to(float64).to_vector<double>(), std::vector<double>(300, i));
  }
  EXPECT_EQ(step.graphs(), 1);
}

TEST_P(Capture, RefusesInputsThatItCannotTake) {
  auto step = capture([](const Tensor& x) { return x; });
  EXPECT_EQ(error_of([&] { step(ones({2}, {.dtype = dtype(), .device = device(), .requires_grad = true})); }),
            "[capture] an input must not require a gradient, got one of shape [2]");
  EXPECT_EQ(error_of([] { capture([](const Tensor& x) { return x; }, {.warmup = 0}); }),
            "[capture] warmup must be at least 1, got 0");
  if (device().is_cuda()) {
    auto two = capture([](const Tensor& x, const Tensor&) { return x; });
    EXPECT_EQ(error_of([&] { two(ones({2}, {.device = device()}), ones({2}, {.device = Device::cpu()})); }),
              "[capture] inputs must be on one device, got cuda:0 and cpu");
  }
}

TEST_P(Capture, ReportsALabelOutOfRange) {
  Training t(device(), dtype());
  auto step = t.captured();
  for (int i = 0; i < 5; ++i) step(t.images[3], t.labels[3]);
  const Tensor wrong = from_vector<int32_t>({0, 1, 4, 0, 0}, {5}, device());
  if (device().is_cuda()) {
    const Tensor loss = step(t.images[3], wrong);
    EXPECT_EQ(error_of([&] { loss.item(); }),
              "[capture] labels, targets, indices and rows must lie in their ranges and a mean's weights not sum to 0, "
              "got a violation at position 2, in a "
              "replayed step "
              "or a batch that was loaded");
  } else {
    EXPECT_EQ(error_of([&] { step(t.images[3], wrong); }), "[cross_entropy] labels must lie in [0, 4), got 4 at row 2");
  }
  EXPECT_EQ(error_of([&] { step(t.images[3], t.labels[3]).item(); }), "no error");
}

TEST_P(Capture, NestsAsPartOfTheOuterStep) {
  auto inner = capture([](const Tensor& x) { return x * 2; });
  auto outer = capture([&](const Tensor& x) { return inner(x) + 1; });
  for (int i = 0; i < 8; ++i)
    EXPECT_EQ(sum(outer(full({2}, i, {.dtype = dtype(), .device = device()}))).item(), 4 * i + 2);
  EXPECT_EQ(outer.graphs(), 1);
  EXPECT_EQ(inner.graphs(), 0);
}

TEST_P(Capture, KeepsToItsMemory) {
  {
    Training first(device(), dtype());
    first.step(first.images[0], first.labels[0]);  // makes the unit gradient, which stays
  }
  const int64_t at_first = memory_stats(device()).live_bytes;
  {
    Training t(device(), dtype());
    auto step = t.captured();
    Tensor loss;
    for (int i = 0; i < 6; ++i) loss = step(t.images[0], t.labels[0]);
    const MemoryStats before = memory_stats(device());
    for (int i = 0; i < 50; ++i)
      loss = step(t.images[static_cast<size_t>(i % 3)], t.labels[static_cast<size_t>(i % 3)]);
    const MemoryStats after = memory_stats(device());
    EXPECT_EQ(after.live_bytes, before.live_bytes);
    EXPECT_EQ(after.system_allocations, before.system_allocations);
  }
  EXPECT_EQ(memory_stats(device()).live_bytes, at_first) << "and gives it back";
}

TEST_P(Capture, OutlivesWhatItWasCapturedWith) {
  Tensor weight, gradient;
  {
    auto t = std::make_unique<Training>(device(), dtype());
    auto step = capture([&](const Tensor& x, const Tensor& y) { return t->step(x, y); });
    const Tensor x = t->images[0], y = t->labels[0];
    for (int i = 0; i < 6; ++i) step(x, y);
    weight = t->model.parameters()[0].tensor;
    gradient = weight.grad();
    t = std::make_unique<Training>(device(), dtype());  // the old network and optimizer are gone
    Training reference(device(), dtype());
    manual_seed(9);
    for (int i = 0; i < 6; ++i) step(x, y);
    manual_seed(9);
    for (int i = 0; i < 6; ++i) reference.step(x, y);
    EXPECT_EQ(t->weights(), reference.weights());
    t.reset();
  }
  EXPECT_TRUE(std::isfinite(sum(weight).item()) && std::isfinite(sum(gradient).item()));
}

TEST_P(Capture, NoticesThatParametersMoved) {
  if (!device().is_cuda()) GTEST_SKIP() << "one device";
  Training t(device(), dtype());
  auto step = t.captured();
  for (int i = 0; i < 6; ++i) step(t.images[0], t.labels[0]);
  t.model.to(Device::cpu());
  EXPECT_NE(error_of([&] { step(t.images[0], t.labels[0]); }).find("must be on one device, got cuda:0 and cpu"),
            std::string::npos);
  t.model.to(device());
  EXPECT_NE(
      error_of([&] { step(t.images[0], t.labels[0]); }).find("was moved or replaced after the optimizer was made"),
      std::string::npos);
  t.sgd.emplace(t.model.parameters(), optim::SGDOptions{.learning_rate = 0.1});
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(std::isfinite(step(t.images[0], t.labels[0]).item()));
  EXPECT_EQ(step.graphs(), 2);
}

}  // namespace
}  // namespace ramp

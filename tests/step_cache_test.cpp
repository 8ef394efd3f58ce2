// How calls find their graphs, without a GPU: a stand-in for the graph runs the step where CUDA would record it.

#include <gtest/gtest.h>

#include "error_of.h"
#include "ramp/core/backend/step_recorder.h"
#include "ramp/core/hooks.h"
#include "ramp/ramp.h"

namespace ramp {
namespace {

struct Log {
  int alive = 0, warm_ups = 0, captures = 0;
  std::vector<std::vector<RandomKey>> launches;
  std::vector<RandomKey> drawn;  // by the step, filled by the tests' steps
};
Log* log_ = nullptr;

/// Counts what is asked of it. Its capture runs the step, so that its first launch has nothing to do.
struct CountingGraph : StepRecorder {
  CountingGraph() { ++log_->alive; }
  ~CountingGraph() override { --log_->alive; }
  bool take(const Array&, const Array&) override { return true; }
  void warm_up(const std::function<void()>& step) override {
    ++log_->warm_ups;
    step();
  }
  void capture(const std::function<void()>& step) override {
    log_->drawn.clear();
    step();
    ++log_->captures;
    drawn_ = log_->drawn;
  }
  const std::vector<RandomKey>& drawn() const override { return drawn_; }
  void stop() override {}
  void launch(std::span<const RandomKey> keys) override { log_->launches.emplace_back(keys.begin(), keys.end()); }
  std::vector<RandomKey> drawn_;
};

class StepCacheTest : public testing::Test {
 protected:
  StepCacheTest() { log_ = &log; }
  Tensor call(const CapturedStep& step, const Tensor& x) { return cache->run(std::vector<Tensor>{x}, step); }
  Log log;
  std::unique_ptr<StepCache> cache = std::make_unique<StepCache>(
      CaptureOptions{}, [](Device) -> std::unique_ptr<StepRecorder> { return std::make_unique<CountingGraph>(); });
};

Tensor same(std::span<const Tensor> x) { return x[0] * 1; }

TEST_F(StepCacheTest, WarmsUpCapturesAndReplays) {
  for (int i = 0; i < 10; ++i) call(same, ones({2}));
  EXPECT_EQ(log.warm_ups, 3);
  EXPECT_EQ(log.captures, 1);
  EXPECT_EQ(log.launches.size(), 7u) << "the captured step and six replays";
  EXPECT_EQ(cache->graphs(), 1);
}

TEST_F(StepCacheTest, TellsInputsAndRecordingApart) {
  for (int i = 0; i < 5; ++i) call(same, ones({2})), call(same, ones({3})), call(same, ones({2}, {.dtype = float64}));
  EXPECT_EQ(log.captures, 3);
  const NoGrad quiet;
  for (int i = 0; i < 5; ++i) call(same, ones({2}));
  EXPECT_EQ(log.captures, 4);
  EXPECT_EQ(log.alive, 4);
}

TEST_F(StepCacheTest, RenewsKeysAndMovesGenerators) {
  Generator one(1), other(1);  // in the same state
  const auto step = [&](std::span<const Tensor> x) {
    for (Generator* g : {&one, &other, &one}) log.drawn.push_back(g->next());
    log.drawn.push_back({99, 7});  // nobody's
    return same(x);
  };
  for (int i = 0; i < 4; ++i) call(step, ones({1}));
  other.set_state(5, 100);
  one.next();
  call(step, ones({1}));
  ASSERT_EQ(log.launches.size(), 2u);
  const auto expect = [](const std::vector<RandomKey>& keys, std::vector<std::pair<uint64_t, uint64_t>> expected) {
    ASSERT_EQ(keys.size(), expected.size());
    for (size_t i = 0; i < keys.size(); ++i) EXPECT_EQ(std::pair(keys[i].seed, keys[i].ticket), expected[i]) << i;
  };
  expect(log.launches[0], {{1, 6}, {1, 3}, {1, 7}, {99, 7}});
  expect(log.launches[1], {{1, 9}, {5, 100}, {1, 10}, {99, 7}});
  EXPECT_EQ(one.ticket(), 11u);
  EXPECT_EQ(other.ticket(), 101u);
}

TEST_F(StepCacheTest, GoesOnEagerlyInTheCallThatCannotBeCaptured) {
  Generator generator(1);
  int calls = 0;
  const auto step = [&](std::span<const Tensor> x) {
    ++calls;
    generator.next();
    stop_capture("test", "not this one");
    EXPECT_EQ(capturing(), nullptr);
    generator.next();
    return same(x);
  };
  for (int i = 1; i <= 8; ++i) {
    call(step, ones({1}));
    EXPECT_EQ(calls, i) << "each call is one step";
    EXPECT_EQ(generator.ticket(), 2U * static_cast<unsigned>(i));
  }
  EXPECT_EQ(cache->eager_reason(), "[test] not this one");
  EXPECT_EQ(log.warm_ups, 3);
  EXPECT_EQ(log.launches.size(), 0u);
}

TEST_F(StepCacheTest, ThrowsWhatTheStepThrowsAndTriesAgain) {
  int calls = 0;
  const auto step = [&](std::span<const Tensor> x) {
    if (++calls == 4) fail("test", "not now");
    return same(x);
  };
  for (int i = 0; i < 3; ++i) call(step, ones({1}));
  EXPECT_EQ(error_of([&] { call(step, ones({1})); }), "[test] not now");
  EXPECT_EQ(capturing(), nullptr);
  EXPECT_EQ(log.alive, 0);
  for (int i = 0; i < 5; ++i) call(step, ones({1}));
  EXPECT_EQ(log.captures, 1);
  EXPECT_EQ(cache->eager_reason(), "");
}

TEST_F(StepCacheTest, StaysEagerWhereNoGraphIsEverReplayed) {
  Tensor scale = ones({1});
  const auto step = [&](std::span<const Tensor> x) { return x[0] * scale; };
  for (int i = 0; i < 60; ++i) {
    scale = full({1}, i);
    EXPECT_EQ(call(step, ones({1})).item(), i);
  }
  EXPECT_EQ(log.captures, 4);
  EXPECT_EQ(cache->eager_reason(),
            "[capture] a step must read the same tensors in each call, got others in most; copy() into the old ones");
}

TEST_F(StepCacheTest, KeepsFewGraphs) {
  for (int64_t n = 1; n <= 40; ++n)
    for (int i = 0; i < 5; ++i) call(same, ones({n}));
  EXPECT_EQ(log.captures, 40);
  EXPECT_EQ(log.alive, 16);
  for (int64_t n = 25; n <= 40; ++n) call(same, ones({n}));
  EXPECT_EQ(log.captures, 40) << "the last ones are there";
  for (int64_t n = 100; n <= 1000; ++n) call(same, ones({n}));
  EXPECT_EQ(log.alive, 16) << "those that warm up count too";
}

TEST_F(StepCacheTest, DropsGraphsOfWhatIsGone) {
  const auto make = [](double value) { return full({2}, value, {.requires_grad = true}); };
  Tensor w = make(1);
  auto sgd =
      std::make_unique<optim::SGD>(std::vector<Parameter>{w}, optim::SGDOptions{.learning_rate = 0.1, .momentum = 0.5});
  const auto step = [&](std::span<const Tensor> x) {
    Tensor loss = sum(w * x[0]);
    sgd->zero_grad();
    loss.backward();
    sgd->step();
    return loss;
  };
  const auto train = [&] {
    for (int i = 0; i < 5; ++i) call(step, ones({2}));
  };
  train();
  EXPECT_EQ(log.captures, 1);
  sgd->set_learning_rate(0.2);
  train();
  EXPECT_EQ(log.captures, 1) << "the learning rate is read anew";
  optim::SGD moved = std::move(*sgd);
  *sgd = std::move(moved);
  train();
  EXPECT_EQ(log.captures, 1) << "as the groups stay where they are";
  sgd = std::make_unique<optim::SGD>(std::vector<Parameter>{w}, optim::SGDOptions{.learning_rate = 0.1});
  train();
  EXPECT_EQ(log.captures, 2);
  EXPECT_EQ(log.alive, 1);
  sgd->set_options({.learning_rate = 0.1, .weight_decay = 0.1});
  train();
  EXPECT_EQ(log.captures, 3);
  sgd->set_options({.learning_rate = 0.1});
  train();
  EXPECT_EQ(log.captures, 3) << "back to the first options: their graph is still there";
  EXPECT_EQ(log.alive, 2);
}

TEST_F(StepCacheTest, KeepsFewVariantsOfAKey) {
  Sequential model{Dropout(0.5)};
  Tensor w = ones({1}, {.requires_grad = true});
  optim::SGD sgd({w}, {.learning_rate = 0.1});
  const auto step = [&](std::span<const Tensor> x) {
    sum(w * x[0]).backward();
    sgd.step();
    return same(x);
  };
  for (int i = 0; i < 40; ++i) {
    sgd.set_options({.learning_rate = 0.1, .weight_decay = 0.001 * i});
    call(step, ones({1}));
  }
  EXPECT_EQ(log.captures, 10);
  EXPECT_EQ(log.alive, 4);
}

TEST_F(StepCacheTest, DependsOnModesAndOnGradientsThatAreThere) {
  Sequential model{Dropout(0.5)};
  Tensor w = ones({1}, {.requires_grad = true});
  const auto step = [&](std::span<const Tensor> x) {
    Tensor loss = sum(model(w * x[0]));
    loss.backward();
    return loss;
  };
  for (int i = 0; i < 6; ++i) call(step, ones({1}));
  EXPECT_EQ(log.captures, 1);
  model.eval();
  for (int i = 0; i < 6; ++i) call(step, ones({1}));
  EXPECT_EQ(log.captures, 2);
  model.train();
  call(step, ones({1}));
  EXPECT_EQ(log.captures, 2);
  for (int i = 0; i < 4; ++i) {  // the first gradient overwrites, the later ones add up: another graph
    w.zero_grad();
    call(step, ones({1}));
  }
  EXPECT_EQ(log.captures, 3);
  w.zero_grad();
  call(step, ones({1}));
  EXPECT_TRUE(w.grad().defined()) << "as after the step itself";
  EXPECT_EQ(log.captures, 3);
}

TEST_F(StepCacheTest, StaysEagerAfterAStepThatReplacedATensor) {
  Tensor average = zeros({1});
  const auto step = [&](std::span<const Tensor> x) { return average = average + x[0]; };
  for (int i = 0; i < 3; ++i) call(step, ones({1}));
  EXPECT_EQ(call(step, ones({1})).item(), 4);
  EXPECT_NE(cache->eager_reason().find("got one replaced"), std::string::npos);
  EXPECT_EQ(average.item(), 4) << "the step was run once";
  EXPECT_EQ(log.launches.size(), 1u);
  EXPECT_EQ(call(step, ones({1})).item(), 5);
  EXPECT_EQ(log.launches.size(), 1u);
}

TEST_F(StepCacheTest, HoldsTheMemoryThatItReads) {
  Tensor scale = ones({5000});
  const auto step = [&](std::span<const Tensor> x) { return sum(Tensor(scale.array()) * x[0]); };
  for (int i = 0; i < 4; ++i) call(step, ones({1}));
  const std::weak_ptr<Storage> memory = scale.array().storage();
  scale = Tensor();
  EXPECT_FALSE(memory.expired());
  cache = nullptr;
  EXPECT_TRUE(memory.expired());
}

}  // namespace
}  // namespace ramp

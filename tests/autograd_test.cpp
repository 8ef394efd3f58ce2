// The graph: recording, walking back, hooks, memory.

#include <gtest/gtest.h>

#include "error_of.h"
#include "ramp/ramp.h"

namespace ramp {
namespace {

Tensor leaf(std::initializer_list<double> values) { return tensor(values, {.dtype = float64, .requires_grad = true}); }
std::vector<double> values(const Tensor& x) { return x.to_vector<double>(); }
using Doubles = std::vector<double>;
std::string here() { return to_string(default_device()); }

TEST(Autograd, AddsGradientsOverSeveralBackwardCalls) {
  const Tensor x = leaf({2});
  square(x).backward();
  square(x).backward();
  EXPECT_EQ(x.grad().item(), 8);
  Tensor handle = x;
  handle.zero_grad();
  EXPECT_FALSE(x.grad().defined());
  square(x).backward();
  EXPECT_EQ(x.grad().item(), 4);
}

TEST(Autograd, SumsOverEveryPath) {
  const Tensor x = leaf({3});
  const Tensor y = x * x, z = y * x + y + x;  // x^3 + x^2 + x
  z.backward();
  EXPECT_EQ(x.grad().item(), 27 + 6 + 1);
}

TEST(Autograd, FreesTheGraphUnlessAskedToKeepIt) {
  const Tensor x = leaf({2});
  const Tensor y = square(x) * x;
  y.backward({.retain_graph = true});
  y.backward();
  EXPECT_EQ(x.grad().item(), 24);
  EXPECT_EQ(error_of([&] { y.backward(); }),
            "[backward] the graph of 'multiply' was freed by an earlier backward; pass {.retain_graph = true} there");
  const Tensor shared = square(x), first = shared * 2.0, second = shared * 3.0;
  first.backward();
  EXPECT_NE(error_of([&] { second.backward(); }).find("the graph of 'square' was freed"), std::string::npos);
}

TEST(Autograd, ChangesNothingWhenAPartOfTheGraphIsGone) {
  Tensor x = ones({2}, {.requires_grad = true}), w = ones({2}, {.requires_grad = true});
  const Tensor gone = x * x;
  sum(gone).backward();
  x.zero_grad();
  const Tensor y = sum(gone * w + w);
  EXPECT_NE(error_of([&] { y.backward(); }).find("the graph of 'multiply' was freed"), std::string::npos);
  EXPECT_FALSE(w.grad().defined());
  EXPECT_FALSE(x.grad().defined());
}

TEST(Autograd, NeedsAScalarOrAGradient) {
  const Tensor x = leaf({1, 2});
  EXPECT_EQ(error_of([&] { square(x).backward(); }),
            "[backward] a tensor of shape [2] needs a gradient; only a scalar goes without");
  square(x).backward(tensor({1, 10}, {.dtype = float64}));
  EXPECT_EQ(values(x.grad()), (Doubles{2, 40}));
  EXPECT_NE(error_of([&] { square(x).backward(scalar(1, {.dtype = float64})); }).find("[backward]"), std::string::npos);
  EXPECT_EQ(error_of([] { scalar(1).backward(); }), "[backward] the tensor requires no gradient");
}

TEST(Autograd, RecordsNothingWithoutNeed) {
  const Tensor x = leaf({1});
  {
    NoGrad quiet;
    EXPECT_FALSE(square(x).requires_grad());
    EXPECT_FALSE(recording());
  }
  EXPECT_TRUE(recording());
  EXPECT_FALSE(square(x.detach()).requires_grad());
  EXPECT_TRUE(square(x).requires_grad());
  EXPECT_FALSE(square(x).is_leaf());
  EXPECT_FALSE((x > 0).requires_grad());
}

TEST(Autograd, DetachStopsTheGradient) {
  const Tensor x = leaf({3});
  (x * x.detach()).backward();
  EXPECT_EQ(x.grad().item(), 3);
}

TEST(Autograd, HooksSeeAndReplaceGradients) {
  Tensor x = leaf({1, 2});
  Tensor y = x * 3.0;
  std::vector<double> seen;
  y.register_hook([&](const Tensor& g) {
    seen = values(g);
    return Tensor();
  });
  x.register_hook([](const Tensor& g) { return g * 10.0; });
  y.retain_grad();
  sum(y * y).backward();
  EXPECT_EQ(seen, (Doubles{6, 12}));
  EXPECT_EQ(values(y.grad()), (Doubles{6, 12}));
  EXPECT_EQ(values(x.grad()), (Doubles{180, 360}));
  x.register_hook([](const Tensor&) { return scalar(1); });
  EXPECT_NE(error_of([&] { sum(x).backward(); }).find("[hook] backward must give a gradient of its input's shape [2]"),
            std::string::npos);
  EXPECT_THROW(Tensor(scalar(1)).register_hook([](const Tensor& g) { return g; }), Error);
}

TEST(Autograd, ChecksWhatACustomBackwardGives) {
  const Tensor x = leaf({1, 2});
  const auto wrong = [&](Array gradient) {
    return record("wrong", x.array(), {x}, [gradient](const Array&, Gradients& inputs) { inputs[0] = gradient; });
  };
  const Tensor g = tensor({1, 1}, {.dtype = float64});
  EXPECT_EQ(error_of([&] { wrong(full_array({3}, 1, float64, default_device())).backward(g); }),
            "[wrong] backward must give a gradient of its input's shape [2] float64 on " + here() +
                ", got [3] float64 on " + here());
  EXPECT_THROW(wrong(full_array({2}, 1, float32, default_device())).backward(g), Error);
  // A gradient that is not given is none, not an error.
  record("silent", x.array(), {x}, [](const Array&, Gradients&) {}).backward(g);
  EXPECT_FALSE(x.grad().defined());
}

TEST(Autograd, AThrowingBackwardLeavesNothingBehind) {
  const Tensor x = leaf({2});
  const Tensor y = square(x);
  const Tensor bad = record("bad", y.array(), {y}, [](const Array&, Gradients&) { fail("bad", "no gradient here"); });
  EXPECT_THROW(sum(y * 5.0 + bad).backward({.retain_graph = true}), Error);
  sum(y).backward();
  EXPECT_EQ(x.grad().item(), 4);
}

TEST(Autograd, LeavesCanBeSwitched) {
  Tensor x = scalar(2);
  EXPECT_FALSE(x.requires_grad());
  x.set_requires_grad();
  square(x).backward();
  EXPECT_EQ(x.grad().item(), 4);
  x.set_requires_grad(false);
  EXPECT_FALSE(square(x).requires_grad());
  EXPECT_EQ(error_of([] { arange(3, {.dtype = int32}).set_requires_grad(); }),
            "[requires_grad] only float32 and float64 have gradients, got int32");
  Tensor y = square(scalar(1).set_requires_grad());
  EXPECT_EQ(error_of([&] { y.set_requires_grad(false); }),
            "[set_requires_grad] only a leaf can be switched, this is the result of 'square'");
}

TEST(Autograd, GradientsFlowThroughConversions) {
  const Tensor x = leaf({3});
  square(x.to(float32)).backward();
  EXPECT_EQ(x.grad().dtype(), float64);
  EXPECT_EQ(x.grad().item(), 6);
  EXPECT_FALSE(x.to(int32).requires_grad());
}

TEST(Autograd, SetGradReplaces) {
  Tensor x = leaf({3});
  square(x).backward();
  x.set_grad(x.grad() * 0.5);
  EXPECT_EQ(x.grad().item(), 3);
  EXPECT_EQ(error_of([&] { x.set_grad(scalar(1)); }),
            "[set_grad] expected [1] float64 on " + here() + ", got [] float32 on " + here());
  x.set_grad(Tensor());
  EXPECT_FALSE(x.grad().defined());
}

TEST(Autograd, AChainOfFiftyThousandOperations) {
  const Tensor x = leaf({1});
  const auto chain = [&] {
    Tensor y = x;
    for (int i = 0; i < 50000; ++i) y = y + 1e-9;
    return y;
  };
  chain().backward();
  EXPECT_EQ(x.grad().item(), 1);
  { const Tensor never_walked = chain(); }  // freed without backward, and without recursion
  const int64_t live = memory_stats(default_device()).live_bytes;
  { chain(); }
  EXPECT_EQ(memory_stats(default_device()).live_bytes, live);
}

TEST(Memory, ATrainingLoopStaysLevelAndAsksTheSystemForNothing) {
  manual_seed(1);
  Sequential model{Dense(20, 16), ReLU(), Dropout(0.2), Dense(16, 4)};
  optim::SGD sgd(model.parameters(), {.learning_rate = 0.01, .momentum = 0.9});
  const Tensor x = randn({8, 20}), labels = from_vector<int32_t>({0, 1, 2, 3, 0, 1, 2, 3}, {8});
  MemoryStats early;
  for (int step = 0; step < 10000; ++step) {
    if (step == 10) early = memory_stats(default_device());
    sgd.zero_grad();
    cross_entropy(model(x), labels).backward();
    sgd.step();
  }
  EXPECT_EQ(memory_stats(default_device()).live_bytes, early.live_bytes);
  EXPECT_EQ(memory_stats(default_device()).system_allocations, early.system_allocations);
}

TEST(Memory, IsGivenBackOnDemand) {
  { zeros({1000, 1000}); }
  EXPECT_GE(memory_stats(default_device()).cached_bytes, 4000000);
  release_cached_memory(default_device());
  EXPECT_EQ(memory_stats(default_device()).cached_bytes, 0);
}

}  // namespace
}  // namespace ramp

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
    EXPECT_FALSE(grad_enabled());
  }
  EXPECT_TRUE(grad_enabled());
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
  {
    const Tensor never_walked = chain();
  }  // freed without backward, and without recursion
  const int64_t live = memory_stats(default_device()).live_bytes;
  {
    chain();
  }
  EXPECT_EQ(memory_stats(default_device()).live_bytes, live);
}

TEST(Autograd, AChainOfBackwardFunctionsThatHoldTensors) {
  Tensor y = leaf({1});
  for (int i = 0; i < 100000; ++i) {
    const Array value = y.array();
    y = record("held", clone(value), std::initializer_list<Tensor>{leaf({1})},
               [y](const Array& g, Gradients& inputs) { inputs[0] = g; });
  }
  y = {};  // freed without recursion
  SUCCEED();
}

// ---- Numbers that change between forward and backward ----

TEST(Overwritten, ANeededInputIsNoticedBeforeAnythingChanges) {
  const auto overwritten = [](auto&& op, auto&& overwrite) {
    const Tensor x = leaf({3}), other = leaf({2});
    const Tensor y = sum(op(x) * other);
    overwrite(x.array());
    const std::string error = error_of([&] { y.backward(); });
    EXPECT_FALSE(x.grad().defined() || other.grad().defined());
    return error;
  };
  const auto by = [](const std::string& what) { return what + " was overwritten after the forward pass"; };
  EXPECT_EQ(overwritten([](const Tensor& x) { return square(x); },
                        [](const Array& x) { copy(full_array({1}, 100, float64, x.device()), x); }),
            by("[backward] the input of 'square'") + ", by copy()");
  EXPECT_EQ(overwritten([](const Tensor& x) { return x * x; }, [](const Array& x) { fill(x, 1); }),
            by("[backward] the input of 'multiply'") + ", by fill()");
  EXPECT_EQ(overwritten([](const Tensor& x) { return matmul(reshape(x, {1, 1}), reshape(x, {1, 1})); },
                        [](const Array& x) { add_to(x, x); }),
            by("[backward] the input of 'matmul'") + ", by add");
  EXPECT_EQ(overwritten([](const Tensor& x) { return dense(reshape(x, {1, 1}), reshape(x, {1, 1})); },
                        [](const Array& x) { x.data<double>(); }),
            by("[backward] the input of 'dense'") + ", by data() for writing; read through data<const T>()");
}

TEST(Overwritten, ANeededResultIsNoticed) {
  const Tensor x = leaf({3, 4});
  const Tensor e = exp(x), y = sum(e);
  fill(e.array(), 1);
  EXPECT_EQ(error_of([&] { y.backward(); }),
            "[backward] the result of 'exp' was overwritten after the forward pass, by fill()");
  const Tensor rows = zeros({2, 3}, {.dtype = float64, .requires_grad = true}),
               index = from_vector<int32_t>({0, 1}, {2}, default_device());
  const Tensor z = sum(gather(rows, index));
  fill(index.array(), 0);
  EXPECT_EQ(
      error_of([&] { z.backward(); }),
      "[backward] an array that is needed for the gradient of 'gather' was overwritten after the forward pass, by "
      "fill()");
}

TEST(Overwritten, WhatNobodyNeedsMayBe) {
  const Tensor x = leaf({3, 4}), bias = leaf({1, 1});
  const Tensor y = sum((x + bias) - x * 2.0);
  fill(bias.array(), 7);
  y.backward();
  EXPECT_EQ(values(bias.grad()), (Doubles{1, 1}));
  const Tensor z = sum(square(x));
  const Tensor beside = leaf({1, 2});
  fill(beside.array(), 3);
  z.backward();
  fill(x.array(), 0);  // afterwards, when nobody needs it any more
}

TEST(Overwritten, WhatNoWantedGradientNeedsMayBe) {
  const Tensor p = leaf({3}), x = tensor({{1, 2}}, {.dtype = float64});
  const Tensor scaled = sum(p * 2.0);
  Dense layer(2, 2, {.dtype = float64});
  const Tensor first = sum(layer(x)), second = sum(square(layer(x)));
  fill(p.array(), 7);
  scaled.backward();
  optim::SGD sgd(layer.parameters(), {.learning_rate = 0.1});
  first.backward();
  sgd.step();  // x wants no gradient, so the weight is not needed
  second.backward();
  const Tensor w = leaf({3});
  const Tensor y = sum(square(w));
  w.array().data<double>();
  EXPECT_EQ(
      error_of([&] { y.backward(); }),
      "[backward] the input of 'square' was overwritten after the forward pass, by data() for writing; read through "
      "data<const T>()");
}

TEST(Overwritten, IsKnownForEachOfManyParameters) {
  std::vector<Parameter> all;
  for (int i = 0; i < 1000; ++i) all.push_back(leaf({1}));
  optim::SGD sgd(all, {.learning_rate = 0.1});
  const Tensor y = sum(square(all[0].tensor));
  for (size_t i = 1; i < all.size(); ++i) fill(all[i].tensor.array(), 5);
  y.backward();
  EXPECT_EQ(all[0].tensor.grad().item(), 2);
}

TEST(Overwritten, OwnOperationsKeepTheirInputsAndResultByDefault) {
  const auto twice = [](const Tensor& x, bool needs) {
    const Array value = x.array() * 2;
    const auto backward = [](const Array& g, Gradients& inputs) { inputs[0] = g * 2; };
    return needs ? record("twice", value, {x}, backward) : record("twice", value, {x}, {}, backward);
  };
  const Tensor x = leaf({3});
  const Tensor careful = twice(x, true), free = twice(x, false);
  fill(x.array(), 5);
  EXPECT_EQ(error_of([&] { careful.backward(); }),
            "[backward] the input of 'twice' was overwritten after the forward pass, by fill()");
  free.backward();
  EXPECT_EQ(x.grad().item(), 2);
}

TEST(Overwritten, AnOptimizersStepBetweenTwoLossesIsNoticed) {
  Sequential model{Dense(3, 4), ReLU(), Dense(4, 2)};
  optim::SGD sgd(model.parameters(), {.learning_rate = 0.1});
  const Tensor x = ones({2, 3});
  const Tensor a = sum(model(x)), b = mean(square(model(x)));
  a.backward();
  sgd.step();
  EXPECT_EQ(error_of([&] { b.backward(); }),
            "[backward] the input of 'dense' was overwritten after the forward pass, by optimizer.step()");
  mean(square(model(x))).backward();  // computed anew it is right
}

TEST(Overwritten, ParametersThatAStepLeavesAloneAreNot) {
  Dense first(2, 2), second(2, 2);
  std::vector<Parameter> all = first.parameters();
  for (const Parameter& p : second.parameters()) all.push_back(p);
  optim::SGD sgd(all, {.learning_rate = 0.1});
  const Tensor x = ones({1, 2});
  const Tensor of_first = sum(square(first(x))), of_second = sum(square(second(x)));
  of_first.backward();
  sgd.step();            // the second layer has no gradient
  of_second.backward();  // in the same memory as the first, but unchanged
  EXPECT_TRUE(second.weight.grad().defined());
}

TEST(Overwritten, AReplayIsNoticed) {
  Dense layer(2, 2);
  optim::SGD sgd(layer.parameters(), {.learning_rate = 0.1});
  auto step = capture([&](const Tensor& x) {
    Tensor loss = sum(layer(x));
    sgd.zero_grad();
    loss.backward();
    sgd.step();
    return loss;
  });
  const Tensor x = ones({1, 2});
  for (int i = 0; i < 5; ++i) step(x);
  const Tensor eager = sum(square(layer(ones({1, 2}, {.requires_grad = true}))));
  step(x);
  EXPECT_EQ(error_of([&] { eager.backward(); }),
            "[backward] the input of 'dense' was overwritten after the forward pass, by a captured step");
}

// ---- Memory that others rely on ----

TEST(Hooks, MayWriteIntoTheirGradient) {
  // A hook that doubles in place, behind every operation that hands its gradient on as it is.
  const auto doubles = [](const Tensor& gradient) {
    add_to(gradient.array(), gradient.array());
    return Tensor();
  };
  for (int round = 0; round < 2; ++round) {
    const Tensor x = leaf({3});
    const Tensor y = square(x);
    Tensor(y).register_hook(doubles);
    sum(reshape(y, {1, 1})).backward();
    EXPECT_EQ(x.grad().item(), 12);
    const Tensor free = leaf({3});
    square(free).backward();
    EXPECT_EQ(free.grad().item(), 6) << "another graph starts from 1 still";
  }
  const Tensor logits = tensor({{1, 2, 3}}, {.dtype = float64, .requires_grad = true});
  const Tensor labels = from_vector<int32_t>({0}, {1}, default_device());
  const Tensor z = logits * 1.0, loss = cross_entropy(z, labels);
  loss.backward({.retain_graph = true});
  const Doubles plain = values(logits.grad());
  Tensor(z).register_hook(doubles);
  for (int round = 0; round < 2; ++round) {
    Tensor(logits).zero_grad();
    loss.backward({.retain_graph = true});
    for (size_t i = 0; i < 3; ++i) EXPECT_DOUBLE_EQ(values(logits.grad())[i], 2 * plain[i]);
  }
  const Tensor given = tensor({1, 1}, {.dtype = float64}), w = leaf({1, 2});
  const Tensor v = w * 1.0;
  Tensor(v).register_hook(doubles);
  v.backward(given);
  EXPECT_EQ(values(given), (Doubles{1, 1})) << "the caller's own";
}

TEST(Hooks, KeepTheirState) {
  const Tensor x = leaf({3});
  Tensor(x).register_hook([n = 0](const Tensor& gradient) mutable { return ++n > 2 ? gradient * 0.0 : Tensor(); });
  Doubles seen;
  for (int i = 0; i < 4; ++i) {
    Tensor(x).zero_grad();
    square(x).backward();
    seen.push_back(x.grad().item());
  }
  EXPECT_EQ(seen, (Doubles{6, 6, 0, 0}));
}

TEST(Hooks, MayAddHooks) {
  const Tensor x = leaf({3});
  int calls = 0, added = 0;
  Tensor(x).register_hook([&](const Tensor&) {
    ++calls;
    for (int i = 0; i < 100; ++i)
      Tensor(x).register_hook([&](const Tensor&) {
        ++added;
        return Tensor();
      });
    return Tensor();
  });
  square(x).backward();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(added, 0) << "from the next gradient on";
  square(x).backward();
  EXPECT_EQ(added, 100);
}

TEST(Gradient, WhatGradReturnedKeepsItsNumbers) {
  Tensor x = leaf({3});
  const auto backward = [&] { square(x).backward(); };
  backward();
  const Tensor first = x.grad();
  const Tensor again = x.grad();
  EXPECT_TRUE(first.is(again)) << "the same tensor, without a copy";
  backward();
  EXPECT_EQ(first.item(), 12) << "later gradients that add up are seen in it";
  x.set_grad(full({1}, 5, {.dtype = float64}));
  EXPECT_EQ(first.item(), 5);
  x.zero_grad();
  fill(x.array(), 10);
  backward();
  EXPECT_EQ(first.item(), 5) << "a new gradient is not";
  EXPECT_EQ(x.grad().item(), 20);
  // With the memory of an optimizer.
  optim::SGD sgd({x}, {.learning_rate = 0.1});
  sgd.zero_grad();
  backward();
  const Tensor held = x.grad();
  sgd.zero_grad();
  fill(x.array(), 1);
  backward();
  EXPECT_EQ(held.item(), 20);
  EXPECT_EQ(x.grad().item(), 2);
}

TEST(Gradient, IsNotCopiedWhereNobodyHoldsIt) {
  Tensor x = ones({1000}, {.requires_grad = true});
  sum(square(x)).backward();
  const auto* before = x.grad().array().data<const void>();
  const int64_t live = memory_stats(default_device()).live_bytes;
  for (int i = 0; i < 3; ++i) {
    x.zero_grad();
    sum(square(x)).backward();
    x.set_grad(x.grad() * 0.5);
  }
  EXPECT_EQ(x.grad().array().data<const void>(), before);
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
  {
    zeros({1000, 1000});
  }
  EXPECT_GE(memory_stats(default_device()).cached_bytes, 4000000);
  release_cached_memory(default_device());
  EXPECT_EQ(memory_stats(default_device()).cached_bytes, 0);
}

}  // namespace
}  // namespace ramp

// What a captured step notices, refuses or follows when the program changes what the step depends on: replays beside
// eager steps of a twin.

#include <cmath>
#include <functional>

#include "error_of.h"
#include "on_devices.h"
#include "ramp/core/cpu/parallel.h"
#include "ramp/ramp.h"

namespace ramp {
namespace {

class CaptureChanges : public OnDevices {
 protected:
  TensorOptions options() const { return {.dtype = dtype(), .device = device()}; }
  Tensor numbers(const Shape& shape, uint64_t seed) const {
    Generator generator(seed);
    return randn(shape, {.dtype = dtype()}, generator).to(device());
  }
  void expect_equal(const Tensor& got, const Tensor& expected, const std::string& where) const {
    const auto a = got.to(float64).to_vector<double>(), b = expected.to(float64).to_vector<double>();
    ASSERT_EQ(a.size(), b.size()) << where;
    for (size_t i = 0; i < a.size(); ++i)
      ASSERT_NEAR(a[i], b[i], 10 * tolerance() * (1 + std::abs(b[i]))) << where << ", element " << i;
  }

  /// A network and its optimizer.
  struct Twin {
    Twin(Sequential network, const Tensor& number) : model(std::move(network)), scale(number) {}
    Sequential model;
    Tensor scale;  // a variable of the program
    std::optional<optim::SGD> sgd;
  };
  std::unique_ptr<Twin> twin() const {
    Generator generator(3);
    const DenseOptions dense{.dtype = dtype()};
    auto t = std::make_unique<Twin>(Sequential{Dense(3, 8, dense, generator), Tanh(), Dense(8, 2, dense, generator)},
                                    full({}, 1, options()));
    t->model.to(device());
    t->sgd.emplace(t->model.parameters(), optim::SGDOptions{.learning_rate = 0.1, .momentum = 0.5});
    return t;
  }
  static Tensor train(Twin& t, const Tensor& x) {
    Tensor loss = sum(square(t.model(x))) * t.scale;
    t.sgd->zero_grad();
    loss.backward();
    t.sgd->step();
    return loss;
  }
  /// Trains two twins, one of them captured, and calls change(twin) after six steps. Expects the same losses and
  /// weights.
  template <class Change>
  void expect_followed(int64_t graphs, Change change) const {
    const auto eager = twin(), captured = twin();
    auto step = capture([&](const Tensor& x) { return train(*captured, x); });
    for (int i = 0; i < 14; ++i) {
      if (i == 6) change(*eager), change(*captured);
      const Tensor x = numbers({4, 3}, static_cast<uint64_t>(i));
      expect_equal(step(x), train(*eager, x), "loss of step " + std::to_string(i));
    }
    const std::vector<Parameter> a = captured->model.parameters(), b = eager->model.parameters();
    for (size_t i = 0; i < a.size(); ++i) expect_equal(a[i].tensor, b[i].tensor, a[i].name);
    EXPECT_EQ(step.graphs(), graphs);
    EXPECT_EQ(step.eager_reason(), "");
  }
};
RAMP_ON_DEVICES(CaptureChanges);

TEST_P(CaptureChanges, AParameterIsAssignedAndTheOptimizerMadeAnew) {
  expect_followed(2, [&](Twin& t) {
    dynamic_cast<Dense&>(t.model[0]).weight = numbers({8, 3}, 77);
    t.sgd.emplace(t.model.parameters(), optim::SGDOptions{.learning_rate = 0.1, .momentum = 0.5});
  });
}

TEST_P(CaptureChanges, AnAssignedParameterStopsTheOptimizer) {
  const auto t = twin();
  auto step = capture([&](const Tensor& x) { return train(*t, x); });
  const Tensor x = numbers({4, 3}, 1);
  for (int i = 0; i < 6; ++i) step(x);
  dynamic_cast<Dense&>(t->model[0]).weight = numbers({8, 3}, 77);
  const std::string message = "[sgd] parameter \"0.weight\" was moved or replaced after the optimizer was made";
  for (int i = 0; i < 2; ++i) EXPECT_EQ(error_of([&] { step(x); }).substr(0, message.size()), message);
  EXPECT_EQ(error_of([&] { t->sgd->step(); }).substr(0, message.size()), message);
}

TEST_P(CaptureChanges, AnAssignedParameterIsSeenWithoutAnOptimizer) {
  Dense dense(2, 1, {.dtype = dtype()});
  dense.to(device());
  auto step = capture([&](const Tensor& x) { return sum(dense(x)); });
  const Tensor x = ones({1, 2}, options());
  for (int i = 0; i < 6; ++i) step(x);
  dense.weight = full({1, 2}, 100, options());
  for (int i = 0; i < 6; ++i) EXPECT_EQ(step(x).item(), 200) << i;
  dense.bias = full({1}, 5, options());
  for (int i = 0; i < 6; ++i) EXPECT_EQ(step(x).item(), 205) << i;
  EXPECT_EQ(step.graphs(), 3);
}

TEST_P(CaptureChanges, WeightsAreTied) {
  Generator generator(1);
  const DenseOptions square{.dtype = dtype()};
  Sequential model{Dense(3, 3, square, generator), ReLU(), Dense(3, 3, square, generator)};
  model.to(device());
  auto step = capture([&](const Tensor& x) { return sum(model(x)); });
  const Tensor x = numbers({2, 3}, 5);
  for (int i = 0; i < 6; ++i) step(x);
  auto& first = dynamic_cast<Dense&>(model[0]);
  auto& last = dynamic_cast<Dense&>(model[2]);
  last.weight = first.weight;
  EXPECT_EQ(model.parameters().size(), 3u);
  for (int i = 0; i < 6; ++i) {
    copy(numbers({3, 3}, static_cast<uint64_t>(i)).array(), first.weight.array());
    expect_equal(step(x), sum(model(x)), "tied");
  }
}

TEST_P(CaptureChanges, ALayerIsAdded) {
  expect_followed(2, [](Twin& t) { t.model.push_back(Sigmoid()); });
}

TEST_P(CaptureChanges, AHookIsAdded) {
  expect_followed(2, [](Twin& t) {
    t.model.parameters()[0].tensor.register_hook([](const Tensor& gradient) { return gradient * 0.5; });
  });
}

TEST_P(CaptureChanges, AVariableOfTheProgramIsAssigned) {
  expect_followed(2, [&](Twin& t) { t.scale = full({}, 30, options()); });
}

TEST_P(CaptureChanges, AVariableThatOnlyTheLibraryHoldsStillIsAssigned) {
  // The result of another captured step, which keeps those of its last replays.
  Tensor between;
  auto first = capture([](const Tensor& x) { return x * 2; });
  auto second = capture([&](const Tensor& x) { return x + between; });
  testing::internal::CaptureStderr();
  for (int i = 0; i < 40; ++i) {
    between = first(full({1}, i, options()));
    EXPECT_EQ(second(zeros({1}, options())).item(), 2 * i);
  }
  testing::internal::GetCapturedStderr();
  // A tensor that an optimizer trains.
  Tensor weight = full({1}, 1, options()).set_requires_grad();
  optim::SGD sgd({weight}, {.learning_rate = 0.1});
  auto read = capture([&](const Tensor& x) { return (x + weight).detach(); });
  for (int i = 0; i < 6; ++i) EXPECT_EQ(read(zeros({1}, options())).item(), 1);
  weight = full({1}, 5, options());
  for (int i = 0; i < 6; ++i) EXPECT_EQ(read(zeros({1}, options())).item(), 5);
}

TEST_P(CaptureChanges, AVariableIsAssignedBeforeTheStepTurnsOutNotToBeCapturable) {
  Tensor total = zeros({1}, options());
  int calls = 0;
  auto step = capture([&](const Tensor& x) {
    ++calls;
    total = total + x;
    const Tensor y = x * 2;
    return total.item() > 1e9 ? y * 0 : y;
  });
  testing::internal::CaptureStderr();
  for (int i = 1; i <= 8; ++i) {
    EXPECT_EQ(step(ones({1}, options())).item(), 2);
    EXPECT_EQ(total.item(), i);
    EXPECT_EQ(calls, i);
  }
  testing::internal::GetCapturedStderr();
  EXPECT_NE(step.eager_reason(), "");
}

TEST_P(CaptureChanges, AStepThatThrowsWhileItIsCapturedHasDoneWhatCameBefore) {
  const auto run = [&](bool captures) {
    Tensor weight = full({2}, 1, options()).set_requires_grad();
    Tensor kept;
    int calls = 0;
    const auto body = [&](const Tensor& x) {
      kept = weight * x;
      add_to(weight.array(), x.array());
      if (++calls == 4) fail("test", "now");
      return kept * 2;
    };
    auto step = capture(body);
    std::vector<double> all;
    for (int i = 0; i < 10; ++i) {
      const Tensor x = full({2}, i, options());
      const std::string error = error_of([&] { all.push_back(sum(captures ? step(x) : body(x)).item()); });
      EXPECT_EQ(error, i == 3 ? "[test] now" : "no error");
      if (i < 4) all.push_back(sum(kept).item());
      all.push_back(sum(weight).item());
    }
    return all;
  };
  EXPECT_EQ(run(true), run(false));
}

TEST_P(CaptureChanges, AParameterIsFrozenAndThawed) {
  expect_followed(2, [](Twin& t) { t.model.parameters()[0].tensor.set_requires_grad(false); });
}

TEST_P(CaptureChanges, AnObserverIsAddedAndComputesWithTensors) {
  const auto eager = twin(), captured = twin();
  Tensor sums[2] = {zeros({}, options()), zeros({}, options())};
  auto step = capture([&](const Tensor& x) { return train(*captured, x); });
  for (int i = 0; i < 14; ++i) {
    for (int k : {0, 1})
      if (i == 6)
        (k == 0 ? eager : captured)
            ->model.add_observer([total = sums[k]](const Layer&, const Tensor&, const Tensor& y) {
              add_to(total.array(), sum(y.detach()).array());
              return true;
            });
    const Tensor x = numbers({4, 3}, static_cast<uint64_t>(i));
    expect_equal(step(x), train(*eager, x), "loss");
  }
  expect_equal(sums[1], sums[0], "what the observers gathered");
  EXPECT_EQ(step.graphs(), 2);
}

TEST_P(CaptureChanges, AnObserverIsDoneAfterItsFirstCall) {
  Dense model(3, 2, {.dtype = dtype()});
  model.to(device());
  auto step = capture([&](const Tensor& x) { return model(x); }, {.warmup = 1});
  const Tensor x = numbers({4, 3}, 1), calls = zeros({1}, options());
  for (int i = 0; i < 12; ++i) {
    if (i == 1 || i == 5)  // before the call that captures, and before a replay
      model.add_observer([&](const Layer&, const Tensor&, const Tensor&) {
        add_to(calls.array(), full_array({1}, 1, dtype(), device()));
        return false;
      });
    step(x);
  }
  EXPECT_EQ(calls.item(), 2);
  EXPECT_FALSE(model.observed());
}

TEST_P(CaptureChanges, DiagnosticsSeeCapturedStepsLikeEagerOnes) {
  for (const int attached_at : {0, 3, 6}) {
    const auto eager = twin(), captured = twin();
    std::optional<Diagnostics> of_eager, of_captured;
    auto step = capture([&](const Tensor& x) { return train(*captured, x); });
    for (int i = 0; i < 16; ++i) {
      if (i == attached_at) of_eager.emplace(eager->model), of_captured.emplace(captured->model);
      if (i == 12) of_eager->reset(), of_captured->reset();
      const Tensor x = numbers({4, 3}, static_cast<uint64_t>(i));
      expect_equal(step(x), train(*eager, x), "loss");
    }
    EXPECT_EQ(step.eager_reason(), "");
    EXPECT_EQ(step.graphs(), attached_at == 6 ? 2 : 1);
    const std::vector<LayerStatistics> a = of_captured->rows(), b = of_eager->rows();
    ASSERT_EQ(a.size(), 3u);
    for (size_t i = 0; i < a.size(); ++i) {
      EXPECT_EQ(a[i].samples, 16) << "four steps of four rows";
      EXPECT_EQ(a[i].samples, b[i].samples);
      EXPECT_EQ(a[i].layer, b[i].layer);
      const auto same = [&](std::optional<double> x, std::optional<double> y, const char* what) {
        ASSERT_EQ(x.has_value(), y.has_value()) << what << " of " << a[i].name;
        EXPECT_NEAR(x.value_or(0), y.value_or(0), 1e-4 * (1 + std::abs(y.value_or(0)))) << what << " of " << a[i].name;
      };
      same(a[i].mean, b[i].mean, "mean");
      same(a[i].deviation, b[i].deviation, "deviation");
      same(a[i].mean_square_ratio, b[i].mean_square_ratio, "mean square ratio");
      same(a[i].zeros, b[i].zeros, "zeros");
      same(a[i].saturated, b[i].saturated, "saturated");
      same(a[i].output_gradient, b[i].output_gradient, "output gradient");
      same(a[i].weight_gradient, b[i].weight_gradient, "weight gradient");
      same(a[i].update_ratio, b[i].update_ratio, "update ratio");
    }
    of_captured.reset();  // and without them the step warms up once more
    for (int i = 0; i < 6; ++i) {
      const Tensor x = numbers({4, 3}, static_cast<uint64_t>(i));
      expect_equal(step(x), train(*eager, x), "afterwards");
    }
  }
}

TEST_P(CaptureChanges, ALoopOverDataIsNotCaptured) {
  if (device().is_cuda()) GTEST_SKIP() << "a loop over data() runs on the CPU";
  // x^3, as a user would write it first.
  const auto cube = [](const Tensor& x) {
    const Array in = x.array(), out(in.shape(), in.dtype());
    visit_floating("cube", in.dtype(), [&](auto t) {
      using T = decltype(t);
      for (int64_t i = 0; i < in.numel(); ++i)
        out.data<T>()[i] = in.data<const T>()[i] * in.data<const T>()[i] * in.data<const T>()[i];
    });
    return Tensor(out);
  };
  auto step = capture([&](const Tensor& x) { return sum(cube(x * 2)); });
  testing::internal::CaptureStderr();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(step(full({2}, i, options())).item(), 16 * i * i * i) << i;
  testing::internal::GetCapturedStderr();
  EXPECT_EQ(step.eager_reason(),
            "[data] a loop of one's own over data() cannot be part of a captured step, for replays run no code of the "
            "program; use parallel_for() (core/cpu/parallel.h) or map() (core/autograd/map.h)");
}

TEST_P(CaptureChanges, RandomAndConstantTensorsMadeInAStepAreMadeInEachReplay) {
  if (device().is_cuda()) GTEST_SKIP() << "they come from the CPU, which no captured step on CUDA can use";
  Generator eager_noise(8), captured_noise(8);
  const auto body = [&](const Tensor& x, Generator& noise) {
    const Tensor total = tensor({1, 2, 3}, options());
    add_to(total.array(), x.array());
    add_to(total.array(), from_vector(std::vector<double>{4, 5, 6}, {3}, device()).to(dtype()).array());
    return total + randn({3}, options(), noise);
  };
  auto step = capture([&](const Tensor& x) { return body(x, captured_noise); });
  for (int i = 0; i < 8; ++i) {
    const Tensor x = full({3}, i, options());
    expect_equal(step(x), body(x, eager_noise), "step " + std::to_string(i));
  }
  EXPECT_EQ(step.graphs(), 1);
}

TEST_P(CaptureChanges, AReplayThatThrowsHasDrawnAsTheStepWould) {
  if (device().is_cuda()) GTEST_SKIP() << "there a replay reports a wrong label later";
  Generator eager_masks(4), captured_masks(4);
  const auto body = [](const Tensor& x, const Tensor& y, Generator& masks) {
    return cross_entropy(dropout(x, 0.5, masks), y);
  };
  auto step = capture([&](const Tensor& x, const Tensor& y) { return body(x, y, captured_masks); });
  const Tensor right = from_vector<int32_t>({0, 2}, {2}, device()), wrong = from_vector<int32_t>({0, 3}, {2}, device());
  for (int i = 0; i < 9; ++i) {
    const Tensor x = numbers({2, 3}, static_cast<uint64_t>(i));
    if (i == 2 || i == 6) {
      EXPECT_NE(error_of([&] { step(x, wrong); }), "no error");
      EXPECT_NE(error_of([&] { body(x, wrong, eager_masks); }), "no error");
    } else {
      expect_equal(step(x, right), body(x, right, eager_masks), "step " + std::to_string(i));
    }
  }
}

// ---- {.verify = true} -----------------------------------------------------------------------------------------------

TEST_P(CaptureChanges, VerifyFindsANumberThatAReplayCannotFollow) {
  double factor = 1;
  auto step = capture([&](const Tensor& x) { return x * factor; }, {.verify = true});
  const Tensor x = full({3}, 2, options());
  for (int i = 0; i < 6; ++i) EXPECT_EQ(sum(step(x)).item(), 6);
  factor = 2;
  EXPECT_EQ(error_of([&] { step(x); }),
            "[capture] a replay must give what the step itself gives, got 2 instead of 4 at element 0 of the result, " +
                std::string(name(dtype())) +
                " [3]; does the step use a number of the program that changed since it was captured?");
}

TEST_P(CaptureChanges, VerifyFindsWhatChangesOtherwiseThanTheResult) {
  double rate = 0.5;
  const Tensor weight = full({2}, 1, options());
  auto step = capture(
      [&](const Tensor& x) {
        add_to(weight.array(), x.array() * -rate);
        return x;
      },
      {.verify = true});
  for (int i = 0; i < 5; ++i) step(ones({2}, options()));
  EXPECT_EQ(sum(weight).item(), 2 * (1 - 5 * 0.5)) << "each call counts once";
  rate = 0;
  const std::string error = error_of([&] { step(ones({2}, options())); });
  EXPECT_NE(error.find("got -2 instead of -1.5 at element 0 of an array that the step changes"), std::string::npos)
      << error;
}

TEST_P(CaptureChanges, VerifyPutsBackWhatTheStepChangesWithoutATensor) {
  const Array total = full_array({1}, 0, dtype(), device());
  auto step = capture(
      [&](const Tensor& x) {
        add_to(total, x.array());
        return Tensor(total) * 1;
      },
      {.verify = true});
  for (int i = 1; i <= 8; ++i) EXPECT_EQ(step(ones({1}, options())).item(), i);
  EXPECT_EQ(Tensor(total).item(), 8);
  // And backward() notices that a replay wrote there.
  auto plain = capture([&](const Tensor& x) {
    add_to(total, x.array());
    return x * 1;
  });
  for (int i = 0; i < 5; ++i) plain(ones({1}, options()));
  const Tensor weight = ones({1}, options()).set_requires_grad();
  const Tensor y = sum(square(weight * Tensor(total)));
  plain(ones({1}, options()));
  EXPECT_EQ(error_of([&] { y.backward(); }),
            "[backward] the input of 'multiply' was overwritten after the forward pass, by a captured step");
}

TEST_P(CaptureChanges, VerifyLetsASoundStepPass) {
  const auto eager = twin(), captured = twin();
  Generator eager_masks(4), captured_masks(4);
  auto step =
      capture([&](const Tensor& x) { return train(*captured, dropout(x, 0.3, captured_masks)); }, {.verify = true});
  for (int i = 0; i < 12; ++i) {
    const Tensor x = numbers({4, 3}, static_cast<uint64_t>(i));
    if (i == 7) eager->sgd->set_learning_rate(0.01), captured->sgd->set_learning_rate(0.01);
    expect_equal(step(x), train(*eager, dropout(x, 0.3, eager_masks)), "step " + std::to_string(i));
  }
  EXPECT_EQ(step.graphs(), 1);
}

// ---- Losses ---------------------------------------------------------------------------------------------------------

TEST_P(CaptureChanges, EveryLossWithEveryOptionIsCaptured) {
  const Tensor labels = from_vector<int32_t>({2, 0, 1, 2, 0}, {5}, device());
  const Tensor other_labels = from_vector<int32_t>({0, 0, 2, 1, 1}, {5}, device());
  const Tensor targets = uniform({5, 3}, 0, 1, options()), other_targets = uniform({5, 3}, 0, 1, options());
  const auto classes = [](const CrossEntropyOptions& o) {
    return [o](const Tensor& z, const Tensor& y) { return cross_entropy(z, y, o); };
  };
  using Loss = std::function<Tensor(const Tensor&, const Tensor&)>;
  std::vector<std::tuple<std::string, Loss, bool>> losses;
  for (const Reduction r : {Reduction::mean, Reduction::sum, Reduction::none}) {
    const std::string kind = " " + std::to_string(static_cast<int>(r));
    losses.emplace_back("cross_entropy" + kind, classes({.reduction = r}), true);
    losses.emplace_back("smoothing" + kind, classes({.reduction = r, .label_smoothing = 0.1}), true);
    losses.emplace_back("weights" + kind, classes({.reduction = r, .class_weights = {1, 0.25, 3}}), true);
    losses.emplace_back("ignored" + kind, classes({.reduction = r, .ignore_index = 0}), true);
    losses.emplace_back(
        "all" + kind, classes({.reduction = r, .label_smoothing = 0.2, .class_weights = {0, 2, 3}, .ignore_index = 1}),
        true);
    losses.emplace_back(
        "nll" + kind, [r](const Tensor& z, const Tensor& y) { return nll(log_softmax(z), y, r); }, true);
    losses.emplace_back("mse" + kind, [r](const Tensor& z, const Tensor& t) { return mse(z, t, r); }, false);
    losses.emplace_back("l1" + kind, [r](const Tensor& z, const Tensor& t) { return l1(z, t, r); }, false);
    losses.emplace_back(
        "huber" + kind, [r](const Tensor& z, const Tensor& t) { return huber(z, t, {.delta = 0.3, .reduction = r}); },
        false);
    losses.emplace_back(
        "bce" + kind, [r](const Tensor& z, const Tensor& t) { return binary_cross_entropy_with_logits(z, t, r); },
        false);
  }
  losses.emplace_back("penalty", [](const Tensor& z, const Tensor&) { return l1_penalty(z); }, false);
  for (const auto& [name, loss, labelled] : losses) {
    Tensor weight[2];
    for (Tensor& w : weight) w = full({3}, 1, options()).set_requires_grad();
    const auto body = [&, &loss = loss](int k, const Tensor& x, const Tensor& y) {
      weight[k].zero_grad();
      const Tensor value = loss(x * weight[k], y);
      sum(value).backward();
      return value;
    };
    auto step = capture([&](const Tensor& x, const Tensor& y) { return body(1, x, y); });
    for (int i = 0; i < 7; ++i) {
      const Tensor x = numbers({5, 3}, static_cast<uint64_t>(i));
      const Tensor& y = labelled ? (i % 2 ? labels : other_labels) : (i % 2 ? targets : other_targets);
      expect_equal(step(x, y), body(0, x, y), name);
      expect_equal(weight[1].grad(), weight[0].grad(), name + "'s gradient");
    }
    EXPECT_EQ(step.eager_reason(), "") << name;
    EXPECT_EQ(step.graphs(), 1) << name;
  }
}

TEST_P(CaptureChanges, ReplaysCheckLabelsAndTargets) {
  const Tensor z = numbers({2, 3}, 1), targets = uniform({2, 3}, 0, 1, options());
  const auto labels = [&](int32_t a, int32_t b) { return from_vector<int32_t>({a, b}, {2}, device()); };
  const auto message = [&](auto loss, const Tensor& right, const Tensor& wrong) {
    auto step = capture([&](const Tensor& x, const Tensor& y) { return loss(x, y); });
    for (int i = 0; i < 6; ++i) step(z, right);
    EXPECT_EQ(step.graphs(), 1);
    return error_of([&] { step(z, wrong).to(Device::cpu()); });
  };
  const auto expected = [&](const std::string& on_cpu, int position) {
    if (!device().is_cuda()) return on_cpu;
    return "[capture] labels, targets, indices and rows must lie in their ranges and a mean's weights not sum to 0, "
           "got a violation at position " +
           std::to_string(position) + ", in a replayed step or a batch that was loaded";
  };
  Tensor wrong_targets = Tensor(clone(targets.array()));
  fill(wrong_targets.array().view(Shape{6}).rows(4, 5), 1.5);
  EXPECT_EQ(message([](const Tensor& x, const Tensor& t) { return binary_cross_entropy_with_logits(x, t); }, targets,
                    wrong_targets),
            expected("[binary_cross_entropy_with_logits] targets must lie in [0, 1], got 1.5 at element 4", 4));
  EXPECT_EQ(
      message([](const Tensor& x, const Tensor& y) { return nll(log_softmax(x), y); }, labels(0, 2), labels(1, 3)),
      expected("[nll] labels must lie in [0, 3), got 3 at row 1", 1));
  EXPECT_EQ(message([](const Tensor& x, const Tensor& y) { return cross_entropy(x, y, {.ignore_index = -100}); },
                    labels(0, -100), labels(-100, -100)),
            expected("[cross_entropy] a mean needs labels whose weights do not sum to 0, got 0", 0));
  EXPECT_EQ(message([](const Tensor& x, const Tensor& y) { return cross_entropy(x, y, {.class_weights = {1, 2, 3}}); },
                    labels(0, 2), labels(-1, 2)),
            expected("[cross_entropy] labels must lie in [0, 3), got -1 at row 0", 0));
}

// ---- Gradients that a program holds ---------------------------------------------------------------------------------

TEST_P(CaptureChanges, AGradientThatIsHeldKeepsItsNumbers) {
  for (const bool captures : {false, true}) {
    const auto t = twin();
    auto step = capture([&](const Tensor& x) { return train(*t, x); });
    const Tensor weight = t->model.parameters()[0].tensor;
    std::vector<Tensor> held;
    std::vector<std::vector<double>> then;
    for (int i = 0; i < 8; ++i) {
      const Tensor x = numbers({4, 3}, static_cast<uint64_t>(i));
      captures ? step(x) : train(*t, x);
      held.push_back(weight.grad());
      then.push_back(held.back().to(float64).to_vector<double>());
    }
    for (size_t i = 0; i < held.size(); ++i) EXPECT_EQ(held[i].to(float64).to_vector<double>(), then[i]) << i;
    EXPECT_NE(then[6], then[7]);
    EXPECT_EQ(step.graphs(), captures ? 1 : 0);
  }
}

}  // namespace
}  // namespace ramp

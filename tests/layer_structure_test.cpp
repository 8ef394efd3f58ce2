// How layers are put together: at run time, const, with buffers, and with member functions of their own.

#include <sstream>

#include "error_of.h"
#include "on_devices.h"
#include "ramp/ramp.h"

namespace ramp {
namespace {

std::vector<std::string> names(const std::vector<Buffer>& buffers) {
  std::vector<std::string> names;
  for (const Buffer& buffer : buffers) names.push_back(buffer.name);
  return names;
}

/// Counts its calls in a buffer, and multiplies by another.
class Counter : public Layer {
 public:
  explicit Counter(const Tensor& factor = ones({1}))
      : calls(add_buffer("calls", zeros({}))), factor(add_buffer("factor", factor)) {}
  Tensor &calls, &factor;

 private:
  Tensor forward(const Tensor& x) const override {
    add_to(calls.array(), full_array({}, 1, calls.dtype(), calls.device()));
    return x * factor;
  }
};

// ---- Sequential ----

TEST(SequentialAtRunTime, TakesLayersWhoseClassIsChosenWhenTheProgramRuns) {
  manual_seed(1);
  const Tensor x = randn({4, 3});
  Sequential chosen, written{Dense(3, 5), Tanh(), Dense(5, 2)};
  std::unique_ptr<Layer> first = std::make_unique<Dense>(3, 5);
  chosen.push_back(std::move(first));
  Layer& activation = chosen.push_back(std::make_unique<Activation>(formula::Tanh{}));
  chosen.push_back(std::make_unique<Dense>(5, 2));
  for (size_t i = 0; i < 4; ++i) copy(written.parameters()[i].tensor.array(), chosen.parameters()[i].tensor.array());
  EXPECT_EQ(chosen(x).to_vector<float>(), written(x).to_vector<float>());
  EXPECT_EQ(chosen.summary(), written.summary());
  EXPECT_EQ(&activation, &chosen[1]);
  EXPECT_STREQ(Sequential(std::move(chosen))(x).node()->op, "dense");
}

TEST(SequentialAtRunTime, GivesItsLayersByNumber) {
  Sequential model{Dense(3, 5), ReLU()};
  EXPECT_EQ(model.size(), 2);
  EXPECT_EQ(model[0].describe(), "Dense(3, 5)");
  EXPECT_EQ(&model[-1], &model[1]);
  const Sequential& constant = model;
  EXPECT_EQ(&constant[-2], &model[0]);
  EXPECT_EQ(error_of([&] { model[2]; }), "[Sequential] a layer's number must lie in [-2, 2), got 2");
  EXPECT_EQ(error_of([&] { model[-3]; }), "[Sequential] a layer's number must lie in [-2, 2), got -3");
}

TEST(SequentialAtRunTime, CanBeAssignedAndKeptInAVector) {
  std::vector<Sequential> ensemble;
  for (int64_t width : {2, 3, 4}) ensemble.push_back(Sequential{Dense(1, width)});
  ensemble.erase(ensemble.begin());
  EXPECT_EQ(ensemble[0][0].describe(), "Dense(1, 3)");
  Sequential& first = ensemble[0];
  const Tensor weight = ensemble[1].parameters()[0].tensor;
  first = std::move(ensemble[1]);
  EXPECT_EQ(first[0].describe(), "Dense(1, 4)");
  EXPECT_TRUE(first.parameters()[0].tensor.is(weight));
  EXPECT_NE(error_of([&] { ensemble[1](ones({1, 1})); }), "no error") << "it was moved away";
  Sequential& same = first;
  first = std::move(same);
  EXPECT_EQ(first(ones({2, 1})).shape(), (Shape{2, 4}));
}

TEST(SequentialAtRunTime, TakesWhatIsInsideIt) {
  Sequential model{Dense(2, 3), Sequential{Dense(3, 4), ReLU()}};
  model = std::move(dynamic_cast<Sequential&>(model[1]));
  EXPECT_EQ(model.size(), 2);
  EXPECT_EQ(model(ones({1, 3})).shape(), (Shape{1, 4}));
}

TEST(SequentialAtRunTime, IsCapturedAnewAfterAnAssignment) {
  const init::Initializer one = init::constant(1), two = init::constant(2);
  Sequential model{Dense(2, 1, {.init = one})};
  auto step = capture([&](const Tensor& x) { return sum(model(x)); });
  for (int i = 0; i < 6; ++i) EXPECT_EQ(step(ones({1, 2})).item(), 2);
  model = Sequential{Dense(2, 1, {.init = two}), Dense(1, 1, {.init = one})};
  for (int i = 0; i < 6; ++i) EXPECT_EQ(step(ones({1, 2})).item(), 4);
  EXPECT_EQ(step.graphs(), 2);
}

TEST(Activation, TakesAnyFormulaAndInsistsOnThePapersRange) {
  const Unary formulas[] = {formula::ReLU{}, formula::LeakyReLU{0.5}, formula::Exp{}};
  const char* described[] = {"ReLU()", "LeakyReLU(0.5)", "Exp()"};
  const Tensor x = tensor({-2, 0, 3});
  for (size_t i = 0; i < 3; ++i) {
    const Activation layer(formulas[i]);
    EXPECT_EQ(layer(x).to_vector<float>(), map(formulas[i], x).to_vector<float>());
    EXPECT_EQ(layer.describe(), described[i]);
  }
  EXPECT_EQ(error_of([] { Activation(formula::LeakyReLU{1.5}); }), "[LeakyReLU] alpha must lie in [0, 1), got 1.5");
}

// ---- What every layer does ----

TEST(Layer, CanBeCalledWhenItIsConst) {
  const Sequential model{Dense(3, 2), Dropout(0.9), ReLU(), PReLU(), RReLU(), Maxout(2), Flatten(), LayerNorm(1)};
  const Layer& layer = model;
  EXPECT_EQ(layer(ones({4, 3})).shape(), (Shape{4, 1}));
  const data::Dataset set(ones({4, 3}), zeros({4}, {.dtype = int32}));
  EXPECT_EQ(accuracy(layer, set), 1);
  EXPECT_EQ(predict(layer, set).shape(), (Shape{4, 1}));
  EXPECT_TRUE(layer.training()) << "the mode is back";
}

TEST(Layer, PredictsInEvaluationAndGivesEachLayerItsModeBack) {
  Sequential model{Dense(3, 2), Dropout(0.9), Dropout(0.5)};
  model[2].eval();
  const data::Dataset set(ones({8, 3}), zeros({8}, {.dtype = int32}));
  const std::vector<float> logits = predict(model, set).to_vector<float>();
  EXPECT_TRUE(model.training() && model[1].training());
  EXPECT_FALSE(model[2].training());
  EXPECT_EQ(logits, model[0](ones({8, 3})).to_vector<float>());
}

TEST(Layer, PrintsItsSummary) {
  Sequential model{Dense(2, 3), Counter(ones({1234}))};
  std::ostringstream out;
  out << model;
  EXPECT_EQ(out.str(), model.summary());
  EXPECT_EQ(out.str(),
            "name     layer        parameters\n"
            "--------------------------------\n"
            "         Sequential\n"
            "0        Dense(2, 3)           9\n"
            "1        Counter               0\n"
            "--------------------------------\n"
            "total                          9\n"
            "buffers                    1,235\n");
}

TEST(Layer, IsReturnedByTo) {
  Dense dense(2, 3);
  EXPECT_EQ(&dense.to(float64).to(Device::cpu()), &dense);
  EXPECT_EQ(dense.weight.dtype(), float64);
}

TEST(Layer, MayBeMadeWithoutAParameter) {
  Sequential model{Dense(2, 3, {.bias = false})};
  Dense& dense = dynamic_cast<Dense&>(model[0]);
  EXPECT_FALSE(dense.bias.defined());
  EXPECT_EQ(model.parameters().size(), 1U);
  model.to(float64);
  EXPECT_EQ(model(ones({1, 2}, {.dtype = float64})).shape(), (Shape{1, 3}));
  EXPECT_EQ(error_of([&] { dense.bias = ones({3}); }),
            "[assign] parameter \"bias\" must stay undefined, as its layer was made without it, got [3]");
  dense.bias = Tensor();
  EXPECT_FALSE(dense.bias.defined());
}

// ---- Buffers ----

TEST(Buffers, AreListedMovedAndNotTrained) {
  const Tensor shared = ones({1});
  Sequential model{Dense(2, 2), Counter(shared), Sequential{Counter(shared)}};
  EXPECT_EQ(names(model.buffers()), (std::vector<std::string>{"1.calls", "1.factor", "2.0.calls"}));
  EXPECT_EQ(model.parameters().size(), 2U);
  model.to(float64);
  for (const Buffer& buffer : model.buffers()) EXPECT_EQ(buffer.tensor.dtype(), float64);
  sum(model(ones({1, 2}, {.dtype = float64}))).backward();
  EXPECT_FALSE(shared.requires_grad());
  EXPECT_EQ(model.buffers()[0].tensor.item(), 1);
}

TEST(Buffers, OfIntegersKeepTheirDtype) {
  Counter layer(ones({1}, {.dtype = int32}));
  layer.to(float64);
  EXPECT_EQ(layer.calls.dtype(), float64);
  EXPECT_EQ(layer.factor.dtype(), int32);
}

TEST(Buffers, TakeATensorOfTheirShapeAndDtypeWithoutAGradient) {
  Counter layer;
  const std::string rule = "[assign] buffer \"factor\" must be assigned a tensor ";
  EXPECT_EQ(error_of([&] { layer.factor = ones({2}); }), rule + "of its shape and dtype, [1] float32, got [2] float32");
  EXPECT_EQ(error_of([&] { layer.factor = Tensor(); }), rule + "of its shape and dtype, got an undefined one");
  EXPECT_EQ(error_of([&] { layer.factor = ones({1}, {.requires_grad = true}); }),
            "[assign] buffer \"factor\" must be assigned a tensor that requires no gradient, got one that does");
  EXPECT_EQ(layer(ones({1})).item(), 1);
  layer.factor = full({1}, 5);
  EXPECT_EQ(layer(ones({1})).item(), 5);
  EXPECT_FALSE(layer.factor.requires_grad());
  const Tensor moved = std::move(layer.factor);
  EXPECT_TRUE(layer.factor.is(moved)) << "a buffer stays";
}

class CapturedBuffers : public OnDevices {};
RAMP_ON_DEVICES(CapturedBuffers);

TEST_P(CapturedBuffers, AreWrittenByReplaysAndFollowedWhenTheyAreReplaced) {
  Sequential model{Counter(ones({1}))};
  auto& counter = dynamic_cast<Counter&>(model[0]);
  model.to(dtype()).to(device());
  const Tensor x = ones({3}, {.dtype = dtype(), .device = device()});
  auto step = capture([&](const Tensor& in) { return sum(model(in)); });
  for (int i = 1; i <= 8; ++i) {
    EXPECT_EQ(step(x).item(), 3);
    EXPECT_EQ(counter.calls.item(), i);
  }
  EXPECT_EQ(step.graphs(), 1);
  copy(full({1}, 2, {.dtype = dtype(), .device = device()}).array(), counter.factor.array());
  EXPECT_EQ(step(x).item(), 6) << "written in place";
  EXPECT_EQ(step.graphs(), 1);
  const Tensor kept[] = {counter.factor, counter.calls};  // not noticed by their end alone
  counter.factor = full({1}, 5, {.dtype = dtype(), .device = device()});
  counter.calls = full({}, 100, {.dtype = dtype(), .device = device()});
  for (int i = 1; i <= 8; ++i) {
    EXPECT_EQ(step(x).item(), 15) << "replaced";
    EXPECT_EQ(counter.calls.item(), 100 + i);
  }
  EXPECT_EQ(kept[1].item(), 9);
  EXPECT_EQ(step.graphs(), 2);
  EXPECT_EQ(step.eager_reason(), "");
}

// ---- Several inputs and outputs ----

/// A model with two inputs and two outputs.
class TwoHeads : public Layer {
 public:
  explicit TwoHeads(bool forgets = false)
      : body(add("body", Dense(5, 4))),
        left(add("left", Dense(4, 2))),
        right(add("right", Dense(4, 3))),
        forgotten_(2, 2),
        forgets_(forgets) {}
  Dense &body, &left, &right;

  std::pair<Tensor, Tensor> operator()(const Tensor& x, const Tensor& context) const {
    const InCall in_call(this);
    const Tensor h = relu(body(concat({x, context}, 1)));
    return {forgets_ ? forgotten_(left(h)) : left(h), right(h)};
  }

 private:
  Dense forgotten_;
  bool forgets_;
};

TEST(MemberFunctions, TakeAndReturnSeveralTensors) {
  const TwoHeads model;
  const Tensor x = ones({2, 3}), context = ones({2, 2});
  const auto [left, right] = model(x, context);
  EXPECT_EQ(left.shape(), (Shape{2, 2}));
  EXPECT_EQ(right.shape(), (Shape{2, 3}));
  (sum(left) + sum(right)).backward();
  EXPECT_EQ(model.parameters().size(), 6U);
  for (const Parameter& parameter : model.parameters()) EXPECT_TRUE(parameter.tensor.grad().defined());
  const Layer& layer = model;
  EXPECT_EQ(error_of([&] { layer(x); }),
            "[TwoHeads] a layer that is called with one tensor must override forward(const Tensor&) const, got none; "
            "call this one's own member functions");
}

TEST(MemberFunctions, RefuseALayerThatWasNotAdded) {
  const TwoHeads model(true);
  const std::string message = "[TwoHeads] calls Dense(2, 2), which it does not own: make it with add()";
  for (int i = 0; i < 2; ++i) EXPECT_EQ(error_of([&] { model(ones({2, 3}), ones({2, 2})); }), message);
  Dense after(2, 2);  // the failed calls have left nothing behind
  EXPECT_EQ(error_of([&] { after(ones({1, 2})); }), "no error");
}

/// Calls the member functions of a layer that it may own.
class Caller : public Layer {
 public:
  explicit Caller(bool adds) : own_(adds ? &add("inner", TwoHeads()) : nullptr) {}

 private:
  Tensor forward(const Tensor& x) const override { return (own_ ? *own_ : other_)(x, ones({x.size(0), 2})).first; }
  TwoHeads* own_;
  TwoHeads other_;
};

TEST(MemberFunctions, AreCallsOfTheirLayer) {
  EXPECT_EQ(Caller(true)(ones({2, 3})).shape(), (Shape{2, 2}));
  EXPECT_EQ(error_of([] { Caller(false)(ones({2, 3})); }),
            "[Caller] calls TwoHeads, which it does not own: make it with add()");
}

TEST(MemberFunctions, ArePartOfACapturedStep) {
  TwoHeads model;
  const Tensor context = ones({2, 2});
  auto step = capture([&](const Tensor& x) { return sum(model(x, context).second); });
  const Tensor x = ones({2, 3});
  const auto expect_followed = [&] {
    for (int i = 0; i < 6; ++i) EXPECT_EQ(step(x).item(), sum(model(x, context).second).item());
  };
  expect_followed();
  const Tensor kept = model.right.weight;  // not noticed by its end alone
  model.right.weight = ones({3, 4});
  expect_followed();
  EXPECT_EQ(step.graphs(), 2);
}

}  // namespace
}  // namespace ramp

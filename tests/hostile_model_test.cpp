// Hostile calls of layers, losses, metrics, initialisers, optimizers, data and diagnostics.

#include "hostile_test.h"
#include "ramp/core/data/idx.h"

namespace ramp::hostile {
namespace {

/// A layer that owns what it is told to.
class Owner : public Layer {
 public:
  using Layer::add, Layer::add_buffer;

 private:
  Tensor forward(const Tensor& x) const override { return x; }
};

/// Calls a layer that it does not own.
class Borrower : public Layer {
 public:
  explicit Borrower(const Layer& lender) : lender_(&lender) {}

 private:
  Tensor forward(const Tensor& x) const override { return (*lender_)(x); }
  const Layer* lender_;
};

/// Drawn from a generator of its own, as a wrong call must not be seen in the world's.
Dense quiet(int64_t in, int64_t out) {
  Generator own(1);
  return Dense(in, out, {}, own);
}

Sequential network() { return Sequential{quiet(4, 3), ReLU(), quiet(3, 2)}; }

/// What is left of a model that was moved away.
template <class F>
void with_moved(F f) {
  Sequential model = network(), owner = std::move(model);
  f(model);
}

init::Initializer initial(const Tensor& value) {
  return [value](const Shape&, init::Fans, TensorOptions, Generator&) { return value; };
}

// ---- Layers ---------------------------------------------------------------------------------------------------------

TEST(Hostile, Dense) {
  constexpr int64_t wide = int64_t{1} << 31;
  const auto of = [](const init::Initializer& initializer) { Dense(4, 3, {.init = initializer}); };
  expect_refused({
      {"no inputs", [](World&) { Dense(0, 3); }, "Dense", "in and out must be at least 1, got 0 and 3"},
      {"outputs below 0", [](World&) { Dense(3, lowest); }, "Dense", "in and out must be at least 1"},
      {"a weight beyond memory", [](World&) { Dense(wide, wide); }, "allocate", "got float32 [2147483648, 2147483648]"},
      {"a weight of 2^80 elements", [](World&) { Dense(huge, huge); }, "shape", "overflows 63 bits"},
      {"integers", [](World&) { Dense(4, 3, {.dtype = int32}); }, "Dense", "expected float32 or float64, got int32"},
      {"no initialiser", [=](World&) { of({}); }, "Dense", "init must be a function, got an empty one"},
      {"an initialiser of none", [=](World&) { of(initial(none)); }, "tensor", "used before it was given a value"},
      {"an initialiser of another shape", [=](World& w) { of(initial(w.x)); }, "Dense",
       "init must return float32 [3, 4]"},
      {"an initialiser of another dtype", [=](World&) { of(initial(zeros({3, 4}, {.dtype = float64}))); }, "Dense",
       "got float64 [3, 4]"},
      {"an initialiser that gives a result", [=](World& w) { of(initial(zeros({3, 4}) * sum(w.leaf))); },
       "set_requires_grad", "only a leaf can be switched"},
      {"an input of another width", [](World& w) { w.model(w.x); }, "dense", "expected input [n, 4], got [2, 3]"},
      {"an input of one axis", [](World& w) { quiet(3, 2)(w.leaf); }, "dense", "expected input [n, 3], got [3]"},
      {"an input of three axes", [](World&) { quiet(3, 2)(zeros({2, 2, 3})); }, "dense", "expected input [n, 3]"},
      {"an input of another dtype", [](World& w) { quiet(3, 2)(w.wide); }, "dense", "dtypes must agree"},
      {"an input of integers", [](World& w) { quiet(3, 2)(w.x.to(int32)); }, "dense", "expected float32 or float64"},
      {"an input of none", [](World&) { quiet(3, 2)(none); }, "tensor", "used before it was given a value"},
      {"a width that changes inside", [](World& w) { Sequential{quiet(4, 3), quiet(4, 2)}(w.images); }, "dense",
       "expected input [n, 4], got [5, 3]"},
  });
}

TEST(Hostile, Ownership) {
  expect_refused({
      {"a parameter without a name", [](World& w) { Owner().add("", w.x); }, "add", "a name must not be empty"},
      {"a parameter with a dot", [](World& w) { Owner().add("a.b", w.x); }, "add", "or have a dot, got \"a.b\""},
      {"a buffer that is not there", [](World&) { Owner().add_buffer("a", none); }, "add_buffer", "must be a tensor"},
      {"a buffer with a gradient", [](World& w) { Owner().add_buffer("a", w.leaf); }, "add_buffer",
       "must not require a gradient"},
      {"a buffer with a parameter's name",
       [](World& w) {
         Owner owner;
         owner.add("a", w.leaf);
         owner.add_buffer("a", w.x);
       },
       "add", "a name must be new in its layer"},
      {"a layer that is null", [](World& w) { w.model.push_back(std::unique_ptr<Layer>()); }, "add",
       "must be a layer, got a null pointer"},
      {"a layer beyond the end", [](World& w) { w.model[huge]; }, "Sequential", "a layer's number must lie in [-"},
      {"a layer before the first", [](World& w) { w.model[lowest]; }, "Sequential", "a layer's number must lie in [-"},
      {"a parameter that its layer was made without",
       [](World& w) {
         Dense dense(4, 3, {.bias = false, .init = initial(zeros({3, 4}))});
         dense.bias = w.leaf;
       },
       "assign", "parameter \"bias\" must stay undefined, as its layer was made without it, got [3]"},
      {"a layer in front of itself",
       [](World&) {
         Sequential outer;
         Sequential& inner = outer.push_back(Sequential());
         inner = std::move(outer);
       },
       "assign", "Sequential cannot be assigned to a layer inside it"},
      {"what was moved away, assigned",
       [](World& w) { with_moved([&](Sequential& model) { w.model = std::move(model); }); }, "Sequential",
       "was moved away"},
      {"a parameter of integers", [](World& w) { Owner().add("a", w.whole); }, "requires_grad",
       "only float32 and float64"},
      {"a parameter that is a result", [](World& w) { Owner().add("a", w.leaf * 2); }, "set_requires_grad",
       "only a leaf"},
      {"a name twice",
       [](World& w) {
         Owner owner;
         owner.add("a", w.leaf);
         owner.add("a", w.leaf);
       },
       "add", "a name must be new in its layer"},
      {"a layer with a parameter's name",
       [](World& w) {
         Owner owner;
         owner.add("a", w.leaf);
         owner.add("a", ReLU());
       },
       "add", "a name must be new in its layer"},
      {"a layer with a dot", [](World&) { Owner().add(".", ReLU()); }, "add", "or have a dot"},
      {"a model in itself", [](World& w) { w.model.push_back(std::move(w.model)); }, "add",
       "Sequential cannot be added to itself, or to a layer inside it"},
      {"a model in a layer of its own",
       [](World&) {
         Sequential outer;
         Sequential& inner = outer.push_back(Sequential());
         try {
           inner.push_back(std::move(outer));
         } catch (const Error&) {
           EXPECT_EQ(outer.children().size(), 1U);
           throw;
         }
       },
       "add", "cannot be added to itself"},
      {"a layer that was moved away", [](World& w) { with_moved([&](auto& m) { w.model.push_back(std::move(m)); }); },
       "Sequential", "was moved away"},
      {"another layer's layer called",
       [](World& w) {
         Dense lender = quiet(4, 3);
         Borrower borrower(lender);
         borrower(w.images);
       },
       "Borrower", "calls Dense(4, 3), which it does not own"},
      {"an empty observer", [](World& w) { w.model.add_observer({}); }, "add_observer", "expected a function"},
      {"a model of integers", [](World& w) { w.model.to(int32); }, "to", "parameters are float32 or float64"},
      {"a model of no dtype", [](World& w) { w.model.to(static_cast<DType>(50)); }, "to", "parameters are float32 or"},
      {"a model nowhere", [](World& w) { w.model.to(nowhere); }, "device", "CUDA"},
      {"a model without parameters nowhere", [](World&) { ReLU().to(nowhere); }, "device", "CUDA"},
  });
}

TEST(Hostile, MovedLayers) {
  constexpr const char* rule = "was moved away; use the layer that it was moved into";
  const auto moved = [](auto f) { return [f](World& w) { with_moved([&](Sequential& model) { f(model, w); }); }; };
  expect_refused({
      {"call", moved([](auto& m, World& w) { m(w.images); }), "Sequential", rule},
      {"train", moved([](auto& m, World&) { m.train(); }), "Sequential", rule},
      {"eval", moved([](auto& m, World&) { m.eval(); }), "Sequential", rule},
      {"training", moved([](auto& m, World&) { m.training(); }), "Sequential", rule},
      {"parameters", moved([](auto& m, World&) { m.parameters(); }), "Sequential", rule},
      {"buffers", moved([](auto& m, World&) { m.buffers(); }), "Sequential", rule},
      {"children", moved([](auto& m, World&) { m.children(); }), "Sequential", rule},
      {"to(device)", moved([](auto& m, World&) { m.to(Device::cpu()); }), "Sequential", rule},
      {"to(dtype)", moved([](auto& m, World&) { m.to(float64); }), "Sequential", rule},
      {"zero_grad", moved([](auto& m, World&) { m.zero_grad(); }), "Sequential", rule},
      {"summary", moved([](auto& m, World&) { m.summary(); }), "Sequential", rule},
      {"push_back", moved([](auto& m, World&) { m.push_back(ReLU()); }), "Sequential", rule},
      {"add_observer", moved([](auto& m, World&) { m.add_observer([](auto&...) { return true; }); }), "Sequential",
       rule},
      {"accuracy", moved([](auto& m, World&) { accuracy(m, {}); }), "Sequential", rule},
      {"predict", moved([](auto& m, World&) { predict(m, {}); }), "Sequential", rule},
      {"initialize", moved([](auto& m, World&) { init::initialize(m); }), "Sequential", rule},
      {"Diagnostics", moved([](auto& m, World&) { Diagnostics{m}; }), "Sequential", rule},
      {"an optimizer", moved([](auto& m, World&) { optim::SGD(m.parameters(), {.learning_rate = 1}); }), "Sequential",
       rule},
      {"a Dense",
       [](World& w) {
         Dense a = quiet(4, 3), b = std::move(a);
         a(w.images);
       },
       "Dense(4, 3)", rule},
      {"an activation",
       [](World& w) {
         ReLU a, b = std::move(a);
         a(w.images);
       },
       "ReLU()", rule},
      {"the inner model that a sequence took",
       [](World& w) {
         Sequential inner = network(), outer;
         outer.push_back(std::move(inner));
         inner(w.images);
       },
       "Sequential", rule},
  });
}

TEST(Hostile, Activations) {
  expect_refused({
      {"Dropout of all", [](World&) { Dropout(1); }, "Dropout", "p must lie in [0, 1), got 1"},
      {"Dropout of NaN", [](World&) { Dropout{nan}; }, "Dropout", "p must lie in [0, 1), got nan"},
      {"AlphaDropout below 0", [](World&) { AlphaDropout(-1); }, "AlphaDropout", "p must lie in [0, 1)"},
      {"Dropout of integers", [](World& w) { Dropout(0.5)(w.whole); }, "dropout", "expected float32 or float64"},
      {"PReLU of no channels", [](World&) { PReLU(0); }, "PReLU", "channels must be at least 1, got 0"},
      {"PReLU beyond memory", [](World&) { PReLU(int64_t{1} << 60); }, "allocate", "at most 2^56 bytes"},
      {"PReLU from NaN", [](World&) { PReLU(1, {.start = nan}); }, "PReLU", "start must be finite, got nan"},
      {"PReLU of integers", [](World&) { PReLU(1, {.dtype = uint8}); }, "requires_grad", "only float32 and float64"},
      {"PReLU of two channels for three", [](World& w) { PReLU(2)(w.x); }, "PReLU",
       "expected input [n, 2], got [2, 3]"},
      {"PReLU of two channels for a number", [](World&) { PReLU(2)(scalar(1)); }, "PReLU", "expected input [n, 2]"},
      {"RReLU upside down", [](World&) { RReLU(0.5, 0.25); }, "RReLU", "0 <= lower <= upper < 1, got 0.5 and 0.25"},
      {"RReLU up to 1", [](World&) { RReLU(0.5, 1); }, "RReLU", "0 <= lower <= upper < 1"},
      {"RReLU from NaN", [](World&) { RReLU(nan, 0.5); }, "RReLU", "0 <= lower <= upper < 1"},
      {"RReLU divided by 1", [](World&) { RReLU({.lower = 1, .upper = 2, .draws = RReLUOptions::divisor}); }, "RReLU",
       "1 < lower <= upper"},
      {"RReLU divided by infinity",
       [](World&) { RReLU({.lower = 2, .upper = infinity, .draws = RReLUOptions::divisor}); }, "RReLU", "1 < lower"},
      {"Maxout of no pieces", [](World&) { Maxout(0); }, "Maxout", "pieces must be at least 1, got 0"},
      {"Maxout of fewest pieces", [](World& w) { maxout(w.x, lowest); }, "maxout", "pieces must be at least 1"},
      {"Maxout of two of three", [](World& w) { Maxout(2)(w.x); }, "maxout", "a last axis divisible by 2, got [2, 3]"},
      {"Maxout of a number", [](World&) { Maxout()(scalar(1)); }, "maxout", "a last axis divisible by 2"},
      {"Maxout of none", [](World&) { Maxout()(none); }, "tensor", "used before it was given a value"},
      {"CReLU of a number", [](World&) { CReLU()(scalar(1)); }, "crelu", "expected an axis to widen"},
      {"CReLU of integers", [](World& w) { CReLU()(w.whole); }, "relu", "expected float32 or float64"},
      {"Flatten of a number", [](World&) { Flatten()(scalar(1)); }, "flatten", "expected a batch axis"},
      {"LeakyReLU that is the identity", [](World&) { LeakyReLU(1); }, "LeakyReLU", "alpha must lie in [0, 1), got 1"},
      {"LeakyReLU of NaN", [](World&) { LeakyReLU{nan}; }, "LeakyReLU", "alpha must lie in [0, 1), got nan"},
      {"ClippedReLU at 0", [](World&) { ClippedReLU(0); }, "ClippedReLU", "cap must be positive"},
      {"ThresholdedReLU below 0", [](World&) { ThresholdedReLU(-1); }, "ThresholdedReLU", "theta must not be negative"},
      {"ELU below 0", [](World&) { ELU(-1); }, "ELU", "alpha must not be negative"},
      {"CELU over 0", [](World&) { CELU(0); }, "CELU", "alpha must be positive"},
      {"Softplus of NaN", [](World&) { Softplus{nan}; }, "Softplus", "beta must be positive"},
      {"Tanh of pixels", [](World&) { Tanh()(zeros({2}, {.dtype = uint8})); }, "tanh", "expected float32 or float64"},
  });
}

// ---- Losses and metrics ---------------------------------------------------------------------------------------------

TEST(Hostile, Losses) {
  const Tensor two = from_vector(std::vector<int32_t>{0, 1}, {2});
  const auto weighted = [=](World& w, std::vector<double> weights) {
    cross_entropy(w.x, two, {.class_weights = std::move(weights)});
  };
  const auto smoothed = [=](World& w, double e) {
    cross_entropy(w.x, two, {.label_smoothing = e, .class_weights = {}});
  };
  expect_refused({
      {"logits of one axis", [](World& w) { cross_entropy(w.leaf, w.whole); }, "cross_entropy",
       "expected logits [n, C]"},
      {"logits of none", [=](World&) { cross_entropy(none, two); }, "tensor", "used before it was given a value"},
      {"logits of integers", [=](World& w) { cross_entropy(w.x.to(int32), two); }, "cross_entropy", "expected float32"},
      {"labels of none", [](World& w) { cross_entropy(w.x, none); }, "tensor", "used before it was given a value"},
      {"labels of floats", [](World& w) { cross_entropy(w.x, zeros({2})); }, "cross_entropy", "expected int32 labels"},
      {"labels of three rows", [](World& w) { cross_entropy(w.x, w.whole); }, "cross_entropy", "expected labels [2]"},
      {"a batch of no rows", [](World& w) { cross_entropy(w.empty, zeros({0}, {.dtype = int32})); }, "cross_entropy",
       "needs rows and classes"},
      {"a batch of no classes", [=](World&) { cross_entropy(zeros({2, 0}), two); }, "cross_entropy",
       "rows and classes"},
      {"smoothing below 0", [=](World& w) { smoothed(w, -0.1); }, "cross_entropy",
       "label_smoothing must lie in [0, 1]"},
      {"smoothing beyond 1", [=](World& w) { smoothed(w, 1.1); }, "cross_entropy",
       "label_smoothing must lie in [0, 1]"},
      {"smoothing of NaN", [=](World& w) { smoothed(w, nan); }, "cross_entropy", "label_smoothing must lie in [0, 1]"},
      {"two weights for three classes", [=](World& w) { weighted(w, {1, 1}); }, "cross_entropy",
       "expected 3 class_weights"},
      {"a weight below 0", [=](World& w) { weighted(w, {1, -1, 1}); }, "cross_entropy",
       "finite and at least 0, got -1"},
      {"a weight of NaN", [=](World& w) { weighted(w, {1, nan, 1}); }, "cross_entropy",
       "finite and at least 0, got nan"},
      {"a weight of infinity", [=](World& w) { weighted(w, {infinity, 1, 1}); }, "cross_entropy",
       "finite and at least 0"},
      {"a weight of 1e300", [=](World& w) { weighted(w, {1e300, 1, 1}); }, "cross_entropy",
       "class_weights must be finite in float32, got 1e+300"},
      {"the mean of nothing that counts", [=](World& w) { weighted(w, {0, 0, 1}); }, "cross_entropy", "a mean needs"},
      {"log-probabilities of one axis", [=](World& w) { nll(w.leaf, w.whole); }, "nll", "expected log-probabilities"},
      {"nll of labels of floats", [](World& w) { nll(w.x, w.x); }, "nll", "expected int32 labels"},
      {"nll of label 9", [](World& w) { nll(w.x, from_vector(std::vector<int32_t>{0, 9}, {2})); }, "nll",
       "must lie in [0, 3), got 9 at row 1"},
      {"nll of no rows", [](World& w) { nll(w.empty, zeros({0}, {.dtype = int32})); }, "nll", "needs rows and classes"},
      {"mse of two shapes", [](World& w) { mse(w.x, w.leaf); }, "mse", "must have equal shapes, got [2, 3] and [3]"},
      {"mse of two dtypes", [](World& w) { mse(w.x, w.wide); }, "mse", "dtypes must agree"},
      {"mse of nothing", [](World& w) { mse(w.empty, w.empty); }, "mse", "a batch must not be empty"},
      {"l1 of integers", [](World& w) { l1(w.whole, w.whole); }, "l1", "expected float32 or float64"},
      {"l1 of none", [](World& w) { l1(w.x, none); }, "tensor", "used before it was given a value"},
      {"huber of 0", [](World& w) { huber(w.x, w.x, {.delta = 0}); }, "huber", "delta must be positive and finite"},
      {"huber of NaN", [](World& w) { huber(w.x, w.x, {.delta = nan}); }, "huber", "delta must be positive and finite"},
      {"probabilities of 2", [](World& w) { binary_cross_entropy_with_logits(w.x, w.x); },
       "binary_cross_entropy_with_logits", "targets must lie in [0, 1], got 2"},
      {"probabilities of NaN", [](World& w) { binary_cross_entropy_with_logits(w.x, full({2, 3}, nan)); },
       "binary_cross_entropy_with_logits", "targets must lie in [0, 1], got"},
      {"probabilities of another shape", [](World& w) { binary_cross_entropy_with_logits(w.x, w.leaf); },
       "binary_cross_entropy_with_logits", "logits and targets must have equal shapes"},
      {"the penalty of integers", [](World& w) { l1_penalty(w.whole); }, "l1_penalty", "expected float32 or float64"},
      {"the penalty of no parameters", [](World&) { l1_penalty(std::vector<Parameter>()); }, "l1_penalty",
       "expected a parameter"},
      {"the penalty of slopes alone", [](World&) { l1_penalty(PReLU().parameters()); }, "l1_penalty",
       "expected a parameter that decay may pull at"},
  });
}

TEST(Hostile, Metrics) {
  const Tensor two = from_vector(std::vector<int32_t>{0, 1}, {2});
  expect_refused({
      {"the accuracy of a vector", [](World& w) { accuracy(w.leaf, w.whole); }, "accuracy", "expected logits [n, C]"},
      {"the accuracy against floats", [](World& w) { accuracy(w.x, w.x); }, "accuracy", "expected int32 labels"},
      {"the accuracy against three", [](World& w) { accuracy(w.x, w.whole); }, "accuracy", "expected labels [2]"},
      {"the accuracy of nothing", [](World& w) { accuracy(w.empty, zeros({0}, {.dtype = int32})); }, "accuracy",
       "needs rows and classes"},
      {"the accuracy against label 7", [](World& w) { accuracy(w.x, from_vector(std::vector<int32_t>{7, 0}, {2})); },
       "accuracy", "got 7 at row 0"},
      {"the best none", [=](World& w) { top_k_accuracy(w.x, two, 0); }, "top_k_accuracy",
       "k must lie in [1, 3], got 0"},
      {"the best four of three", [=](World& w) { top_k_accuracy(w.x, two, 4); }, "top_k_accuracy",
       "k must lie in [1, 3]"},
      {"confused with label -1", [](World& w) { confusion_matrix(w.x, from_vector(std::vector<int32_t>{0, -1}, {2})); },
       "confusion_matrix", "got -1"},
      {"names of other classes", [=](World& w) { (void)confusion_matrix(w.x, two).table({"a", "b"}); },
       "ConfusionMatrix", "expected 3 names, got 2"},
      {"predictions for another width",
       [](World& w) {
         const TensorOptions on_cpu{.device = Device::cpu()};
         predict(w.model, data::Dataset(zeros({1, 2}, on_cpu), zeros({1}, on_cpu)));
       },
       "dense", "expected input [n, 4], got [1, 2]"},
      {"predictions for nothing", [](World& w) { predict(w.model, {}); }, "loader", "got an undefined tensor"},
      {"the accuracy for nothing", [](World& w) { accuracy(w.model, {}); }, "loader", "got an undefined tensor"},
  });
}

// ---- Initialisers and optimizers ------------------------------------------------------------------------------------

TEST(Hostile, Initialisers) {
  const auto draw = [](const init::Initializer& of, const Shape& shape = {3, 4}, init::Fans fans = {4, 3},
                       TensorOptions options = {}) { of(shape, fans, options, default_generator()); };
  expect_refused({
      {"a gain of 0", [](World&) { init::glorot_uniform(0); }, "glorot_uniform", "gain must be positive and finite"},
      {"a gain below 0", [](World&) { init::glorot_normal(-1); }, "glorot_normal", "gain must be positive and finite"},
      {"a gain of NaN", [](World&) { init::he_uniform({.gain = nan}); }, "he_uniform", "gain must be positive"},
      {"a gain of infinity", [](World&) { init::he_normal({.gain = infinity}); }, "he_normal", "gain must be positive"},
      {"an orthogonal gain of 0", [](World&) { init::orthogonal(0); }, "orthogonal",
       "gain must be positive and finite"},
      {"no inputs", [=](World&) { draw(init::lecun_uniform(), {3, 4}, {0, 1}); }, "lecun_uniform", "at least 1, got 0"},
      {"outputs below 0", [=](World&) { draw(init::lecun_normal(), {3, 4}, {1, lowest}); }, "lecun_normal",
       "at least 1"},
      {"a constant without fans", [=](World&) { draw(init::constant(1), {3}, {0, 0}); }, "constant", "at least 1"},
      {"an orthogonal vector", [=](World&) { draw(init::orthogonal(), {3}); }, "orthogonal",
       "expected a matrix [r, ...]"},
      {"an orthogonal nothing", [=](World&) { draw(init::orthogonal(), {0, 3}); }, "orthogonal", "expected a matrix"},
      {"orthogonal integers", [=](World&) { draw(init::orthogonal(), {3, 4}, {4, 3}, {.dtype = int32}); }, "orthogonal",
       "expected float32 or"},
      {"normal integers", [=](World&) { draw(init::he_normal(), {3, 4}, {4, 3}, {.dtype = uint8}); }, "randn",
       "expected float32 or"},
      {"normal nowhere", [=](World&) { draw(init::normal(), {3, 4}, {4, 3}, {.device = nowhere}); }, "device", "CUDA"},
      {"from high to low", [](World&) { init::uniform(1, 0); }, "uniform", "low <= high"},
      {"from NaN", [](World&) { init::uniform(nan, 1); }, "uniform", "low <= high"},
      {"a deviation below 0", [](World&) { init::normal({.deviation = -1}); }, "normal", "deviation at least 0"},
      {"a mean of NaN", [](World&) { init::truncated_normal({.mean = nan}); }, "truncated_normal", "must be finite"},
      {"a cut at 0", [](World&) { init::truncated_normal({.cut = 0}); }, "truncated_normal", "cut must lie in (0, 8]"},
      {"a cut far out", [](World&) { init::truncated_normal({.cut = 9}); }, "truncated_normal",
       "cut must lie in (0, 8]"},
      {"the gain of a constant", [](World&) { init::gain(Unary(formula::Clamp{0, 0})); }, "gain",
       "positive, finite mean"},
      {"the gain of NaN", [](World&) { init::gain(Unary(formula::Pow{nan})); }, "gain", "positive, finite mean square"},
      {"a leaky gain below 0", [](World&) { init::leaky_gain(-1); }, "leaky_gain", "finite and at least 0"},
      {"no scheme", [](World& w) { init::initialize(w.model, {}); }, "initialize", "must be a function"},
      {"a scheme of nothing", [](World& w) { init::initialize(w.model, [](double) { return init::Initializer(); }); },
       "initialize", "the scheme must return a function"},
      {"a scheme of another shape", [](World& w) { init::initialize(w.model, [&](double) { return initial(w.x); }); },
       "initialize", "must return float32"},
      {"a scheme that fails at the second layer",
       [](World& w) {
         int drawn = 0;
         init::initialize(w.model, [&](double) { return drawn++ ? initial(none) : initial(zeros({6, 4})); });
       },
       "tensor", "used before it was given a value"},
  });
}

TEST(Hostile, Optimizers) {
  using optim::SGD, optim::SGDOptions;
  const auto with = [](SGDOptions options) { return [options](World& w) { w.sgd.set_options(options); }; };
  const auto of = [](const Tensor& x) { SGD(std::vector<Parameter>{x}, {.learning_rate = 1}); };
  expect_refused({
      {"no rate", [](World& w) { SGD(w.model.parameters(), {}); }, "sgd", "finite learning_rate >= 0, got nan"},
      {"a rate below 0", with({.learning_rate = -1}), "sgd", "finite learning_rate >= 0, got -1"},
      {"a rate of infinity", with({.learning_rate = infinity}), "sgd", "finite learning_rate >= 0, got inf"},
      {"a rate of 1e300", with({.learning_rate = 1e300}), "sgd", "finite in float32, got 1e+300"},
      {"a rate of 1e300 alone", [](World& w) { w.sgd.set_learning_rate(1e300); }, "sgd", "finite in float32"},
      {"a rate of NaN alone", [](World& w) { w.sgd.set_learning_rate(nan); }, "sgd",
       "finite learning_rate >= 0, got nan"},
      {"a momentum of 1", with({.learning_rate = 1, .momentum = 1}), "sgd", "momentum in [0, 1), got 1"},
      {"a momentum of NaN", with({.learning_rate = 1, .momentum = nan}), "sgd", "momentum in [0, 1), got nan"},
      {"a dampening of NaN", with({.learning_rate = 1, .dampening = nan}), "sgd", "finite dampening"},
      {"a dampening of -1e200", with({.learning_rate = 1, .dampening = -1e200}), "sgd",
       "finite in float32, got -1e+200"},
      {"a decay below 0", with({.learning_rate = 1, .weight_decay = -1}), "sgd", "finite weight_decay >= 0"},
      {"a decay of 1e39", with({.learning_rate = 1, .weight_decay = 1e39}), "sgd", "finite in float32, got 1e+39"},
      {"Nesterov at rest", with({.learning_rate = 1, .nesterov = true}), "sgd", "nesterov needs momentum > 0"},
      {"Nesterov dampened", with({.learning_rate = 1, .momentum = 0.9, .dampening = 0.1, .nesterov = true}), "sgd",
       "nesterov needs dampening 0"},
      {"a group that is not there", [](World& w) { w.sgd.set_options({.learning_rate = 1}, 1); }, "sgd",
       "expected a group below 1, got 1"},
      {"the options of the last group", [](World& w) { w.sgd.options(SIZE_MAX); }, "sgd", "expected a group below 1"},
      {"no parameters", [](World&) { SGD(std::vector<Parameter>(), {.learning_rate = 1}); }, "sgd",
       "at least one param"},
      {"no groups", [](World&) { SGD(std::vector<SGD::Group>()); }, "optimizer", "at least one group"},
      {"an empty group",
       [](World& w) {
         SGD(std::vector<SGD::Group>{{w.model.parameters(), {.learning_rate = 1}}, {{}, {.learning_rate = 1}}});
       },
       "sgd", "at least one parameter"},
      {"a parameter of none", [=](World&) { of(none); }, "sgd", "expected defined tensors"},
      {"a parameter of integers", [=](World& w) { of(w.whole); }, "sgd", "expected float32 or float64, got int32"},
      {"a parameter that is a result", [=](World& w) { of(w.leaf * 2); }, "sgd",
       "expected leaves, got the result of mult"},
      {"a parameter twice", [](World& w) { SGD(std::vector<Parameter>{w.leaf, w.leaf}, {.learning_rate = 1}); }, "sgd",
       "every tensor once"},
      {"a parameter in two groups",
       [](World& w) {
         SGD(std::vector<SGD::Group>{{{w.leaf}, {.learning_rate = 1}}, {{w.leaf}, {.learning_rate = 2}}});
       },
       "sgd", "every tensor once"},
      {"a good group before a bad one",
       [](World& w) {
         SGD(std::vector<SGD::Group>{{w.model.parameters(), {.learning_rate = 1}}, {{w.whole}, {.learning_rate = 1}}});
       },
       "sgd", "expected float32 or float64, got int32"},
      {"a step after the model was converted",
       [](World&) {
         Sequential model = network();
         SGD sgd(model.parameters(), {.learning_rate = 1});
         model.to(float64);
         sgd.step();
       },
       "sgd", "was moved or replaced after the optimizer was made"},
      {"a step of the older of two",
       [](World&) {
         Sequential model = network();
         SGD older(model.parameters(), {.learning_rate = 1}), newer(model.parameters(), {.learning_rate = 1});
         older.step();
       },
       "sgd", "was moved or replaced after the optimizer was made"},
      {"a step of what was moved away",
       [](World&) {
         Sequential model = network();
         SGD a(model.parameters(), {.learning_rate = 1}), b = std::move(a);
         a.step();
       },
       "optimizer", "it was moved away"},
      {"zero_grad of what was moved away",
       [](World&) {
         Sequential model = network();
         SGD a(model.parameters(), {.learning_rate = 1}), b = std::move(a);
         a.zero_grad();
       },
       "optimizer", "it was moved away"},
      {"the rate of what was moved away",
       [](World&) {
         Sequential model = network();
         SGD a(model.parameters(), {.learning_rate = 1}), b = std::move(a);
         a.set_learning_rate(1);
       },
       "optimizer", "it was moved away"},
  });
}

// ---- Data and diagnostics -------------------------------------------------------------------------------------------

TEST(Hostile, Data) {
  using data::Dataset, data::Loader, data::Standardization;
  const auto on_cpu = [](const Shape& shape, DType dtype = float32) {
    return zeros(shape, {.dtype = dtype, .device = Device::cpu()});
  };
  const auto with = [](Dataset set, const Standardization& standardization) {
    set.standardization = standardization;
    return set;
  };
  const Dataset good(on_cpu({2, 3}, uint8), on_cpu({2}, int32));
  expect_refused({
      {"nothing at all", [](World&) { Loader{Dataset{}}; }, "loader", "got an undefined tensor"},
      {"inputs alone", [=](World&) { Dataset(on_cpu({2}), Tensor()); }, "Dataset", "got an undefined tensor"},
      {"a scalar", [=](World&) { Dataset(on_cpu({}), on_cpu({1})); }, "Dataset", "inputs [n, ...]"},
      {"a target too few", [=](World&) { Dataset(on_cpu({2, 3}), on_cpu({1})); }, "Dataset",
       "as many targets as inputs, got [2, 3] and [1]"},
      {"no rows", [=](World&) { Dataset(on_cpu({0, 3}), on_cpu({0})); }, "Dataset", "at least one row"},
      {"rows of nothing", [=](World&) { Dataset(on_cpu({2, 0}), on_cpu({2})); }, "Dataset", "at least one number"},
      {"targets of nothing", [=](World&) { Dataset(on_cpu({2, 1}), on_cpu({2, 0})); }, "Dataset",
       "at least one number"},
      {"a set of which a part was replaced",
       [=](World&) {
         Dataset set = good;
         set.targets = on_cpu({3});
         Loader{set};
       },
       "loader", "as many targets as inputs"},
      {"numbers that never differ", [](World&) { Standardization(0, 0); }, "Standardization", "deviation above 0"},
      {"numbers around NaN", [](World&) { Standardization(nan, 1); }, "Standardization", "a finite mean"},
      {"the statistics of NaN", [=](World&) { Standardization{tensor({{1.0, nan}, {1, 2}})}; }, "Standardization",
       "for feature 1"},
      {"the statistics of nothing", [=](World&) { Standardization{on_cpu({0, 3})}; }, "Standardization",
       "at least one number, got [0, 3]"},
      {"the statistics of a scalar", [=](World&) { Standardization{on_cpu({})}; }, "Standardization", "rows [n, ...]"},
      {"the statistics of other rows", [=](World&) { Loader(with(good, Standardization(on_cpu({2, 4})))); }, "loader",
       "expected rows of shape [4] to standardize, got [2, 3]"},
      {"rows of another shape", [=](World&) { (void)Standardization(on_cpu({2, 4})).apply(on_cpu({2, 3})); },
       "Standardization", "expected rows of shape [4]"},
      {"half numbers standardized",
       [=](World&) { Loader(with({on_cpu({2, 3}, bfloat16), on_cpu({2})}, Standardization(0, 1))); }, "loader",
       "to standardize, got bfloat16"},
      {"batches of 0", [=](World&) { Loader(good, {.batch_size = 0}); }, "loader", "a batch size above 0, got 0"},
      {"batches below 0", [=](World&) { Loader(good, {.batch_size = lowest}); }, "loader", "a batch size above 0"},
      {"no full batch", [=](World&) { Loader(good, {.batch_size = 3, .drop_last = true}); }, "loader",
       "at least one full batch of 3"},
      {"a step beyond the last batch",
       [=](World&) {
         auto batch = Loader(good).begin();
         for (int i = 0; i < 3; ++i) ++batch;
       },
       "loader", "beyond the last batch"},
      {"a loader that was moved away",
       [=](World&) {
         Loader a(good), b = std::move(a);
         a.begin();
       },
       "tensor", "used before it was given a value"},
      {"a part of nothing", [=](World&) { (void)good.subset(1, 1); }, "subset", "begin < end <= 2, got 1 and 1"},
      {"three rows of two", [=](World&) { (void)good.subset(0, 3); }, "subset", "end <= 2, got 0 and 3"},
      {"rows before the first", [=](World&) { (void)good.subset(lowest, 1); }, "subset", "0 <= begin"},
      {"no indices", [=](World&) { (void)good.subset(std::vector<int32_t>{}); }, "subset", "at least one index"},
      {"row 2 of two", [=](World&) { (void)good.subset(std::vector<int32_t>{0, 2}); }, "subset",
       "must lie in [0, 2), got 2 at position 1"},
      {"row -1", [=](World&) { (void)good.subset(std::vector<int32_t>{-1}); }, "subset", "got -1 at position 0"},
      {"a split that gives all", [=](World&) { (void)good.split(2); }, "split",
       "from 1 to 1 of 2 for the first, got 2"},
      {"a split that gives nothing", [=](World&) { (void)good.split(0); }, "split", "got 0"},
      {"a split by a fraction of 1", [=](World&) { (void)good.split(1.0); }, "split", "between 0 and 1, got 1"},
      {"a split by NaN", [=](World&) { (void)good.split(nan); }, "split", "between 0 and 1"},
      {"a split that rounds to nothing", [=](World&) { (void)good.split(0.1); }, "split", "got 0"},
      {"a split by a count without end", [=](World&) { (void)good.split(~uint64_t{0}); }, "split", "fewer rows"},
      {"a split of nothing", [](World&) { (void)Dataset{}.split(0.5); }, "split", "undefined tensor"},
      {"a set nowhere", [=](World&) { (void)good.to(nowhere); }, "device", "CUDA"},
      {"rows of floats", [=](World&) { load_batch(good, zeros({1}, {.device = Device::cpu()})); }, "load_batch",
       "int32"},
      {"rows of none", [=](World&) { load_batch(good, none); }, "tensor", "used before it was given a value"},
      {"a file that is not there", [](World&) { data::read_idx("/no/such/file"); }, "read_idx",
       "/no/such/file: expected"},
      {"a file without a name", [](World&) { data::read_idx(""); }, "read_idx", "expected a file"},
      {"a folder as a file", [](World&) { data::read_idx("/"); }, "read_idx", "expected a regular file"},
      {"MNIST from nowhere", [](World&) { data::load_mnist("/no/such/folder"); }, "load_mnist", "/no/such/folder"},
      {"an unknown data set", [](World&) { data::find("cifar"); }, "find", "expected the data set mnist-10k"},
      {"MNIST in a folder that is not there", [](World&) { data::find("mnist", "/no/such/folder"); }, "find",
       "four files"},
  });
}

TEST(Hostile, Diagnostics) {
  expect_refused({
      {"a layer that changes its width",
       [](World&) {
         ReLU layer;
         Diagnostics diagnostics(layer);
         layer(zeros({2, 3}));
         layer(zeros({2, 4}));
       },
       "diagnostics", "must keep its width until reset(), got 4 units after 3"},
      {"a layer that has no row yet and fails",
       [](World& w) {
         Sequential model = network();
         Diagnostics diagnostics(model);
         model(w.x);
       },
       "dense", "expected input [n, 4], got [2, 3]"},
  });
}

}  // namespace
}  // namespace ramp::hostile

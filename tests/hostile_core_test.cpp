// Hostile calls of shapes, arrays, tensors, operations, autograd, captured steps and settings.

#include "hostile_test.h"
#include "ramp/core/array/broadcast.h"
#include "ramp/core/autograd/gradcheck.h"
#include "ramp/core/cpu/parallel.h"
#include "ramp/core/hooks.h"

namespace ramp::hostile {
namespace {

// ---- Shapes and arrays ----------------------------------------------------------------------------------------------

TEST(Hostile, Shapes) {
  const Shape shape{2, 3};
  expect_refused({
      {"a size below 0", [](World&) { Shape{2, -1}; }, "shape", "must not be negative, got -1"},
      {"the lowest size", [](World&) { Shape(std::vector<int64_t>{lowest}); }, "shape", "must not be negative"},
      {"nine axes", [](World&) { Shape{1, 1, 1, 1, 1, 1, 1, 1, 1}; }, "shape", "at most 8 axes, got 9"},
      {"a million axes", [](World&) { Shape(std::vector<int64_t>(1000000, 1)); }, "shape", "at most 8 axes"},
      {"a product of 2^80", [](World&) { Shape{huge, huge}; }, "shape", "overflows 63 bits"},
      {"a product of 2^63", [](World&) { Shape{int64_t{1} << 32, int64_t{1} << 31}; }, "shape", "overflows"},
      {"an overflow beside a 0", [](World&) { Shape{huge, 0, huge}; }, "shape", "overflows 63 bits"},
      {"an axis behind the last", [=](World&) { (void)shape[2]; }, "shape", "axis must lie in [0, 2) for shape [2, 3]"},
      {"an axis from behind", [=](World&) { (void)shape[-1]; }, "shape", "got -1"},
      {"a far axis", [=](World&) { (void)shape[most]; }, "shape", "axis must lie in [0, 2)"},
      {"the first size of a scalar", [](World&) { (void)Shape().front(); }, "shape", "axis must lie in [0, 0)"},
      {"the last size of a scalar", [](World&) { (void)Shape().back(); }, "shape", "axis must lie in [0, 0)"},
      {"another size behind the last", [=](World&) { shape.with(2, 1); }, "shape", "axis must lie in [0, 2)"},
      {"another size before the first", [=](World&) { shape.with(least, 1); }, "shape", "axis must lie in [0, 2)"},
      {"another size below 0", [=](World&) { shape.with(0, -7); }, "shape", "must not be negative, got -7"},
      {"another size that overflows", [=](World&) { shape.with(0, farthest); }, "shape", "overflows 63 bits"},
      {"without an axis behind the last", [=](World&) { shape.without(2); }, "shape", "axis must lie in [0, 2)"},
      {"without an axis before the first", [=](World&) { shape.without(-1); }, "shape", "axis must lie in [0, 2)"},
      {"a scalar without its axis", [](World&) { Shape().without(0); }, "shape", "axis must lie in [0, 0)"},
      {"the lowest axis", [=](World&) { normalize_axis("mine", least, shape); }, "mine", "axis must lie in [-2, 2)"},
      {"the highest axis", [=](World&) { normalize_axis("mine", most, shape); }, "mine", "axis must lie in [-2, 2)"},
      {"an axis of a scalar", [](World&) { normalize_axis("mine", 0, {}); }, "mine", "axis must lie in [0, 0)"},
      {"around an axis that is not there", [=](World&) { around(2, shape); }, "shape", "axis must lie in [0, 2)"},
      {"sizes 3 and 2", [](World&) { broadcast("mine", {2, 3}, {2}); }, "mine", "shapes must broadcast"},
      {"sizes 0 and 2", [](World&) { broadcast("mine", {0}, {2}); }, "mine", "shapes must broadcast"},
      {"broadcast to 2^80", [](World&) { broadcast("mine", {huge, 1}, {huge}); }, "shape", "overflows 63 bits"},
  });
}

TEST(Hostile, Arrays) {
  const auto bytes = [](int64_t n) { return std::make_shared<Storage>(n, Device::cpu()); };
  expect_refused({
      {"more than memory has", [](World&) { Array(Shape{int64_t{1} << 60}); }, "allocate", "at most 2^56 bytes"},
      {"2^62 elements of 8 bytes", [](World&) { Array(Shape{int64_t{1} << 62}, float64); }, "allocate", "got float64"},
      {"a dtype that is none", [](World&) { Array({2}, static_cast<DType>(99)); }, "allocate", "got number 99"},
      {"a device that is not there", [](World&) { Array({2}, float32, nowhere); }, "device", "CUDA"},
      {"a device before the first", [](World&) { Array({2}, float32, {Device::Kind::cuda, -1}); }, "device", "CUDA"},
      {"a second CPU", [](World&) { Array({2}, float32, {Device::Kind::cpu, 1}); }, "device", "got device 1 of kind 0"},
      {"a device of no kind", [](World&) { Array({2}, float32, {static_cast<Device::Kind>(7), 0}); }, "device",
       "of kind 7"},
      {"storage below 0", [=](World&) { bytes(-1); }, "allocate", "expected 0 to 2^56 bytes, got -1"},
      {"storage without end", [=](World&) { bytes(farthest); }, "allocate", "expected 0 to 2^56 bytes"},
      {"no storage", [](World&) { Array(nullptr, {2}, float32); }, "array", "got an undefined one"},
      {"storage of one element less", [=](World&) { Array(bytes(8), {3}, float32); }, "array", "needs 12 bytes, got"},
      {"storage of narrower elements", [=](World&) { Array(bytes(12), {3}, float64); }, "array", "needs 24 bytes"},
      {"the device of none", [](World&) { (void)Array().device(); }, "array", "got an undefined one"},
      {"the address of none", [](World&) { (void)Array().data<float>(); }, "array", "got an undefined one"},
      {"the address of none, untyped", [](World&) { (void)Array().data<void>(); }, "array", "got an undefined one"},
      {"another type's address", [](World& w) { (void)w.wide.array().data<float>(); }, "data", "expected float32, got"},
      {"a view of other size", [](World& w) { w.x.array().view({7}); }, "reshape", "has 6 elements, [7] has 7"},
      {"a view of nothing", [](World& w) { w.x.array().view({0}); }, "reshape", "[0] has 0"},
      {"two sizes to infer", [](World& w) { w.x.array().reshape({-1, -1}); }, "reshape", "only one size may be -1"},
      {"-1 over a 0", [](World& w) { w.x.array().reshape({0, -1}); }, "reshape", "cannot infer -1: 6 elements over 0"},
      {"-1 beside 4", [](World& w) { w.x.array().reshape({4, -1}); }, "reshape", "cannot infer -1: 6 elements over 4"},
      {"-1 beside 2^80", [](World& w) { w.x.array().reshape({huge, huge, -1}); }, "reshape", "overflows 63 bits"},
      {"-1 beside -2^64", [](World& w) { w.x.array().reshape({lowest, 2, -1}); }, "reshape", "overflows 63 bits"},
      {"-1 beside two sizes below 0", [](World& w) { w.x.array().reshape({-2, -3, -1}); }, "shape", "must not be neg"},
      {"-1 beside -2", [](World& w) { w.x.array().reshape({-2, -1}); }, "reshape", "cannot infer -1"},
      {"nine axes", [](World& w) { w.x.array().reshape({6, 1, 1, 1, 1, 1, 1, 1, 1}); }, "shape", "at most 8 axes"},
      {"rows of a scalar", [](World&) { Array(Shape{}).rows(0, 1); }, "rows", "expected at least one axis"},
      {"rows from behind", [](World& w) { w.x.array().rows(-1, 2); }, "rows", "expected 0 <= begin <= end <= 2"},
      {"rows backwards", [](World& w) { w.x.array().rows(2, 1); }, "rows", "expected 0 <= begin <= end <= 2"},
      {"rows beyond the last", [](World& w) { w.x.array().rows(0, farthest); }, "rows", "begin <= end <= 2"},
      {"a slice before the first element", [](World& w) { w.x.array().slice(-1, {1}); }, "slice", "got 1 from -1 on"},
      {"a slice beyond the last element", [](World& w) { w.x.array().slice(5, {2}); }, "slice", "within the 6"},
      {"a slice from far away", [](World& w) { w.x.array().slice(farthest, {1}); }, "slice", "within the 6"},
      {"a slice that is larger", [](World& w) { w.x.array().slice(0, {huge}); }, "slice", "within the 6"},
      {"a copy into another shape", [](World& w) { copy(w.x.array(), Array({3, 2})); }, "copy",
       "shapes and dtypes must"},
      {"a copy into another dtype", [](World& w) { copy(w.x.array(), w.wide.array()); }, "copy", "shapes and dtypes"},
      {"a copy of none", [](World&) { copy(Array(), Array(Shape{})); }, "array", "got an undefined one"},
      {"a copy into none", [](World&) { copy(Array(Shape{}), Array()); }, "array", "got an undefined one"},
      {"a copy one element on", [](World& w) { copy(w.x.array().slice(0, {5}), w.x.array().slice(1, {5})); }, "copy",
       "overlap in part"},
      {"a copy one row back", [](World& w) { copy(w.images.array().rows(1, 5), w.images.array().rows(0, 4)); }, "copy",
       "overlap in part"},
      {"a clone of none", [](World&) { clone(Array()); }, "array", "got an undefined one"},
      {"none on a device", [](World&) { to(Array(), Device::cpu()); }, "array", "got an undefined one"},
      {"none in another dtype", [](World&) { to(Array(), float64); }, "array", "got an undefined one"},
      {"in a sixth dtype", [](World& w) { to(w.x.array(), static_cast<DType>(5)); }, "allocate", "got number 5"},
      {"to nowhere", [](World& w) { to(w.x.array(), nowhere); }, "device", "CUDA"},
      {"none filled", [](World&) { fill(Array(), 1); }, "array", "got an undefined one"},
      {"the memory of nowhere", [](World&) { memory_stats(nowhere); }, "device", "CUDA"},
      {"the cache of nowhere", [](World&) { release_cached_memory(nowhere); }, "device", "CUDA"},
      {"what was moved away",
       [](World&) {
         Array a({2}), b = std::move(a);
         a.data<float>();
       },
       "array", "got an undefined one"},
  });
}

// ---- Tensors --------------------------------------------------------------------------------------------------------

TEST(Hostile, Creation) {
  expect_refused({
      {"zeros of a size below 0", [](World&) { zeros({-3}); }, "shape", "must not be negative"},
      {"ones beyond memory", [](World&) { ones({int64_t{1} << 61}); }, "allocate", "at most 2^56 bytes"},
      {"a number nowhere", [](World&) { scalar(1, {.device = nowhere}); }, "device", "CUDA"},
      {"a number of no dtype", [](World&) { full({2}, 1, {.dtype = static_cast<DType>(8)}); }, "allocate", "number 8"},
      {"integers with a gradient", [](World&) { zeros({2}, {.dtype = int32, .requires_grad = true}); }, "requires_grad",
       "only float32 and float64"},
      {"-1 numbers", [](World&) { arange(-1); }, "arange", "n must not be negative, got -1"},
      {"numbers beyond memory", [](World&) { arange(int64_t{1} << 62); }, "allocate", "at most 2^56 bytes"},
      {"steps of 0", [](World&) { arange(0, 1, 0); }, "arange", "step must lead from start to stop"},
      {"steps the wrong way", [](World&) { arange(0, 1, -1); }, "arange", "step must lead from start to stop"},
      {"steps of NaN", [](World&) { arange(0, 1, nan); }, "arange", "step must lead from start to stop"},
      {"a start at NaN", [](World&) { arange(nan, 1); }, "arange", "step must lead from start to stop"},
      {"a stop at infinity", [](World&) { arange(0, infinity); }, "arange", "step must lead from start to stop"},
      {"more steps than 2^53", [](World&) { arange(0, 1e300); }, "arange", "step must lead from start to stop"},
      {"normal integers", [](World&) { randn({2}, {.dtype = int32}); }, "randn", "expected float32 or float64"},
      {"normal numbers beyond memory", [](World&) { randn({int64_t{1} << 60}); }, "allocate", "at most 2^56 bytes"},
      {"normal numbers nowhere", [](World&) { randn({2}, {.device = nowhere}); }, "device", "CUDA"},
      {"uniform pixels", [](World&) { uniform({2}, 0, 1, {.dtype = uint8}); }, "uniform", "expected float32 or"},
      {"uniform numbers beyond memory", [](World&) { uniform({int64_t{1} << 60}, 0, 1); }, "allocate",
       "at most 2^56 bytes"},
      {"from high to low", [](World&) { uniform({2}, 1, 0); }, "uniform", "low <= high"},
      {"from NaN", [](World&) { uniform({2}, nan, 1); }, "uniform", "low <= high"},
      {"to infinity", [](World&) { uniform({2}, 0, infinity); }, "uniform", "low <= high"},
      {"rows of two lengths", [](World&) { tensor({{1, 2}, {3}}); }, "tensor", "row 0 has 2, row 1 has 1"},
      {"rows nowhere", [](World&) { tensor({{1, 2}}, {.device = nowhere}); }, "device", "CUDA"},
      {"a value too few", [](World&) { from_vector(std::vector<float>{1}, {2}); }, "from_vector",
       "holds 2 values, got 1"},
      {"values without a place", [](World&) { from_vector(std::vector<double>{1}, {0}); }, "from_vector", "holds 0"},
      {"values nowhere", [](World&) { from_vector(std::vector<uint8_t>{1}, {1}, nowhere); }, "device", "CUDA"},
      {"a tensor of no array", [](World&) { Tensor{Array()}; }, "tensor", "the array is undefined"},
      {"a leaf of integers", [](World& w) { Tensor(w.whole.array(), true); }, "requires_grad",
       "only float32 and float64"},
  });
}

TEST(Hostile, UndefinedTensors) {
  constexpr const char* rule = "used before it was given a value";
  expect_refused({
      {"array", [](World&) { none.array(); }, "tensor", rule},
      {"shape", [](World&) { none.shape(); }, "tensor", rule},
      {"size", [](World&) { none.size(0); }, "tensor", rule},
      {"rank", [](World&) { none.rank(); }, "tensor", rule},
      {"numel", [](World&) { none.numel(); }, "tensor", rule},
      {"dtype", [](World&) { none.dtype(); }, "tensor", rule},
      {"device", [](World&) { none.device(); }, "tensor", rule},
      {"node", [](World&) { none.node(); }, "tensor", rule},
      {"is_leaf", [](World&) { none.is_leaf(); }, "tensor", rule},
      {"requires_grad", [](World&) { none.requires_grad(); }, "tensor", rule},
      {"set_requires_grad", [](World&) { Tensor().set_requires_grad(); }, "tensor", rule},
      {"set_array", [](World& w) { Tensor().set_array(w.x.array()); }, "tensor", rule},
      {"grad", [](World&) { none.grad(); }, "tensor", rule},
      {"zero_grad", [](World&) { Tensor().zero_grad(); }, "tensor", rule},
      {"retain_grad", [](World&) { Tensor().retain_grad(); }, "tensor", rule},
      {"set_grad", [](World& w) { Tensor().set_grad(w.x); }, "tensor", rule},
      {"register_hook", [](World&) { Tensor().register_hook([](const Tensor& g) { return g; }); }, "tensor", rule},
      {"backward", [](World&) { none.backward(); }, "tensor", rule},
      {"backward with a gradient", [](World& w) { none.backward(w.x); }, "tensor", rule},
      {"detach", [](World&) { none.detach(); }, "tensor", rule},
      {"item", [](World&) { none.item(); }, "tensor", rule},
      {"to_vector", [](World&) { none.to_vector<float>(); }, "tensor", rule},
      {"to(device)", [](World&) { none.to(Device::cpu()); }, "tensor", rule},
      {"to(dtype)", [](World&) { none.to(float64); }, "tensor", rule},
      {"an argument of a formula", [](World&) { exp(none); }, "tensor", rule},
      {"a summand", [](World& w) { (void)(w.x + none); }, "tensor", rule},
      {"beside a number", [](World&) { (void)(2 * none); }, "tensor", rule},
      {"a comparison", [](World& w) { (void)(none < w.x); }, "tensor", rule},
      {"a condition", [](World& w) { where(none, w.x, w.x); }, "tensor", rule},
      {"a part", [](World& w) { concat({w.x, none}); }, "tensor", rule},
      {"indices", [](World& w) { gather(w.x, none); }, "tensor", rule},
      {"a factor", [](World& w) { matmul(w.x, none); }, "tensor", rule},
      {"a sum", [](World&) { sum(none); }, "tensor", rule},
      {"a maximum", [](World&) { argmax(none, 0); }, "tensor", rule},
      {"a softmax", [](World&) { softmax(none); }, "tensor", rule},
      {"what was moved away",
       [](World&) {
         Tensor a = zeros({2}), b = std::move(a);
         a.numel();
       },
       "tensor", rule},
  });
}

TEST(Hostile, Tensors) {
  expect_refused({
      {"the item of three", [](World& w) { w.leaf.item(); }, "item", "expected one element, got shape [3]"},
      {"the item of none", [](World& w) { w.empty.item(); }, "item", "expected one element"},
      {"numbers of another type", [](World& w) { w.x.to_vector<double>(); }, "data", "expected float64, got float32"},
      {"the size of axis 2", [](World& w) { w.x.size(2); }, "size", "axis must lie in [-2, 2)"},
      {"the size of the lowest axis", [](World& w) { w.x.size(least); }, "size", "axis must lie in [-2, 2)"},
      {"integers that want a gradient", [](World& w) { w.whole.set_requires_grad(); }, "requires_grad", "only float32"},
      {"a result that wants none", [](World& w) { (w.leaf * 2).set_requires_grad(false); }, "set_requires_grad",
       "the result of 'multiply'"},
      {"to keep no gradient", [](World& w) { w.x.retain_grad(); }, "retain_grad", "requires no gradient"},
      {"a gradient where none is wanted", [](World& w) { w.x.set_grad(w.x); }, "set_grad", "requires no gradient"},
      {"a gradient of another shape", [](World& w) { w.leaf.set_grad(w.x); }, "set_grad", "expected [3] float32"},
      {"a gradient of another dtype", [](World& w) { w.leaf.set_grad(w.leaf.detach().to(float64)); }, "set_grad",
       "got"},
      {"no array at all", [](World& w) { w.leaf.set_array({}); }, "set_array", "got an undefined one"},
      {"no array for a scalar",
       [](World&) {
         const Tensor number = scalar(1, {.dtype = float64});
         try {
           Tensor(number).set_array({});
         } catch (const Error&) {
           EXPECT_EQ(number.item(), 1);
           EXPECT_EQ(number.dtype(), float64);
           throw;
         }
       },
       "set_array", "got an undefined one"},
      {"an array of another shape", [](World& w) { w.leaf.set_array(w.x.array()); }, "set_array", "expected shape [3]"},
      {"integers in a parameter's place", [](World& w) { w.leaf.set_array(w.whole.array()); }, "set_array",
       "must stay floating, got int32"},
      {"an array for a result", [](World& w) { (w.leaf + 1).set_array(w.leaf.array()); }, "set_array",
       "the result of 'add'"},
      {"a move to nowhere", [](World& w) { w.x.to(nowhere); }, "device", "CUDA"},
      {"a move to a second CPU", [](World& w) { w.x.to(Device{Device::Kind::cpu, 2}); }, "device", "got device 2"},
      {"a conversion to no dtype", [](World& w) { w.x.to(static_cast<DType>(200)); }, "allocate", "number 200"},
  });
}

// ---- Operations -----------------------------------------------------------------------------------------------------

struct Cube {
  template <class V>
  V operator()(V x) const {
    return x * x * x;
  }
};

TEST(Hostile, Elementwise) {
  expect_refused({
      {"integers in a formula", [](World& w) { exp(w.whole); }, "exp", "expected float32 or float64, got int32"},
      {"pixels in an activation", [](World&) { relu(zeros({2}, {.dtype = uint8})); }, "relu", "expected float32 or"},
      {"minus integers", [](World& w) { (void)-w.whole; }, "neg", "expected float32 or float64"},
      {"integers plus integers", [](World& w) { (void)(w.whole + w.whole); }, "add", "expected float32 or float64"},
      {"integers times a number", [](World& w) { (void)(w.whole * 0.5); }, "multiply", "expected float32 or float64"},
      {"two dtypes", [](World& w) { (void)(w.x - w.wide); }, "subtract", "dtypes must agree, got float32 and float64"},
      {"shapes that do not fit", [](World& w) { (void)(w.x * zeros({2})); }, "multiply", "shapes must broadcast"},
      {"nothing and two rows", [](World& w) { (void)(w.x / w.empty); }, "divide", "shapes must broadcast"},
      {"a result of 2^80 elements", [](World&) { (void)(zeros({huge, 1, 0}) + zeros({huge, 0})); }, "shape",
       "overflows 63 bits"},
      {"slopes that do not fit", [](World& w) { prelu(w.x, zeros({4})); }, "prelu", "shapes must broadcast"},
      {"the larger of two dtypes", [](World& w) { maximum(w.x, w.wide); }, "maximum", "dtypes must agree"},
      {"a clamp upside down", [](World& w) { clamp(w.x, 1, 0); }, "clamp", "low must not exceed high"},
      {"a clamp to NaN", [](World& w) { clamp(w.x, 0, nan); }, "clamp", "low must not exceed high"},
      {"a formula of one's own for integers", [](World& w) { map(Cube{}, w.whole); }, "map",
       "expected float32 or float64"},
      {"a comparison of two dtypes", [](World& w) { (void)(w.x == w.wide); }, "compare", "dtypes must agree"},
      {"a comparison of two shapes", [](World& w) { (void)(w.x < zeros({5})); }, "compare", "shapes must broadcast"},
      {"a condition of floats", [](World& w) { where(w.x, w.x, w.x); }, "where", "the condition must be uint8"},
      {"a choice of two dtypes", [](World& w) { where(w.x > 1, w.x, w.wide); }, "where", "dtypes must agree"},
      {"a condition of another shape", [](World& w) { where(w.x > 1, zeros({4}), zeros({4})); }, "where",
       "shapes must broadcast"},
      {"a slope for another y",
       [](World& w) {
         const Array x = w.x.array();
         map_gradient(Unary(formula::Exp{}), x, here({2}), x);
       },
       "exp", "must be of one shape, got [2, 3], [2] and [2, 3]"},
      {"a slope for another gradient",
       [](World& w) {
         const Array x = w.x.array();
         map_gradient(Unary(formula::Exp{}), x, x, x.view({6}));
       },
       "exp", "must be of one shape"},
      {"a slope without a gradient",
       [](World& w) {
         const Array x = w.x.array();
         map_gradient(Unary(formula::Exp{}), x, x, {});
       },
       "exp", "an argument is undefined"},
      {"the slope of a third argument",
       [](World& w) {
         const Array x = w.x.array();
         map_gradient(Binary(formula::Add{}), 2, x, x, x);
       },
       "add", "argument must be 0 or 1, got 2"},
      {"a gradient larger than the result",
       [](World& w) {
         const Array x = w.x.array().rows(0, 1);
         map_gradient(Binary(formula::Multiply{}), 0, x, x, w.x.array());
       },
       "multiply", "the gradient must be of the result's shape [1, 3], got [2, 3]"},
      {"more added than there is", [](World& w) { add_to(w.leaf.array(), w.x.array()); }, "add",
       "does not broadcast to [3]"},
      {"its own row added", [](World& w) { add_to(w.x.array(), w.x.array().rows(0, 1)); }, "add",
       "that overlaps it in part"},
      {"itself one element on added", [](World& w) { add_to(w.x.array().slice(0, {4}), w.x.array().slice(2, {4})); },
       "add", "overlaps it in part"},
      {"none added", [](World& w) { add_to(w.x.array(), {}); }, "add", "an argument is undefined"},
      {"repeated to fewer", [](World& w) { broadcast_to(w.x.array(), {3}); }, "broadcast_to", "does not broadcast to"},
      {"repeated beyond memory", [](World&) { broadcast_to(zeros({1}).array(), {int64_t{1} << 60}); }, "allocate",
       "at most 2^56 bytes"},
      {"summed to more axes", [](World& w) { sum_to(w.leaf.array(), {2, 3}); }, "sum_to", "does not broadcast to [3]"},
      {"summed to another size", [](World& w) { sum_to(w.x.array(), {2}); }, "sum_to", "shapes must broadcast"},
  });
}

TEST(Hostile, Movement) {
  const auto ints = [](std::vector<int32_t> values) {
    const auto n = static_cast<int64_t>(values.size());
    return from_vector(values, {n}).array();
  };
  expect_refused({
      {"a batch of no axis", [](World&) { flatten(scalar(1)); }, "flatten", "expected a batch axis"},
      {"a vector transposed", [](World& w) { transpose(w.leaf); }, "transpose", "expected a matrix, got shape [3]"},
      {"a cube transposed", [](World&) { transpose(zeros({2, 2, 2})); }, "transpose", "expected a matrix"},
      {"none transposed", [](World&) { transpose(Array()); }, "transpose", "an argument is undefined"},
      {"rows of a number", [](World&) { rows(scalar(1), 0, 1); }, "rows", "expected at least one axis"},
      {"rows of another tensor", [](World& w) { rows(w.x, 2, 3); }, "rows", "expected 0 <= begin <= end <= 2"},
      {"gathered by floats", [](World& w) { gather(w.x, w.x); }, "gather", "indices must be int32 of shape [k]"},
      {"gathered by a matrix", [](World& w) { gather(w.x, zeros({2, 2}, {.dtype = int32})); }, "gather",
       "indices must be int32 of shape [k]"},
      {"gathered from a number", [](World& w) { gather(scalar(1), w.whole); }, "gather", "expected at least one axis"},
      {"gathered from none", [=](World&) { gather(Array(), ints({0})); }, "gather", "an argument is undefined"},
      {"no parts", [](World&) { concat(std::span<const Tensor>()); }, "concat", "expected at least one tensor"},
      {"numbers in a row", [](World&) { concat({scalar(1), scalar(2)}); }, "concat", "axis must lie in [0, 0)"},
      {"parts of two ranks", [](World& w) { concat({w.x, w.leaf}); }, "concat", "shapes must agree but for axis 0"},
      {"parts of two widths", [](World& w) { concat({w.x, zeros({2, 4})}); }, "concat",
       "shapes must agree but for axis"},
      {"parts of two dtypes", [](World& w) { concat({w.x, w.wide}); }, "concat", "dtypes must agree"},
      {"along the lowest axis", [](World& w) { concat({w.x, w.x}, least); }, "concat", "axis must lie in [-2, 2)"},
      {"parts of 2^62 rows",
       [](World&) {
         const Tensor part = zeros({int64_t{1} << 62, 0});
         concat({part, part, part, part});
       },
       "concat", "the sizes of axis 0 add up to more than 63 bits"},
      {"an axis narrowed that is not there", [](World& w) { narrow(w.x.array(), 2, 0, 1); }, "narrow", "axis must lie"},
      {"narrowed backwards", [](World& w) { narrow(w.x.array(), 1, 2, 1); }, "narrow",
       "expected 0 <= begin <= end <= 3"},
      {"narrowed beyond the end", [](World& w) { narrow(w.x.array(), 1, 0, 4); }, "narrow", "begin <= end <= 3"},
      {"narrowed from before", [](World& w) { narrow(w.x.array(), 0, lowest, 1); }, "narrow", "expected 0 <= begin"},
      {"none narrowed", [](World&) { narrow({}, 0, 0, 0); }, "narrow", "an argument is undefined"},
      {"integers scattered", [=](World& w) { scatter_add(w.whole.array(), w.whole.array(), 3); }, "scatter_add",
       "expected float32 or"},
      {"scattered by floats", [](World& w) { scatter_add(w.x.array(), w.leaf.array(), 3); }, "scatter_add",
       "indices must be int32"},
      {"scattered by three of two", [](World& w) { scatter_add(w.x.array(), w.whole.array(), 3); }, "scatter_add",
       "a row for each index, got [2, 3]"},
      {"a number scattered", [](World& w) { scatter_add(scalar(1).array(), w.whole.array(), 3); }, "scatter_add",
       "a row for each index"},
      {"scattered over -1 rows", [](World& w) { scatter_add(w.leaf.array(), w.whole.array(), -1); }, "shape",
       "must not be negative, got -1"},
      {"scattered by none", [](World& w) { scatter_add(w.x.array(), {}, 3); }, "scatter_add", "is undefined"},
      {"scattered along axis 5", [](World& w) { scatter_axis(w.x.array(), w.whole.array(), 5, 3); }, "scatter_axis",
       "axis must lie in [-2, 2)"},
      {"scattered along an axis of 3", [](World& w) { scatter_axis(w.x.array(), w.whole.array(), 1, 3); },
       "scatter_axis", "must be of size 1"},
      {"scattered by indices of another shape",
       [](World& w) { scatter_axis(w.x.array().view({6, 1}), w.whole.array(), 1, 3); }, "scatter_axis",
       "int32 of shape"},
      {"scattered by indices of floats",
       [](World& w) {
         const Array column = w.x.array().view({6, 1});
         scatter_axis(column, column, 1, 3);
       },
       "scatter_axis", "indices must be int32 of shape [6, 1]"},
      {"a batch of a scalar", [=](World&) { load_batch(here({}), ints({0, 1}), ints({0})); }, "load_batch",
       "as many rows of both"},
      {"a batch of rows of different numbers", [=](World&) { load_batch(here({2, 2}), ints({0}), ints({0})); },
       "load_batch", "as many rows of both, got [2, 2] and [1]"},
      {"a batch by indices of floats", [=](World&) { load_batch(here({2, 2}), ints({0, 1}), here({1})); }, "load_batch",
       "int32"},
      {"a batch around a narrow mean",
       [=](World&) { load_batch(here({2, 2}), ints({0, 1}), ints({0}), here({1}), here({1})); }, "load_batch",
       "a float64 mean and standard deviation"},
      {"a batch around a mean alone",
       [=](World&) { load_batch(here({2, 2}), ints({0, 1}), ints({0}), here({1}, float64)); }, "load_batch",
       "an argument is undefined"},
      {"a batch around means of other columns",
       [=](World&) { load_batch(here({2, 2}), ints({0, 1}), ints({0}), here({3}, float64), here({3}, float64)); },
       "load_batch", "one for each of the 2 numbers of a row, got [3]"},
      {"a batch of half numbers, standardized",
       [=](World&) {
         load_batch(here({2, 2}, bfloat16), ints({0, 1}), ints({0}), here({1}, float64), here({1}, float64));
       },
       "load_batch", "got bfloat16"},
  });
}

TEST(Hostile, IndicesOutOfRange) {
  if (default_device().is_cuda()) GTEST_SKIP() << "a CUDA device reports them later";
  const auto ints = [](std::vector<int32_t> values) {
    const auto n = static_cast<int64_t>(values.size());
    return from_vector(values, {n});
  };
  expect_refused({
      {"row 2 of 2", [=](World& w) { gather(w.x, ints({0, 2})); }, "gather", "must lie in [0, 2), got 2 at position 1"},
      {"row -1", [=](World& w) { gather(w.x, ints({-1})); }, "gather", "must lie in [0, 2), got -1"},
      {"the lowest row", [=](World& w) { gather(w.x, ints({least})); }, "gather", "must lie in [0, 2)"},
      {"a row of nothing", [=](World& w) { gather(w.empty, ints({0})); }, "gather", "must lie in [0, 0)"},
      {"scattered to row 2 of 2", [=](World& w) { scatter_add(w.x.array(), ints({0, 2}).array(), 2); }, "scatter_add",
       "must lie in [0, 2), got 2"},
      {"scattered to the lowest row", [=](World& w) { scatter_add(w.x.array(), ints({least, 0}).array(), 2); },
       "scatter_add", "must lie in [0, 2)"},
      {"an image behind the last", [=](World&) { load_batch(here({2, 2}), ints({0, 1}).array(), ints({2}).array()); },
       "load_batch", "rows must lie in [0, 2), got 2"},
      {"label 3 of 3", [=](World& w) { cross_entropy(w.x, ints({0, 3})); }, "cross_entropy",
       "labels must lie in [0, 3), got 3 at row 1"},
      {"the lowest label", [=](World& w) { cross_entropy(w.x, ints({least, 0})); }, "cross_entropy", "at row 0"},
      {"label -100 where -1 is ignored",
       [=](World& w) { cross_entropy(w.x, ints({-1, -100}), {.class_weights = {}, .ignore_index = -1}); },
       "cross_entropy", "got -100"},
  });
}

TEST(Hostile, ProductsAndReductions) {
  expect_refused({
      {"a vector as a factor", [](World& w) { matmul(w.x, w.leaf); }, "matmul", "expected a matrix, got shape [3]"},
      {"inner sizes 3 and 2", [](World& w) { matmul(w.x, w.x); }, "matmul", "inner sizes must agree"},
      {"factors of two dtypes", [](World& w) { matmul(w.x, transpose(w.wide)); }, "matmul", "dtypes must agree"},
      {"integers as factors", [](World& w) { matmul(w.x.to(int32), transpose(w.x.to(int32))); }, "matmul",
       "expected float32 or float64"},
      {"a product beyond memory", [](World&) { matmul(zeros({int64_t{1} << 31, 0}), zeros({0, int64_t{1} << 31})); },
       "allocate", "at most 2^56"},
      {"a product into another shape",
       [](World& w) {
         const Array x = w.x.array();
         matmul_into(here({3, 3}), x, x, {.transpose_b = true});
       },
       "matmul", "the product has shape [2, 2], got memory of [3, 3]"},
      {"a product into a vector",
       [](World& w) {
         const Array x = w.x.array();
         matmul_into(here({4}), x, x, {.transpose_b = true});
       },
       "matmul", "the product has shape [2, 2]"},
      {"a product into another dtype",
       [](World& w) {
         const Array x = w.x.array();
         matmul_into(here({2, 2}, float64), x, x, {.transpose_b = true});
       },
       "matmul", "the product of float32 matrices is float32, got memory of float64"},
      {"a product into its factor",
       [](World&) {
         const Array square = here({2, 2});
         matmul_into(square, square, here({2, 2}));
       },
       "matmul", "memory of its own"},
      {"a product into a part of its factor",
       [](World&) {
         const Array all = here({4, 2});
         matmul_into(all.rows(1, 3), here({2, 4}), all);
       },
       "matmul", "memory of its own"},
      {"a product into none", [](World& w) { matmul_into({}, w.x.array(), w.x.array()); }, "matmul", "is undefined"},
      {"a product of none", [](World& w) { matmul_into(w.x.array(), {}, w.x.array()); }, "matmul", "is undefined"},
      {"a product of vectors", [](World& w) { matmul_into(here({1, 1}), w.leaf.array(), w.leaf.array()); }, "matmul",
       "expected a matrix, got shape"},
      {"converted into too little", [](World& w) { convert(w.x.array(), here({2, 2}, bfloat16)); }, "to",
       "shapes must be equal, got [2, 3] and [2, 2]"},
      {"a bfloat16 product into bfloat16",
       [](World& w) {
         const Array a = to(w.x.array(), bfloat16);
         matmul_into(here({2, 2}, bfloat16), a, a, {.transpose_b = true});
       },
       "matmul", "the product of bfloat16 matrices is float32, got memory of bfloat16"},
      {"a product of two dtypes",
       [](World& w) { matmul(w.x.array(), to(w.x.array(), bfloat16), {.transpose_b = true}); }, "matmul",
       "expected float32 or float64, got bfloat16"},
      {"an update of another copy",
       [](World& w) {
         update(formula::SGD{}, {.parameter = w.x.array(), .gradient = w.x.array(), .copy = here({2, 3})});
       },
       "sgd", "must be like it"},
      {"the sum over axis 2", [](World& w) { sum(w.x, 2); }, "sum", "axis must lie in [-2, 2)"},
      {"the sum over the lowest axis", [](World& w) { sum(w.x, least); }, "sum", "axis must lie in [-2, 2)"},
      {"the sum of integers", [](World& w) { sum(w.whole); }, "sum", "expected float32 or float64, got int32"},
      {"the sum over an axis of a number", [](World&) { sum(scalar(1), 0); }, "sum", "axis must lie in [0, 0)"},
      {"the mean of nothing", [](World& w) { mean(w.empty); }, "mean", "axis 0 of shape [0] is empty"},
      {"means over no rows", [](World& w) { mean(w.empty, 0); }, "mean", "axis 0 of shape [0, 3] is empty"},
      {"the mean of integers", [](World& w) { mean(w.whole); }, "sum", "expected float32 or float64"},
      {"the largest of none", [](World& w) { max(w.empty); }, "max", "axis 0 of shape [0] is empty"},
      {"the largest of no rows", [](World& w) { max(w.empty, 0); }, "max", "axis 0 of shape [0, 3] is empty"},
      {"the largest of integers", [](World& w) { max(w.whole); }, "max", "expected float32 or float64"},
      {"where the largest of none is", [](World& w) { argmax(w.empty, 0); }, "max", "axis 0 of shape [0, 3] is empty"},
      {"where along axis -3", [](World& w) { argmax(w.x, -3); }, "argmax", "axis must lie in [-2, 2)"},
      {"a softmax of integers", [](World& w) { softmax(w.whole); }, "softmax", "expected float32 or float64"},
      {"a softmax over no rows", [](World& w) { softmax(w.empty, 0); }, "max", "is empty"},
      {"a softmax of a number", [](World&) { softmax(scalar(1)); }, "softmax", "axis must lie in [0, 0)"},
      {"a log_softmax of pixels", [](World&) { log_softmax(zeros({2}, {.dtype = uint8})); }, "log_softmax",
       "expected float32 or float64"},
      {"a log_softmax over axis 7", [](World& w) { log_softmax(w.x, 7); }, "log_softmax", "axis must lie in [-2, 2)"},
      {"a weight of one axis", [](World& w) { dense(w.x, w.leaf); }, "dense", "expected weight [out, in], got [3]"},
      {"a weight of another width", [](World& w) { dense(w.x, zeros({5, 4})); }, "dense", "expected input [n, 4]"},
      {"a bias of another width", [](World& w) { dense(w.x, zeros({5, 3}), w.leaf); }, "dense", "expected bias [5]"},
      {"a bias of another dtype", [](World& w) { dense(w.x, zeros({3, 3}), w.leaf.detach().to(float64)); }, "dense",
       "dtypes must agree"},
      {"rows of no elements", [](World&) { dense(zeros({2, 0}), zeros({3, 0})); }, "dense", "at least one element"},
      {"an activation upside down", [](World& w) { dense(w.x, zeros({3, 3}), {}, Unary(formula::Clamp{1, 0})); },
       "clamp", "low must not exceed high"},
      {"the way back of another gradient",
       [](World& w) {
         const DenseResult forward = dense(w.x.array(), w.x.array(), {}, Unary(formula::ReLU{}));
         dense_gradient(Unary(formula::ReLU{}), forward, w.x.array(), {});
       },
       "dense", "the gradient must be of the result's shape [2, 2], got [2, 3]"},
      {"a bias's gradient of another width", [](World& w) { dense_gradient({}, {}, w.x.array(), w.x.array()); },
       "dense", "bias's gradient must be of shape [3]"},
      {"an update by another gradient",
       [](World& w) { update(formula::SGD{}, {.parameter = w.x.array(), .gradient = w.leaf.array()}); }, "sgd",
       "a gradient of shape [2, 3]"},
      {"an update with momentum alone",
       [](World& w) {
         const Array x = w.x.array();
         update(formula::SGD{.momentum = 0.9}, {.parameter = x, .gradient = x});
       },
       "sgd", "an argument is undefined"},
  });
}

// ---- Gradients ------------------------------------------------------------------------------------------------------

/// A recorded operation on a leaf whose way back is `backward`.
Tensor recorded(const World& world, Backward backward) {
  return record("mine", sum(world.leaf.detach()).array(), {world.leaf}, std::move(backward));
}

TEST(Hostile, Autograd) {
  expect_refused({
      {"backward from three numbers", [](World& w) { w.leaf.backward(); }, "backward", "only a scalar goes without"},
      {"backward from what wants none", [](World& w) { sum(w.x).backward(); }, "backward", "requires no gradient"},
      {"backward of a constant by a gradient", [](World& w) { w.x.backward(w.x); }, "backward", "requires no gradient"},
      {"backward without its gradient", [](World& w) { w.leaf.backward(none); }, "tensor", "used before it was given"},
      {"backward by another shape", [](World& w) { (w.leaf * 2).backward(w.x); }, "backward",
       "of its input's shape [3] float32"},
      {"backward by another dtype", [](World& w) { sum(w.leaf).backward(scalar(1, {.dtype = float64})); }, "backward",
       "got [] float64"},
      {"backward twice",
       [](World& w) {
         const Tensor y = sum(exp(w.leaf)), before = w.leaf.grad();
         y.backward();
         w.leaf.set_grad(before);
         y.backward();
       },
       "backward", "was freed by an earlier backward; pass {.retain_graph = true}"},
      {"backward through a part that is gone",
       [](World& w) {
         const Tensor part = exp(w.leaf);
         sum(part).backward();
         w.leaf.set_grad({});
         sum(part * 2).backward();
       },
       "backward", "the graph of 'exp' was freed"},
      {"an empty hook", [](World& w) { w.leaf.register_hook({}); }, "register_hook", "expected a function"},
      {"a hook on a constant", [](World& w) { w.x.register_hook([](const Tensor& g) { return g; }); }, "register_hook",
       "requires no gradient"},
      {"a hook that gives another shape",
       [](World& w) {
         const Tensor y = w.leaf * 2;
         Tensor(y).register_hook([](const Tensor&) { return zeros({4}); });
         sum(y).backward();
       },
       "hook", "of its input's shape [3] float32"},
      {"a hook that gives another dtype",
       [](World& w) {
         const Tensor y = w.leaf * 2;
         Tensor(y).register_hook([](const Tensor& g) { return g.to(float64); });
         sum(y).backward();
       },
       "hook", "got [3] float64"},
      {"a hook that goes back through its own graph",
       [](World& w) {
         const Tensor y = exp(w.leaf), z = sum(y);
         Tensor(y).register_hook([&](const Tensor&) {
           z.backward();
           return Tensor();
         });
         z.backward();
       },
       "backward", "was freed by an earlier backward"},
      {"recorded without a way back", [](World& w) { recorded(w, {}); }, "mine",
       "the backward function must not be empty"},
      {"recorded without a value", [](World& w) { record("mine", {}, {w.leaf}, [](const Array&, Gradients&) {}); },
       "array", "an undefined one"},
      {"recorded with an input of none",
       [](World& w) { record("mine", w.x.array(), {none}, [](const Array&, Gradients&) {}); }, "tensor", "used before"},
      {"recorded integers",
       [](World& w) { record("mine", w.whole.array(), {w.leaf}, [](const Array&, Gradients&) {}); }, "mine",
       "only float32 and float64 have gradients, got a result of int32"},
      {"a way back to another shape",
       [](World& w) { recorded(w, [](const Array& g, Gradients& inputs) { inputs[0] = g; }).backward(); }, "mine",
       "of its input's shape [3] float32"},
      {"a way back to another dtype",
       [](World& w) {
         recorded(w, [](const Array&, Gradients& inputs) {
           inputs[0] = zeros({3}, {.dtype = float64}).array();
         }).backward();
       },
       "mine", "got [3] float64"},
      {"a slot behind the last",
       [](World& w) { recorded(w, [](const Array& g, Gradients& inputs) { inputs[1] = g; }).backward(); }, "backward",
       "expected an input in [0, 1), got 1"},
      {"a slot before the first",
       [](World& w) { recorded(w, [](const Array& g, Gradients& inputs) { inputs[-1] = g; }).backward(); }, "backward",
       "expected an input in [0, 1), got -1"},
      {"a wish of a far input",
       [](World& w) { recorded(w, [](const Array&, Gradients& inputs) { inputs.wants(most); }).backward(); },
       "backward", "expected an input in [0, 1)"},
      {"memory of an input behind the last",
       [](World& w) { recorded(w, [](const Array&, Gradients& inputs) { inputs.write(1); }).backward(); }, "backward",
       "expected an input in [0, 1), got 1"},
      {"memory of an input that wants nothing",
       [](World& w) {
         record("mine", w.leaf.array(), {w.leaf, w.x}, [](const Array&, Gradients& inputs) {
           inputs.write(1);
         }).backward(w.leaf.detach());
       },
       "backward", "input 1 wants no gradient"},
  });
}

TEST(Hostile, Gradcheck) {
  const auto squares = [](const std::vector<Tensor>& x) { return square(x[0]); };
  const auto variable = [](World& w) { return std::vector{w.wide.detach().set_requires_grad()}; };
  expect_refused({
      {"no function", [=](World& w) { gradcheck({}, variable(w)); }, "gradcheck", "expected a function"},
      {"no inputs", [=](World&) { gradcheck(squares, {}); }, "gradcheck", "no input requires a gradient"},
      {"inputs that want nothing", [=](World& w) { gradcheck(squares, {w.wide}); }, "gradcheck", "no input requires"},
      {"inputs of float32", [=](World& w) { gradcheck(squares, {w.leaf}); }, "gradcheck", "must be float64"},
      {"an input of none", [=](World&) { gradcheck(squares, {none}); }, "tensor", "used before it was given a value"},
      {"steps of 0", [=](World& w) { gradcheck(squares, variable(w), {.step = 0, .kinks = {}}); }, "gradcheck",
       "step must be positive"},
      {"steps of NaN", [=](World& w) { gradcheck(squares, variable(w), {.step = nan, .kinks = {}}); }, "gradcheck",
       "step must be"},
      {"steps of infinity", [=](World& w) { gradcheck(squares, variable(w), {.step = infinity, .kinks = {}}); },
       "gradcheck", "positive and finite"},
      {"a tolerance of NaN", [=](World& w) { gradcheck(squares, variable(w), {.tolerance = nan, .kinks = {}}); },
       "gradcheck", "tolerance must be"},
      {"a function of nothing",
       [=](World& w) { gradcheck([](const std::vector<Tensor>&) { return Tensor(); }, variable(w)); }, "tensor",
       "used before it was given a value"},
      {"a function that records nothing",
       [=](World& w) { gradcheck([](const std::vector<Tensor>& x) { return x[0].detach(); }, variable(w)); },
       "gradcheck", "the result requires no gradient"},
      {"a way back that is wrong",
       [=](World& w) {
         gradcheck(
             [](const std::vector<Tensor>& x) {
               return record("mine", square(x[0].detach()).array(), {x[0]},
                             [](const Array& g, Gradients& inputs) { inputs[0] = g; });
             },
             variable(w));
       },
       "gradcheck", "backward gives"},
  });
}

// ---- Captured steps, settings ---------------------------------------------------------------------------------------

/// Runs a step until it is captured. One that cannot be runs eagerly, and the Error why is kept: here it is thrown.
template <class F>
void captured(F step, const Tensor& x) {
  auto all = capture(step, {.warmup = 1});
  for (int i = 0; i < 3; ++i) all(x);
  if (!all.eager_reason().empty()) throw Error(all.eager_reason());
}

TEST(Hostile, Capture) {
  const auto same = [](const Tensor& x) { return x * 1; };
  using Function = std::function<Tensor(const Tensor&)>;
  expect_refused({
      {"no warm-up", [=](World&) { capture(same, {.warmup = 0}); }, "capture", "warmup must be at least 1, got 0"},
      {"the lowest warm-up", [=](World&) { capture(same, {.warmup = least}); }, "capture", "warmup must be at least 1"},
      {"an empty function", [](World&) { capture(Function()); }, "capture", "the step must be a function"},
      {"a null pointer", [](World&) { capture(static_cast<Tensor (*)(const Tensor&)>(nullptr)); }, "capture",
       "the step must be a function"},
      {"an input of none", [=](World&) { captured(same, none); }, "tensor", "used before it was given a value"},
      {"an input that wants a gradient", [=](World& w) { captured(same, w.leaf); }, "capture", "must not require a"},
      {"a result of none", [](World& w) { captured([](const Tensor&) { return Tensor(); }, w.x); }, "tensor",
       "used before"},
      {"a value read in the step", [](World& w) { captured([](const Tensor& x) { return x * sum(x).item(); }, w.x); },
       "item", "captured step"},
      {"values read in the step",
       [](World& w) { captured([](const Tensor& x) { return x * x.to_vector<float>()[0]; }, w.x); }, "to_vector",
       "cannot be part of a captured step"},
      {"a precision set in the step",
       [](World& w) {
         captured(
             [](const Tensor& x) {
               if (capturing()) set_precision(x.device(), Precision::float32);
               return x * 2;
             },
             w.x);
       },
       "set_precision", "cannot be part of a captured step"},
      {"a rate set in the step",
       [](World& w) {
         captured(
             [&](const Tensor& x) {
               w.sgd.set_learning_rate(0.1);
               return x * 2;
             },
             w.x);
       },
       "sgd", "setting options cannot be part of a captured step"},
      {"a generator made in the step",
       [](World& w) {
         captured(
             [](const Tensor& x) {
               Generator generator(1);
               return dropout(x, 0.5, generator);
             },
             w.x);
       },
       "generator", "keep it outside"},
      {"an error of the step's own when it is captured",
       [](World& w) { captured([](const Tensor& x) { return capturing() ? matmul(x, x) : x * 2; }, w.x); }, "matmul",
       "inner sizes must agree"},
      {"a step of no inputs", [](World&) { StepCache({}).run({}, [](std::span<const Tensor>) { return Tensor(); }); },
       "capture", "takes at least one tensor"},
      {"no step",
       [](World& w) {
         const Tensor inputs[] = {w.x};
         StepCache({}).run(inputs, {});
       },
       "capture", "the step must be a function"},
  });
}

TEST(Hostile, Random) {
  expect_refused({
      {"an order of -1", [](World&) { random_permutation(-1); }, "random_permutation", "n must fit 31 bits, got -1"},
      {"an order of 2^31", [](World&) { random_permutation(int64_t{1} << 31); }, "random_permutation", "fit 31 bits"},
      {"the longest order", [](World&) { random_permutation(farthest); }, "random_permutation", "n must fit 31 bits"},
      {"everything dropped", [](World& w) { dropout(w.x, 1); }, "dropout", "p must lie in [0, 1), got 1"},
      {"less than nothing dropped", [](World& w) { dropout(w.x, -0.1); }, "dropout", "p must lie in [0, 1)"},
      {"NaN dropped", [](World& w) { dropout(w.x, nan); }, "dropout", "p must lie in [0, 1), got nan"},
      {"integers dropped", [](World& w) { dropout(w.whole, 0.5); }, "dropout", "expected float32 or float64"},
      {"none dropped", [](World&) { dropout(none, 0.5); }, "tensor", "used before it was given a value"},
      {"all of a SELU dropped", [](World& w) { alpha_dropout(w.x, 1); }, "alpha_dropout", "p must lie in [0, 1)"},
      {"integers of a SELU dropped", [](World& w) { alpha_dropout(w.whole, 0.1); }, "alpha_dropout",
       "expected float32"},
      {"a mask that keeps nothing", [](World&) { dropout_mask({2}, 0, {1, 2}, float32, {}); }, "dropout_mask",
       "keep must lie in (0, 1]"},
      {"a mask that keeps NaN", [](World&) { dropout_mask({2}, nan, {1, 2}, float32, {}); }, "dropout_mask",
       "keep must lie in (0, 1]"},
      {"slopes upside down", [](World& w) { rrelu(w.x, 0.5, 0.25); }, "rrelu", "0 <= lower <= upper < 1"},
      {"slopes of integers", [](World& w) { rrelu(w.whole); }, "rrelu", "expected float32 or float64"},
  });
}

TEST(Hostile, Settings) {
  expect_refused({
      {"an unknown precision", [](World&) { set_precision(Device::cpu(), static_cast<Precision>(99)); },
       "set_precision", "got number 99"},
      {"tf32 on the CPU", [](World&) { set_precision(Device::cpu(), Precision::tf32); }, "set_precision",
       "CUDA devices"},
      {"a precision of nowhere", [](World&) { set_precision(nowhere, Precision::float32); }, "device", "CUDA"},
      {"the precision of nowhere", [](World&) { precision(nowhere); }, "device", "CUDA"},
      {"nowhere by default", [](World&) { set_default_device(nowhere); }, "device", "CUDA"},
      {"a device before the first by default", [](World&) { set_default_device({Device::Kind::cuda, least}); },
       "device", "CUDA"},
      {"a second CPU by default", [](World&) { set_default_device({Device::Kind::cpu, 1}); }, "device",
       "the CPU is device 0"},
      {"CUDA device 1000", [](World&) { Device::cuda(1000); }, "device", "CUDA"},
      {"CUDA device -1", [](World&) { Device::cuda(-1); }, "device", "CUDA"},
      {"a device without a name", [](World&) { Device::parse(""); }, "device",
       "expected cpu, cuda, cuda:N or auto, got ''"},
      {"a device of another maker", [](World&) { Device::parse("tpu"); }, "device", "got 'tpu'"},
      {"a device with more behind", [](World&) { Device::parse("cuda:0 "); }, "device", "got 'cuda:0 '"},
      {"a device of a long name", [](World&) { Device::parse(std::string(100000, 'c')); }, "device", "expected cpu"},
      {"a device with a null in it", [](World&) { Device::parse(std::string("cpu\0x", 5)); }, "device", "expected cpu"},
      {"no threads", [](World&) { set_num_threads(0); }, "set_num_threads", "expected 1 to 1024, got 0"},
      {"the fewest threads", [](World&) { set_num_threads(least); }, "set_num_threads", "expected 1 to 1024"},
      {"1025 threads", [](World&) { set_num_threads(1025); }, "set_num_threads", "expected 1 to 1024"},
      {"a loop without a grain", [](World&) { parallel_for(8, 0, [](int64_t, int64_t) {}); }, "parallel_for",
       "grain >= 1, got 8 and 0"},
      {"a loop with a grain below 0", [](World&) { parallel_for(8, lowest, [](int64_t, int64_t) {}); }, "parallel_for",
       "grain >= 1"},
      {"a loop over -1", [](World&) { parallel_for(-1, 1, [](int64_t, int64_t) {}); }, "parallel_for", "n >= 0"},
      {"a loop over floats as integers",
       [](World&) {
         const Array x({2});
         parallel_for(2, 1, [](int32_t*, int64_t, int64_t) {}, part<int32_t>(x));
       },
       "data", "expected int32, got float32"},
  });
}

// ---- What looks hostile and is allowed ------------------------------------------------------------------------------

TEST(Hostile, WhatOverlapsAltogetherIsItself) {
  const Tensor x = tensor({1, 2, 3}, {.requires_grad = true});
  sum(x * x).backward();
  Tensor(x).set_grad(x.grad());
  copy(x.array(), x.array());
  add_to(x.array(), x.array());
  EXPECT_EQ(x.to_vector<float>(), (std::vector<float>{2, 4, 6}));
  EXPECT_EQ(x.grad().to_vector<float>(), (std::vector<float>{2, 4, 6}));
}

/// Their loops would take for ever to do nothing.
TEST(Hostile, HugeAxesOfArraysWithoutElementsCostNothing) {
  const Tensor x = zeros({huge, 3, 0}, {.requires_grad = true});
  sum(max(x, 1)).backward();
  EXPECT_EQ(x.grad().shape(), x.shape());
  EXPECT_EQ(sum(max(zeros({0, huge, 3}), 2)).item(), 0);
  EXPECT_EQ(transpose(zeros({0, huge})).shape(), (Shape{huge, 0}));
  EXPECT_EQ(concat({x, x}, 1).shape(), (Shape{huge, 6, 0}));
  EXPECT_EQ(softmax(x, 1).shape(), x.shape());
  EXPECT_EQ((x.detach() + zeros({3, 1})).shape(), x.shape());
  EXPECT_EQ(where(x.detach() > 0, x.detach(), zeros({3, 1})).shape(), x.shape());
  EXPECT_EQ(sum(x.detach(), 1).shape(), (Shape{huge, 0}));
  EXPECT_EQ(gather(x.detach(), zeros({2}, {.dtype = int32})).shape(), (Shape{2, 3, 0}));
  EXPECT_EQ(narrow(x.array(), 1, 1, 2).shape(), (Shape{huge, 1, 0}));
  EXPECT_EQ(sum_to(x.array(), {1, 3, 0}).shape(), (Shape{1, 3, 0}));
  EXPECT_EQ(broadcast_to(zeros({3, 0}).array(), {huge, 3, 0}).numel(), 0);
}

}  // namespace
}  // namespace ramp::hostile

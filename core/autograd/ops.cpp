#include "ramp/core/autograd/ops.h"

#include "ramp/core/autograd/create.h"
#include "ramp/core/formulas/saturate_cast.h"

namespace ramp {

Tensor map(const Unary& f, const Tensor& x) {
  Array input = x.array(), y = map(f, input);
  return record(name(f), y, {x}, {input, y},
                [f, input, y](const Array& g, Gradients& inputs) { inputs[0] = map_gradient(f, input, y, g); });
}

Tensor map(const Binary& f, const Tensor& a, const Tensor& b) {
  Array x = a.array(), y = b.array();
  const auto backward = [f, x, y](const Array& g, Gradients& inputs) {
    for (int i = 0; i < 2; ++i)
      if (inputs.wants(i)) inputs[i] = map_gradient(f, i, x, y, g);
  };
  // What a derivative that is wanted does not depend on may be overwritten.
  if (std::holds_alternative<formula::Add>(f) || std::holds_alternative<formula::Subtract>(f))
    return record(name(f), map(f, x, y), {a, b}, {}, backward);
  if (std::holds_alternative<formula::Multiply>(f))
    return record(name(f), map(f, x, y), {a, b}, {needed(b, x), needed(a, y)}, backward);
  return record(name(f), map(f, x, y), {a, b}, {x, y}, backward);
}

namespace {

Tensor scalar_like(const Tensor& x, double value) { return scalar(value, {.dtype = x.dtype(), .device = x.device()}); }

Tensor compared(Compare relation, const Tensor& a, const Tensor& b) {
  return Tensor(compare(relation, a.array(), b.array()));
}

/// A number that an integer dtype does not hold is compared in float64, which holds every element too.
Tensor compared(Compare relation, const Tensor& a, double b) {
  const bool held = is_floating(a.dtype()) ||
                    visit(a.dtype(), [b](auto t) { return static_cast<double>(saturate_cast<decltype(t)>(b)) == b; });
  const Tensor x = held ? a : a.to(float64);
  return compared(relation, x, scalar_like(x, b));
}

}  // namespace

Tensor operator+(const Tensor& a, double b) { return a + scalar_like(a, b); }
Tensor operator-(const Tensor& a, double b) { return a - scalar_like(a, b); }
Tensor operator*(const Tensor& a, double b) { return a * scalar_like(a, b); }
Tensor operator/(const Tensor& a, double b) { return a / scalar_like(a, b); }
Tensor operator+(double a, const Tensor& b) { return scalar_like(b, a) + b; }
Tensor operator-(double a, const Tensor& b) { return scalar_like(b, a) - b; }
Tensor operator*(double a, const Tensor& b) { return scalar_like(b, a) * b; }
Tensor operator/(double a, const Tensor& b) { return scalar_like(b, a) / b; }

Tensor operator<(const Tensor& a, const Tensor& b) { return compared(Compare::less, a, b); }
Tensor operator<=(const Tensor& a, const Tensor& b) { return compared(Compare::less_equal, a, b); }
Tensor operator>(const Tensor& a, const Tensor& b) { return compared(Compare::greater, a, b); }
Tensor operator>=(const Tensor& a, const Tensor& b) { return compared(Compare::greater_equal, a, b); }
Tensor operator==(const Tensor& a, const Tensor& b) { return compared(Compare::equal, a, b); }
Tensor operator!=(const Tensor& a, const Tensor& b) { return compared(Compare::not_equal, a, b); }
Tensor operator<(const Tensor& a, double b) { return compared(Compare::less, a, b); }
Tensor operator<=(const Tensor& a, double b) { return compared(Compare::less_equal, a, b); }
Tensor operator>(const Tensor& a, double b) { return compared(Compare::greater, a, b); }
Tensor operator>=(const Tensor& a, double b) { return compared(Compare::greater_equal, a, b); }
Tensor operator==(const Tensor& a, double b) { return compared(Compare::equal, a, b); }
Tensor operator!=(const Tensor& a, double b) { return compared(Compare::not_equal, a, b); }

Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  Array pick = condition.array(), x = a.array(), y = b.array();
  return record("where", where(pick, x, y), {a, b}, {pick}, [=](const Array& g, Gradients& inputs) {
    const Array zero = full_array({}, 0, g.dtype(), g.device());
    if (inputs.wants(0)) inputs[0] = sum_to(where(pick, g, zero), x.shape());
    if (inputs.wants(1)) inputs[1] = sum_to(where(pick, zero, g), y.shape());
  });
}

// ---- Movement -------------------------------------------------------------------------------------------------------

Tensor reshape(const Tensor& x, const std::vector<int64_t>& sizes) {
  return record("reshape", x.array().reshape(sizes), {x}, {},
                [shape = x.shape()](const Array& g, Gradients& inputs) { inputs[0] = g.view(shape); });
}

Tensor flatten(const Tensor& x) {
  if (x.rank() == 0) fail("flatten", "expected a batch axis, got a scalar");
  return x.rank() == 2 ? x : reshape(x, {x.size(0), around(0, x.shape()).inner});
}

Tensor transpose(const Tensor& x) {
  return record("transpose", transpose(x.array()), {x}, {},
                [](const Array& g, Gradients& inputs) { inputs[0] = transpose(g); });
}

Tensor rows(const Tensor& x, int64_t begin, int64_t end) {
  return record("rows", x.array().rows(begin, end), {x}, {}, [=, shape = x.shape()](const Array& g, Gradients& inputs) {
    Array whole = full_array(shape, 0, g.dtype(), g.device());
    copy(g, whole.rows(begin, end));
    inputs[0] = whole;
  });
}

Tensor gather(const Tensor& x, const Tensor& indices) {
  Array index = indices.array();
  return record(
      "gather", gather(x.array(), index), {x}, {index},
      [index, shape = x.shape()](const Array& g, Gradients& inputs) { inputs[0] = scatter_add(g, index, shape[0]); });
}

Tensor concat(std::span<const Tensor> parts, int axis) {
  std::vector<Array> arrays;
  for (const Tensor& part : parts) arrays.push_back(part.array());
  Array value = concat(arrays, axis);
  std::vector<int64_t> sizes;
  for (const Tensor& part : parts) sizes.push_back(part.size(axis));
  return record("concat", value, parts, {}, [axis, sizes](const Array& g, Gradients& inputs) {
    int64_t begin = 0;
    for (int i = 0; i < static_cast<int>(sizes.size()); ++i) {
      const int64_t end = begin + sizes[static_cast<size_t>(i)];
      if (inputs.wants(i)) inputs[i] = narrow(g, axis, begin, end);
      begin = end;
    }
  });
}

Tensor concat(std::initializer_list<Tensor> parts, int axis) {
  return concat(std::span(parts.begin(), parts.size()), axis);
}

// ---- Products and reductions ----------------------------------------------------------------------------------------

Tensor matmul(const Tensor& a, const Tensor& b) {
  const Array &x = a.array(), &y = b.array();
  return record("matmul", matmul(x, y), {a, b}, {needed(b, x), needed(a, y)},
                [x, y](const Array& g, Gradients& inputs) {
                  if (inputs.wants(0)) matmul_into(inputs.write(0), g, y, {.transpose_b = true});
                  if (inputs.wants(1)) matmul_into(inputs.write(1), x, g, {.transpose_a = true});
                });
}

namespace {

/// All elements as one axis: what the functions over a whole tensor reduce.
Tensor flat(const Tensor& x) { return reshape(x, {x.numel()}); }

/// A result whose reduced axis is 1, with that axis kept or dropped.
Array shaped(const Array& x, int axis, bool keep) { return keep ? x : x.view(x.shape().without(axis)); }

/// The sum over an axis that is known to exist.
Tensor sum_over(const Tensor& x, int axis, bool keep) {
  const Shape shape = x.shape();
  return record("sum", shaped(sum(x.array(), axis), axis, keep), {x}, {},
                [axis, shape](const Array& g, Gradients& inputs) {
                  inputs[0] = broadcast_to(g.view(shape.with(axis, 1)), shape);
                });
}

}  // namespace

Tensor sum(const Tensor& x, int axis, bool keep) { return sum_over(x, normalize_axis("sum", axis, x.shape()), keep); }
Tensor sum(const Tensor& x) { return sum(flat(x), 0); }

Tensor mean(const Tensor& x, int axis, bool keep) {
  axis = normalize_axis("mean", axis, x.shape());
  const int64_t n = x.shape()[axis];
  if (n == 0) fail("mean", "axis ", axis, " of shape ", x.shape(), " is empty");
  return sum_over(x, axis, keep) * (1.0 / static_cast<double>(n));
}
Tensor mean(const Tensor& x) { return mean(flat(x), 0); }

Tensor max(const Tensor& x, int axis, bool keep) {
  axis = normalize_axis("max", axis, x.shape());
  check_floating("max", {&x.array()});
  const MaxResult result = max(x.array(), axis);
  return record("max", shaped(result.values, axis, keep), {x}, {result.indices},
                [axis, shape = x.shape(), index = result.indices](const Array& g, Gradients& inputs) {
                  inputs[0] = scatter_axis(g.view(index.shape()), index, axis, shape[axis]);
                });
}
Tensor max(const Tensor& x) { return max(flat(x), 0); }

Tensor argmax(const Tensor& x, int axis, bool keep) {
  axis = normalize_axis("argmax", axis, x.shape());
  return Tensor(shaped(max(x.array(), axis).indices, axis, keep));
}
Tensor argmax(const Tensor& x) { return argmax(Tensor(x.array().view(Shape{x.numel()})), 0); }

Tensor softmax(const Tensor& x, int axis) {
  axis = normalize_axis("softmax", axis, x.shape());
  Array y = softmax(x.array(), axis);
  return record("softmax", y, {x}, {y},
                [y, axis](const Array& g, Gradients& inputs) { inputs[0] = y * (g - sum(y * g, axis)); });
}

Tensor log_softmax(const Tensor& x, int axis) {
  axis = normalize_axis("log_softmax", axis, x.shape());
  Array y = log_softmax(x.array(), axis);
  return record("log_softmax", y, {x}, {y}, [y, axis](const Array& g, Gradients& inputs) {
    inputs[0] = g - map(Unary(formula::Exp{}), y) * sum(g, axis);
  });
}

Tensor Tensor::to(Device device) const {
  if (device == this->device()) return *this;
  return record("to", ramp::to(array(), device), {*this}, {},
                [back = this->device()](const Array& g, Gradients& inputs) { inputs[0] = ramp::to(g, back); });
}

Tensor Tensor::to(DType dtype) const {
  if (dtype == this->dtype()) return *this;
  Array value = ramp::to(array(), dtype);
  if (!is_floating(dtype)) return Tensor(std::move(value));
  return record("to", std::move(value), {*this}, {},
                [back = this->dtype()](const Array& g, Gradients& inputs) { inputs[0] = ramp::to(g, back); });
}

}  // namespace ramp

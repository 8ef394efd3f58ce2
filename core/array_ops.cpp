#include "ramp/core/array_ops.h"

#include <limits>

#include "ramp/core/backend.h"
#include "ramp/core/precision.h"
#include "ramp/core/trace.h"

namespace ramp {

void check_devices(const char* op, std::initializer_list<const Array*> arrays) {
  const Storage* first = (*arrays.begin())->storage().get();
  for (const Array* x : arrays) {
    const Storage* storage = x->storage().get();
    if (!storage) fail(op, "an argument is undefined");
    if (storage->device() != first->device())
      fail(op, "arguments must be on one device, got ", first->device(), " and ", storage->device());
  }
}

void check_floating(const char* op, std::initializer_list<const Array*> arrays) {
  check_devices(op, arrays);
  for (const Array* x : arrays) {
    const Array& first = **arrays.begin();
    if (!is_floating(x->dtype())) fail(op, "expected float32 or float64, got ", x->dtype(), "; convert it with to()");
    if (x->dtype() != first.dtype()) fail(op, "dtypes must agree, got ", first.dtype(), " and ", x->dtype());
  }
}

namespace {

Array like(const Array& x, const Shape& shape) { return Array(shape, x.dtype(), x.device()); }
Array like(const Array& x) { return like(x, x.shape()); }

void check_matrix(const char* op, const Array& x) {
  if (x.rank() != 2) fail(op, "expected a matrix, got shape ", x.shape());
}

void check_indices(const char* op, const Array& indices) {
  if (indices.dtype() != int32 || indices.rank() != 1)
    fail(op, "indices must be int32 of shape [k], got ", indices.dtype(), ' ', indices.shape());
}

void check(const Unary& f) {
  std::visit(
      [](const auto& f) {
        if constexpr (requires { f.check(); }) f.check();
      },
      f);
}

}  // namespace

Array full_array(const Shape& shape, double value, DType dtype, Device device) {
  Array x(shape, dtype, device);
  fill(x, value);
  return x;
}

void fill(const Array& x, double value) {
  if (x.numel() == 0) return;
  on(x.device(), [&](auto b) { b.fill(x, value); });
  x.note_write("fill()");
}

// ---- Elementwise ----------------------------------------------------------------------------------------------------

Array map(const Unary& f, const Array& x) {
  check_floating(name(f), {&x});
  check(f);
  Array y = like(x);
  on(x.device(), [&](auto b) { b.map(f, x, y); });
  return y;
}

Array map_gradient(const Unary& f, const Array& x, const Array& y, const Array& gradient) {
  check_floating(name(f), {&x, &y, &gradient});
  if (y.shape() != x.shape() || gradient.shape() != x.shape())
    fail(name(f), "x, y and the gradient must be of one shape, got ", x.shape(), ", ", y.shape(), " and ",
         gradient.shape());
  Array out = like(x);
  on(x.device(), [&](auto b) { b.map_gradient(f, x, y, gradient, out); });
  return out;
}

Array map(const Binary& f, const Array& a, const Array& b) {
  check_floating(name(f), {&a, &b});
  Array y = like(a, broadcast(name(f), a.shape(), b.shape()));
  on(a.device(), [&](auto backend) { backend.map(f, a, b, y); });
  return y;
}

Array map_gradient(const Binary& f, int argument, const Array& a, const Array& b, const Array& gradient) {
  check_floating(name(f), {&a, &b, &gradient});
  if (argument != 0 && argument != 1) fail(name(f), "argument must be 0 or 1, got ", argument);
  if (const Shape shape = a.shape() == b.shape() ? a.shape() : broadcast(name(f), a.shape(), b.shape());
      gradient.shape() != shape)
    fail(name(f), "the gradient must be of the result's shape ", shape, ", got ", gradient.shape());
  Array out = like(gradient);
  on(a.device(), [&](auto backend) { backend.map_gradient(f, argument, a, b, gradient, out); });
  return sum_to(out, argument == 0 ? a.shape() : b.shape());
}

void add_to(const Array& a, const Array& b) {
  check_floating("add", {&a, &b});
  if (broadcast("add", a.shape(), b.shape()) != a.shape())
    fail("add", "shape ", b.shape(), " does not broadcast to ", a.shape());
  if (overlap(a, b) && (a.shape() != b.shape() || a.address<const void>() != b.address<const void>()))
    fail("add", "what is added must be apart from ", a.shape(), " or the same, got ", b.shape(),
         " that overlaps it in part");
  on(a.device(), [&](auto backend) { backend.map(Binary(formula::Add{}), a, b, a); });
  a.note_write("add_to()");
}

Array operator*(const Array& a, double b) { return a * full_array({}, b, a.dtype(), a.device()); }

Array compare(Compare relation, const Array& a, const Array& b) {
  check_devices("compare", {&a, &b});
  if (a.dtype() != b.dtype()) fail("compare", "dtypes must agree, got ", a.dtype(), " and ", b.dtype());
  const Shape shape = broadcast("compare", a.shape(), b.shape());
  Array out(shape, uint8, a.device());
  on(a.device(), [&](auto backend) { backend.compare(relation, broadcast_to(a, shape), broadcast_to(b, shape), out); });
  return out;
}

Array where(const Array& condition, const Array& a, const Array& b) {
  check_devices("where", {&condition, &a, &b});
  if (condition.dtype() != uint8) fail("where", "the condition must be uint8, got ", condition.dtype());
  if (a.dtype() != b.dtype()) fail("where", "dtypes must agree, got ", a.dtype(), " and ", b.dtype());
  const Shape shape = broadcast("where", condition.shape(), broadcast("where", a.shape(), b.shape()));
  Array out = like(a, shape);
  on(a.device(), [&](auto backend) {
    backend.where(broadcast_to(condition, shape), broadcast_to(a, shape), broadcast_to(b, shape), out);
  });
  return out;
}

void require_range(const RangeRule& rule, const Array& x) {
  check_devices(rule.op, {&x});
  if (x.numel() > 0) on(x.device(), [&](auto b) { b.require_range(rule, x); });
}

Array broadcast_to(const Array& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  if (broadcast("broadcast_to", x.shape(), shape) != shape)
    fail("broadcast_to", "shape ", x.shape(), " does not broadcast to ", shape);
  Array out = like(x, shape);
  on(x.device(), [&](auto b) { b.broadcast(x, out); });
  return out;
}

Array sum_to(const Array& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  if (broadcast("sum_to", x.shape(), shape) != x.shape())
    fail("sum_to", "shape ", shape, " does not broadcast to ", x.shape());
  Array out = x;
  const int added = x.rank() - shape.rank();
  for (int axis = 0; axis < x.rank(); ++axis)
    if ((axis < added || shape[axis - added] == 1) && out.shape()[axis] != 1) out = sum(out, axis);
  return out.view(shape);
}

// ---- Movement -------------------------------------------------------------------------------------------------------

Array transpose(const Array& x) {
  check_devices("transpose", {&x});
  check_matrix("transpose", x);
  Array out = like(x, {x.shape()[1], x.shape()[0]});
  on(x.device(), [&](auto b) { b.transpose(x, out); });
  return out;
}

Array gather(const Array& x, const Array& indices) {
  check_devices("gather", {&x, &indices});
  check_indices("gather", indices);
  if (x.rank() == 0) fail("gather", "expected at least one axis, got a scalar");
  Array out = like(x, x.shape().with(0, indices.numel()));
  on(x.device(), [&](auto b) { b.gather(x, indices, out); });
  return out;
}

BatchArrays load_batch(const Array& images, const Array& labels, const Array& rows, double mean, double stddev) {
  check_devices("load_batch", {&images, &labels, &rows});
  if (images.rank() != 2 || (images.dtype() != uint8 && images.dtype() != float32))
    fail("load_batch", "expected uint8 or float32 images [n, features], got ", images.dtype(), ' ', images.shape());
  if (labels.dtype() != int32 || labels.shape() != Shape{images.shape()[0]})
    fail("load_batch", "expected int32 labels ", Shape{images.shape()[0]}, ", got ", labels.dtype(), ' ',
         labels.shape());
  if (rows.rank() != 1 || rows.dtype() != int32)
    fail("load_batch", "expected int32 rows [b], got ", rows.dtype(), ' ', rows.shape());
  BatchArrays batch{Array({rows.numel(), images.shape()[1]}, float32, images.device()),
                    Array(rows.shape(), int32, images.device())};
  if (rows.numel() > 0)
    on(images.device(), [&](auto b) { b.load_batch(images, labels, rows, mean, stddev, batch.images, batch.labels); });
  return batch;
}

Array scatter_add(const Array& x, const Array& indices, int64_t n) {
  check_floating("scatter_add", {&x});
  check_devices("scatter_add", {&x, &indices});
  check_indices("scatter_add", indices);
  if (x.rank() == 0 || x.shape()[0] != indices.numel())
    fail("scatter_add", "expected x [", indices.numel(), ", ...], a row for each index, got ", x.shape());
  Array out = like(x, x.shape().with(0, n));
  on(x.device(), [&](auto b) { b.scatter_add(x, indices, out); });
  return out;
}

Array concat(std::span<const Array> parts, int axis) {
  if (parts.empty()) fail("concat", "expected at least one tensor");
  const Array& first = parts[0];
  check_devices("concat", {&first});
  axis = normalize_axis("concat", axis, first.shape());
  int64_t total = 0;
  for (const Array& part : parts) {
    check_devices("concat", {&first, &part});
    if (part.dtype() != first.dtype()) fail("concat", "dtypes must agree, got ", first.dtype(), " and ", part.dtype());
    if (part.rank() != first.rank() || part.shape().with(axis, 0) != first.shape().with(axis, 0))
      fail("concat", "shapes must agree but for axis ", axis, ", got ", first.shape(), " and ", part.shape());
    if (__builtin_add_overflow(total, part.shape()[axis], &total))
      fail("concat", "the sizes of axis ", axis, " add up to more than 63 bits");
  }
  Array out = like(first, first.shape().with(axis, total));
  if (out.numel() == 0) return out;
  const auto [outer, n, inner] = around(axis, out.shape());
  int64_t offset = 0;
  for (const Array& part : parts) {
    const int64_t size = part.shape()[axis] * inner;
    if (size > 0)
      on(first.device(), [&, n = n, inner = inner, outer = outer](auto b) {
        b.copy_blocks(
            part, out,
            {.blocks = outer, .size = size, .from_stride = size, .to_stride = n * inner, .to_offset = offset});
      });
    offset += size;
  }
  return out;
}

Array narrow(const Array& x, int axis, int64_t begin, int64_t end) {
  check_devices("narrow", {&x});
  axis = normalize_axis("narrow", axis, x.shape());
  if (begin < 0 || begin > end || end > x.shape()[axis])
    fail("narrow", "expected 0 <= begin <= end <= ", x.shape()[axis], ", got ", begin, " and ", end);
  Array out = like(x, x.shape().with(axis, end - begin));
  if (out.numel() == 0) return out;
  const auto [outer, n, inner] = around(axis, x.shape());
  const int64_t size = (end - begin) * inner;
  on(x.device(), [&, n = n, inner = inner, outer = outer](auto b) {
    b.copy_blocks(
        x, out,
        {.blocks = outer, .size = size, .from_stride = n * inner, .to_stride = size, .from_offset = begin * inner});
  });
  return out;
}

// ---- Products and reductions ----------------------------------------------------------------------------------------

bool rounds(const Array& x) { return x.dtype() == float32 && precision(x.device()) == Precision::bf16; }

void round_to_bfloat16(const Array& x, const Array& out) {
  check_devices("round_to_bfloat16", {&x, &out});
  if (x.dtype() != float32 || out.dtype() != uint8 || out.bytes() != 2 * x.numel())
    fail("round_to_bfloat16", "expected float32 into two uint8 for each, got ", x.dtype(), ' ', x.shape(), " and ",
         out.dtype(), ' ', out.shape());
  on(x.device(), [&](auto b) { b.round_to_bfloat16(x, out); });
}

Array operand(const Array& x) {
  if (!rounds(x)) return x;
  Array out = x.rounded();
  if (out.defined()) {
    if (Trace* trace = tracing()) trace->rely_on_rounded(x);
  } else {
    out = Array({x.shape()[0], x.shape()[1], 2}, uint8, x.device());
    round_to_bfloat16(x, out);
  }
  return out;
}

namespace {

/// A factor as matmul_into() takes it: a matrix of the product's dtype, or one that operand() has rounded.
void check_operand(const Array& x, const Array& out) {
  const bool rounded = x.rank() == 3 && x.dtype() == uint8 && x.shape()[2] == 2 && out.dtype() == float32;
  if (!rounded && (x.rank() != 2 || x.dtype() != out.dtype() || !is_floating(x.dtype())))
    fail("matmul", "expected matrices of the product's dtype ", out.dtype(), ", got ", x.dtype(), ' ', x.shape());
}

void check_inner(const Array& a, const Array& b, MatmulOptions options) {
  if (a.shape()[options.transpose_a ? 0 : 1] != b.shape()[options.transpose_b ? 1 : 0])
    fail("matmul", "inner sizes must agree, got ", a.shape(), options.transpose_a ? " transposed" : "", " and ",
         b.shape(), options.transpose_b ? " transposed" : "");
}

void multiply(const Array& out, const Array& a, const Array& b, MatmulOptions options) {
  if (a.shape()[options.transpose_a ? 0 : 1] == 0) return fill(out, 0);
  on(out.device(), [&](auto backend) { backend.matmul(operand(a), operand(b), options, out); });
}

}  // namespace

Array matmul(const Array& a, const Array& b, MatmulOptions options) {
  check_floating("matmul", {&a, &b});
  check_matrix("matmul", a);
  check_matrix("matmul", b);
  check_inner(a, b, options);
  Array out = like(a, {a.shape()[options.transpose_a ? 1 : 0], b.shape()[options.transpose_b ? 0 : 1]});
  multiply(out, a, b, options);
  return out;
}

void matmul_into(const Array& out, const Array& a, const Array& b, MatmulOptions options) {
  check_devices("matmul", {&out, &a, &b});
  check_operand(a, out);
  check_operand(b, out);
  check_inner(a, b, options);
  const int64_t m = a.shape()[options.transpose_a ? 1 : 0], n = b.shape()[options.transpose_b ? 0 : 1];
  if (out.rank() != 2 || out.shape()[0] != m || out.shape()[1] != n)
    fail("matmul", "the product has shape ", Shape{m, n}, ", got memory of ", out.shape());
  if (overlap(out, a) || overlap(out, b))
    fail("matmul", "the product must have memory of its own, got that of a factor");
  multiply(out, a, b, options);
}

void join(Device device) {
  on(device, [](auto b) { b.join(); });
}

Array sum(const Array& x, int axis) {
  check_floating("sum", {&x});
  axis = normalize_axis("sum", axis, x.shape());
  Array out = like(x, x.shape().with(axis, 1));
  if (x.numel() == 0) fill(out, 0);
  else on(x.device(), [&](auto b) { b.sum(x, around(axis, x.shape()), out); });
  return out;
}

MaxResult max(const Array& x, int axis) {
  check_devices("max", {&x});
  axis = normalize_axis("max", axis, x.shape());
  if (x.shape()[axis] == 0) fail("max", "axis ", axis, " of shape ", x.shape(), " is empty");
  if (x.shape()[axis] > std::numeric_limits<int32_t>::max())
    fail("max", "an axis may have at most 2147483647 elements, as positions are int32, got axis ", axis, " of shape ",
         x.shape());
  const Shape shape = x.shape().with(axis, 1);
  MaxResult result{like(x, shape), Array(shape, int32, x.device())};
  if (x.numel() > 0) on(x.device(), [&](auto b) { b.max(x, around(axis, x.shape()), result.values, result.indices); });
  return result;
}

Array scatter_axis(const Array& x, const Array& indices, int axis, int64_t n) {
  check_floating("scatter_axis", {&x});
  check_devices("scatter_axis", {&x, &indices});
  axis = normalize_axis("scatter_axis", axis, x.shape());
  if (x.shape()[axis] != 1) fail("scatter_axis", "axis ", axis, " must be of size 1, got shape ", x.shape());
  if (indices.dtype() != int32 || indices.shape() != x.shape())
    fail("scatter_axis", "indices must be int32 of shape ", x.shape(), ", got ", indices.dtype(), ' ', indices.shape());
  Array out = like(x, x.shape().with(axis, n));
  if (x.numel() == 0) fill(out, 0);
  else on(x.device(), [&](auto b) { b.scatter_axis(x, indices, around(axis, out.shape()), out); });
  return out;
}

Array softmax(const Array& x, int axis) {
  check_floating("softmax", {&x});
  const Array e = map(Unary(formula::Exp{}), x - max(x, axis).values);
  return e / sum(e, axis);
}

Array log_softmax(const Array& x, int axis) {
  check_floating("log_softmax", {&x});
  const Array shifted = x - max(x, axis).values;
  return shifted - map(Unary(formula::Log{}), sum(map(Unary(formula::Exp{}), shifted), axis));
}

// ---- Random numbers -------------------------------------------------------------------------------------------------

Array uniform_array(const Shape& shape, double low, double high, RandomKey key, DType dtype, Device device) {
  Array x(shape, dtype, device);
  on(device, [&](auto b) { b.uniform(x, low, high, key); });
  return x;
}

Array dropout_mask(const Shape& shape, double keep, RandomKey key, DType dtype, Device device) {
  if (!(keep > 0 && keep <= 1)) fail("dropout_mask", "keep must lie in (0, 1], got ", keep);
  Array x(shape, dtype, device);
  on(device, [&](auto b) { b.dropout_mask(x, keep, key); });
  return x;
}

// ---- Fused steps ----------------------------------------------------------------------------------------------------

DenseResult dense(const Array& x, const Array& w, const Array& bias, const std::optional<Unary>& f) {
  constexpr const char* op = "dense";
  if (bias.defined()) check_floating(op, {&x, &w, &bias});
  else check_floating(op, {&x, &w});
  if (w.rank() != 2) fail(op, "expected weight [out, in], got ", w.shape());
  const int64_t out = w.shape()[0], in = w.shape()[1];
  if (x.rank() != 2 || x.shape()[1] != in) fail(op, "expected input [n, ", in, "], got ", x.shape());
  if (bias.defined() && bias.shape() != Shape{out}) fail(op, "expected bias ", Shape{out}, ", got ", bias.shape());
  if (in == 0) fail(op, "a row needs at least one element, got input ", x.shape());
  if (f) check(*f);

  const Array z = like(x, {x.shape()[0], out});
  const DenseResult result{operand(x), operand(w), z, f ? like(z) : z};
  if (z.numel() > 0) on(z.device(), [&](auto b) { b.dense(f ? &*f : nullptr, result.x, result.w, bias, z, result.y); });
  return result;
}

namespace {

/// Memory for sums over the rows of x, where there is any.
void check_columns(const Array& sums, const Array& x) {
  if (!sums.defined()) return;
  check_floating("dense", {&x, &sums});
  if (sums.rank() != 1 || sums.numel() != x.shape()[1])
    fail("dense", "the bias's gradient must be of shape ", Shape{x.shape()[1]}, ", got ", sums.shape());
}

}  // namespace

Array dense_gradient(const std::optional<Unary>& f, const DenseResult& forward, const Array& upstream,
                     const Array& bias_gradient, bool aside) {
  const Array &z = forward.z, &y = forward.y;
  check_floating("dense", {&upstream});
  check_matrix("dense", upstream);
  if (f && (z.shape() != upstream.shape() || y.shape() != upstream.shape()))
    fail("dense", "the gradient must be of the result's shape ", y.shape(), ", got ", upstream.shape());
  check_columns(bias_gradient, upstream);
  const Array out = f ? like(upstream) : upstream;
  on(out.device(), [&](auto b) {
    if (out.numel() == 0) {
      if (bias_gradient.defined()) fill(bias_gradient, 0);
    } else if (!f) {
      if (bias_gradient.defined()) b.sum(out, around(0, out.shape()), bias_gradient, aside);
    } else if (!bias_gradient.defined()) {
      b.map_gradient(*f, z, y, upstream, out);
    } else {
      b.dense_gradient(*f, z, y, upstream, out, bias_gradient);
    }
  });
  return out;
}

Array prelu_gradient(const formula::PReLU& f, const Array& z, const Array& slope, const Array& upstream,
                     const Array& bias_gradient, const Array& slope_gradient) {
  check_floating("dense", {&z, &slope, &upstream});
  check_matrix("dense", z);
  if (upstream.shape() != z.shape())
    fail("dense", "the gradient must be of the result's shape ", z.shape(), ", got ", upstream.shape());
  check_columns(bias_gradient, z);
  const Shape columns{z.shape()[1]};
  if (slope.numel() != 1 && slope.shape() != columns)
    fail("dense", "expected one slope or ", columns, ", got ", slope.shape());
  if (slope_gradient.defined() && slope_gradient.numel() != slope.numel())
    fail("dense", "the slopes' gradient must have ", slope.numel(), " elements, got ", slope_gradient.shape());
  const Array out = like(z), sums = bias_gradient.defined() ? bias_gradient : like(z, columns);
  const bool of_columns = slope_gradient.defined() && slope.numel() == columns[0];
  const Array slope_sums = of_columns ? slope_gradient : like(z, columns);
  if (z.numel() == 0) {
    fill(sums, 0);
    if (slope_gradient.defined()) fill(slope_gradient, 0);
    return out;
  }
  on(z.device(), [&](auto b) {
    b.prelu_gradient(f, z, slope, upstream, out, sums, slope_sums);
    if (slope_gradient.defined() && !of_columns) b.sum(slope_sums, around(0, columns), slope_gradient);
  });
  return out;
}

void sgd_update(const SgdStep& step, const Array& parameter, const Array& gradient, const Array& velocity,
                const Array& rounded) {
  check_floating("sgd_update", {&parameter, &gradient});
  if (gradient.shape() != parameter.shape())
    fail("sgd_update", "expected a gradient of shape ", parameter.shape(), ", got ", gradient.shape());
  if (step.momentum > 0) {
    check_floating("sgd_update", {&parameter, &velocity});
    if (velocity.shape() != parameter.shape())
      fail("sgd_update", "expected a velocity of shape ", parameter.shape(), ", got ", velocity.shape());
  }
  on(parameter.device(), [&](auto b) { b.sgd(step, parameter, gradient, velocity, rounded); });
}

CrossEntropyResult cross_entropy(const Array& logits, const Array& labels, const CrossEntropyStep& step) {
  constexpr const char* op = "cross_entropy";
  check_devices(op, {&logits, &labels});
  if (logits.rank() != 2) fail(op, "expected logits [n, C], got ", logits.shape());
  check_floating(op, {&logits});
  if (labels.dtype() != int32) fail(op, "expected int32 labels, got ", labels.dtype());
  const int64_t n = logits.shape()[0], classes = logits.shape()[1];
  if (labels.shape() != Shape{n}) fail(op, "expected labels ", Shape{n}, ", got ", labels.shape());
  if (n == 0 || classes == 0) fail(op, "a batch needs rows and classes, got logits ", logits.shape());
  if (step.class_weights.defined()) {
    check_floating(op, {&logits, &step.class_weights});
    if (step.class_weights.shape() != Shape{classes})
      fail(op, "expected ", classes, " class_weights, got ", step.class_weights.numel());
  }
  CrossEntropyResult result{like(logits, {n}), like(logits), like(logits, {})};
  on(logits.device(),
     [&](auto b) { b.cross_entropy(logits, labels, step, result.losses, result.gradient, result.sum); });
  return result;
}

}  // namespace ramp

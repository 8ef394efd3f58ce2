// Moving elements: copies, conversions, transposes, gathering and scattering.

#include "ramp/core/array_ops/array_ops.h"
#include "ramp/core/array_ops/checks.h"
#include "ramp/core/dispatch/on.h"
#include "ramp/core/hooks.h"

namespace ramp {

void copy(const Array& from, const Array& to) {
  if (from.shape() != to.shape() || from.dtype() != to.dtype())
    fail("copy", "shapes and dtypes must agree, got ", from.shape(), ' ', from.dtype(), " and ", to.shape(), ' ',
         to.dtype());
  if (from.numel() == 0) return;
  if (overlap(from, to)) {
    if (from.address<const void>() == to.address<const void>()) return;
    fail("copy", "arrays must be apart or the same, got two ", from.shape(), " that overlap in part");
  }
  // The CPU's backend does not know the memory of other devices.
  const Device device = from.device() == Device::cpu() ? to.device() : from.device();
  on(device, [&](auto b) { b.copy(from, to); });
  to.note_write("copy()");
}

Array clone(const Array& x) {
  Array out(x.shape(), x.dtype(), x.device());
  copy(x, out);
  return out;
}

Array to(const Array& x, Device device) {
  if (x.device() == device) return x;
  Array out(x.shape(), x.dtype(), device);
  copy(x, out);
  return out;
}

Array to_host(const char* op, const Array& x) {
  stop_capture(
      op,
      "reading a value back cannot be part of a captured step; return the tensor from the step and read it outside");
  return to(x, Device::cpu());
}

Array to(const Array& x, DType dtype) {
  if (x.dtype() == dtype) return x;
  Array out(x.shape(), dtype, x.device());
  convert(x, out);
  return out;
}

void convert(const Array& from, const Array& to) {
  check_devices("to", {&from, &to});
  if (from.shape() != to.shape()) fail("to", "shapes must be equal, got ", from.shape(), " and ", to.shape());
  on(to.device(), [&](auto b) { b.convert(from, to); });
}

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

namespace {

/// Throws Error unless rows of x can be standardized by these numbers.
void check_standardization(const Array& x, const Array& mean, const Array& stddev) {
  check_devices("load_batch", {&x, &mean, &stddev});
  if (x.dtype() == bfloat16)
    fail("load_batch", "expected float64, float32, int32 or uint8 to standardize, got bfloat16");
  if (mean.dtype() != float64 || stddev.dtype() != float64 || mean.numel() != stddev.numel())
    fail("load_batch", "expected a float64 mean and standard deviation of one shape, got ", mean.dtype(), ' ',
         mean.shape(), " and ", stddev.dtype(), ' ', stddev.shape());
  const int64_t width = x.shape().with(0, 1).numel();
  if (mean.numel() != 1 && mean.numel() != width)
    fail("load_batch", "expected a mean of one number, or of one for each of the ", width, " numbers of a row, got ",
         mean.shape());
}

}  // namespace

BatchArrays load_batch(const Array& x, const Array& y, const Array& indices, const Array& mean, const Array& stddev) {
  check_devices("load_batch", {&x, &y, &indices});
  check_indices("load_batch", indices);
  if (x.rank() == 0 || y.rank() == 0 || x.shape()[0] != y.shape()[0])
    fail("load_batch", "expected as many rows of both, got ", x.shape(), " and ", y.shape());
  if (mean.defined() || stddev.defined()) check_standardization(x, mean, stddev);
  const int64_t b = indices.numel();
  const DType dtype = mean.defined() && x.dtype() != float64 ? float32 : x.dtype();
  BatchArrays batch{Array(x.shape().with(0, b), dtype, x.device()), like(y, y.shape().with(0, b))};
  if (b > 0) on(x.device(), [&](auto to) { to.load_batch(x, y, indices, mean, stddev, batch.x, batch.y); });
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

}  // namespace ramp

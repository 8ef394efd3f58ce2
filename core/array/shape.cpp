#include "ramp/core/array/shape.h"

#include <algorithm>

#include "ramp/core/error.h"

namespace ramp {

Shape::Shape(const int64_t* begin, const int64_t* end) {
  if (end - begin > max_rank) fail("shape", "at most ", max_rank, " axes, got ", end - begin);
  // The product of the nonzero sizes must fit as well, because kernels multiply them in any order.
  int64_t product = 1;
  bool empty = false;
  for (; begin != end; ++begin) {
    if (*begin < 0) fail("shape", "sizes must not be negative, got ", *begin);
    if (*begin == 0) empty = true;
    else if (__builtin_mul_overflow(product, *begin, &product))
      fail("shape", "the number of elements overflows 63 bits");
    sizes_[rank_++] = *begin;
  }
  numel_ = empty ? 0 : product;
}

void Shape::refuse(int axis) const {
  fail("shape", "axis must lie in [0, ", rank_, ") for shape ", *this, ", got ", axis);
}

Shape Shape::with(int axis, int64_t size) const {
  if ((*this)[axis] == size) return *this;
  int64_t sizes[max_rank];
  std::copy(begin(), end(), sizes);
  sizes[axis] = size;
  return {sizes, sizes + rank_};
}

Shape Shape::without(int axis) const {
  if (axis < 0 || axis >= rank_) refuse(axis);
  int64_t sizes[max_rank];
  std::copy(begin() + axis + 1, end(), std::copy(begin(), begin() + axis, sizes));
  return {sizes, sizes + rank_ - 1};
}

std::ostream& operator<<(std::ostream& out, const Shape& shape) { return out << to_string(shape); }

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (int axis = 0; axis < shape.rank(); ++axis) text += (axis ? ", " : "") + std::to_string(shape[axis]);
  return text + ']';
}

int normalize_axis(const char* op, int axis, const Shape& shape) {
  if (axis < -shape.rank() || axis >= shape.rank())
    fail(op, "axis must lie in [", -shape.rank(), ", ", shape.rank(), ") for shape ", shape, ", got ", axis);
  return axis < 0 ? axis + shape.rank() : axis;
}

AxisView around(int axis, const Shape& shape) {
  AxisView view{1, shape[axis], 1};
  for (int i = 0; i < axis; ++i) view.outer *= shape[i];
  for (int i = axis + 1; i < shape.rank(); ++i) view.inner *= shape[i];
  return view;
}

}  // namespace ramp

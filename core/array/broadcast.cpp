#include "ramp/core/array/broadcast.h"

#include <algorithm>

#include "ramp/core/error.h"

namespace ramp {

Shape broadcast(const char* op, const Shape& a, const Shape& b) {
  int64_t sizes[Shape::max_rank];
  const int rank = std::max(a.rank(), b.rank());
  for (int axis = 0; axis < rank; ++axis) {
    const int in_a = axis - (rank - a.rank()), in_b = axis - (rank - b.rank());
    const int64_t na = in_a < 0 ? 1 : a[in_a], nb = in_b < 0 ? 1 : b[in_b];
    if (na != nb && na != 1 && nb != 1)
      fail(op, "shapes must broadcast (equal sizes, or 1, aligned at the right), got ", a, " and ", b);
    sizes[axis] = na == 1 ? nb : na;
  }
  return {sizes, sizes + rank};
}

BroadcastAxes merged_axes(const Shape& a, const Shape& b, const Shape& out) {
  BroadcastAxes axes;
  int64_t span_a = 1, span_b = 1;
  for (int i = out.rank() - 1; i >= 0; --i) {
    const int ia = i - (out.rank() - a.rank()), ib = i - (out.rank() - b.rank());
    const int64_t size = out[i], size_a = ia < 0 ? 1 : a[ia], size_b = ib < 0 ? 1 : b[ib];
    if (size == 1) continue;
    const BroadcastAxis axis{size, size_a == 1 ? 0 : span_a, size_b == 1 ? 0 : span_b};
    span_a *= size_a;
    span_b *= size_b;
    if (axes.count > 0) {
      BroadcastAxis& inner = axes.at[axes.count - 1];
      if (axis.stride_a == inner.stride_a * inner.size && axis.stride_b == inner.stride_b * inner.size) {
        inner.size *= size;
        continue;
      }
    }
    axes.at[axes.count++] = axis;
  }
  if (axes.count == 0) axes.at[axes.count++] = {1, 0, 0};
  return axes;
}

}  // namespace ramp

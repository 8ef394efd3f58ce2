#include "ramp/core/array/array.h"

#include <algorithm>

#include "ramp/core/hooks.h"

namespace ramp {

int64_t bytes_of(const Shape& shape, DType dtype) {
  if (size_of(dtype) == 0)
    fail("allocate", "the dtype must be float32, float64, int32, uint8 or bfloat16, got number ",
         static_cast<int>(dtype));
  int64_t bytes;
  if (__builtin_mul_overflow(shape.numel(), static_cast<int64_t>(size_of(dtype)), &bytes) || bytes > most_bytes)
    fail("allocate", "an array must have at most 2^56 bytes, got ", dtype, ' ', shape);
  return bytes;
}

Array::Array(const Shape& shape, DType dtype, Device device)
    : storage_(std::make_shared<Storage>(bytes_of(shape, dtype), device)), shape_(shape), dtype_(dtype) {}

Array::Array(std::shared_ptr<Storage> storage, const Shape& shape, DType dtype)
    : storage_(std::move(storage)), shape_(shape), dtype_(dtype) {
  if (const int64_t needed = bytes_of(shape, dtype); needed > memory().bytes())
    fail("array", dtype, ' ', shape, " needs ", needed, " bytes, got a storage of ", memory().bytes());
}

void Array::refuse(DType wanted) const { fail("data", "expected ", wanted, ", got ", dtype_); }
void Array::refuse() { fail("array", "expected an array, got an undefined one"); }

void Array::hold_in_captured_step() const {
  if (CaptureListener* listener = capturing()) listener->hold(*this);
}

Array Array::view(const Shape& shape) const {
  if (shape.numel() != numel()) fail("reshape", shape_, " has ", numel(), " elements, ", shape, " has ", shape.numel());
  Array view = *this;
  view.shape_ = shape;
  return view;
}

Array Array::reshape(const std::vector<int64_t>& sizes) const {
  std::vector<int64_t> resolved = sizes;
  int64_t known = 1, unknown = -1;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] != -1) {
      if (__builtin_mul_overflow(known, sizes[i], &known)) fail("reshape", "the number of elements overflows 63 bits");
    } else if (unknown >= 0) {
      fail("reshape", "only one size may be -1, got it at axes ", unknown, " and ", i);
    } else {
      unknown = static_cast<int64_t>(i);
    }
  }
  if (unknown >= 0) {
    if (known <= 0 || numel() % known != 0) fail("reshape", "cannot infer -1: ", numel(), " elements over ", known);
    resolved[static_cast<size_t>(unknown)] = numel() / known;
  }
  return view(Shape(resolved));
}

Array Array::rows(int64_t begin, int64_t end) const {
  if (rank() == 0) fail("rows", "expected at least one axis, got a scalar");
  if (begin < 0 || begin > end || end > shape_[0])
    fail("rows", "expected 0 <= begin <= end <= ", shape_[0], ", got ", begin, " and ", end);
  const int64_t row = shape_[0] == 0 ? 0 : numel() / shape_[0];
  return slice(begin * row, shape_.with(0, end - begin));
}

Array Array::slice(int64_t begin, const Shape& shape) const {
  if (begin < 0 || begin > numel() || shape.numel() > numel() - begin)
    fail("slice", "expected elements within the ", numel(), " of shape ", shape_, ", got ", shape.numel(), " from ",
         begin, " on");
  Array view = *this;
  view.offset_ += begin * static_cast<int64_t>(size_of(dtype_));
  view.shape_ = shape;
  return view;
}

}  // namespace ramp

// Arrays of random numbers.

#include "ramp/core/array_ops/array_ops.h"
#include "ramp/core/array_ops/checks.h"
#include "ramp/core/dispatch/on.h"

namespace ramp {

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

}  // namespace ramp

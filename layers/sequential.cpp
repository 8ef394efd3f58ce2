#include "ramp/layers/sequential.h"

namespace ramp {

Tensor Sequential::forward(const Tensor& x) {
  Tensor y = x;
  for (const auto& [name, layer] : children()) y = (*layer)(y);
  return y;
}

}  // namespace ramp

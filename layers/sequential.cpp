#include "ramp/layers/sequential.h"

namespace ramp {

Layer& Sequential::at(int64_t i) const {
  const int64_t n = size();
  if (i < -n || i >= n) fail("Sequential", "a layer's number must lie in [", -n, ", ", n, "), got ", i);
  return *children()[static_cast<size_t>(i < 0 ? i + n : i)].second;
}

Tensor Sequential::forward(const Tensor& x) const {
  const auto& layers = children();
  Tensor y = x;
  for (size_t i = 0; i < layers.size(); ++i) {
    const Layer& layer = *layers[i].second;
    const Unary* epilogue = nullptr;
    // An observer must see its layer's own result.
    if (i + 1 < layers.size() && !layer.observed() && !layers[i + 1].second->observed())
      epilogue = layers[i + 1].second->epilogue();
    y = layer.call(y, epilogue);
    if (epilogue) ++i;
  }
  return y;
}

}  // namespace ramp

#include "ramp/layers/sequential.h"

namespace ramp {

Tensor Sequential::forward(const Tensor& x) {
  const auto& layers = children();
  Tensor y = x;
  for (size_t i = 0; i < layers.size(); ++i) {
    Layer& layer = *layers[i].second;
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

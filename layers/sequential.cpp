#include "ramp/layers/sequential.h"

#include "ramp/layers/activations.h"
#include "ramp/layers/dense.h"

namespace ramp {

Tensor Sequential::forward(const Tensor& x) {
  Tensor y = x;
  for (size_t i = 0; i < children().size(); ++i) {
    Layer& layer = *children()[i].second;
    const auto* dense = dynamic_cast<const Dense*>(&layer);
    const auto* activation =
        dense && i + 1 < children().size() ? dynamic_cast<const Activation*>(children()[i + 1].second.get()) : nullptr;
    // One node for both, unless somebody wants to see what passes between them.
    if (activation && !dense->observed() && !activation->observed()) {
      y = ramp::dense(y, dense->weight, dense->bias ? *dense->bias : Tensor(), activation->formula());
      ++i;
    } else {
      y = layer(y);
    }
  }
  return y;
}

}  // namespace ramp

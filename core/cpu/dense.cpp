// Gradients of what follows the matrix product of a dense layer.

#include "ramp/core/cpu/cpu.h"

namespace ramp {

void Cpu::dense_gradient(const Unary& f, const Array& z, const Array& y, const Array& upstream, const Array& out,
                         const Array& sums) {
  map_gradient(f, z, y, upstream, out);
  sum(out, {1, out.shape()[0], out.shape()[1]}, sums);
}

}  // namespace ramp

// Numbers rounded to bfloat16.

#include "ramp/core/cpu/cpu.h"
#include "ramp/core/cpu/kernels.h"
#include "ramp/core/cpu/parallel.h"

namespace ramp {

void Cpu::round_to_bfloat16(const Array& x, const Array& out) {
  parallel_for(
      x.numel(), 1 << 15,
      [](const float* from, uint8_t* to, int64_t begin, int64_t end) {
        kernels<float>().to_bfloat16(from + begin, reinterpret_cast<Bfloat16*>(to) + begin, end - begin);
      },
      part<const float>(x), part<uint8_t>(out));
}

}  // namespace ramp

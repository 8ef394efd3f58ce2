#include "ramp/core/array/dtype.h"

#include <ostream>

namespace ramp {

// A dtype without a name must not compile.
#pragma GCC diagnostic error "-Wswitch"
const char* name(DType dtype) {
  switch (dtype) {
    case float32: return "float32";
    case float64: return "float64";
    case int32: return "int32";
    case uint8: return "uint8";
    case bfloat16: return "bfloat16";
  }
  return "no dtype";
}

std::ostream& operator<<(std::ostream& out, DType dtype) { return out << name(dtype); }

}  // namespace ramp

#include "ramp/core/array/dtype.h"

#include <ostream>

namespace ramp {

const char* name(DType dtype) {
  switch (dtype) {
    case float32: return "float32";
    case float64: return "float64";
    case int32: return "int32";
    default: return "uint8";
  }
}

std::ostream& operator<<(std::ostream& out, DType dtype) { return out << name(dtype); }

}  // namespace ramp

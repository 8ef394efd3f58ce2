#pragma once
// How products of float32 matrices are computed on a device.

#include <atomic>
#include <cstdint>
#include <iosfwd>

#include "ramp/core/array/device.h"

namespace ramp {

/// What a product of float32 matrices rounds its operands to: to nearest, ties to even where nothing else is said.
/// Sums, results and parameters are float32 in any case, and products of float64 matrices are float64 throughout. With
/// u the largest relative error of that rounding, a product c = a b is off by at most (2 u + u^2) sum |a| |b|, beside
/// what float32 sums are off by.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"  // g++ warns of a scoped enumerator that has the name of the dtype float32
enum class Precision : uint8_t {
  float32,  ///< to nothing: exact float32 operands
  tf32,  ///< to 10 explicit mantissa bits, as the device's tensor cores round (u = 2^-10 at most); CUDA, sm_80 and up
  bf16,  ///< to bfloat16, 7 explicit mantissa bits (u = 2^-8); CUDA, sm_80 and up; CPUs with AVX512-BF16 through oneDNN
};
#pragma GCC diagnostic pop
const char* name(Precision precision);
std::ostream& operator<<(std::ostream& out, Precision precision);

/// How products on a device are computed from now on, on all threads; float32 unless set. Throws Error, and changes
/// nothing, unless the device can. A step that does so cannot be captured (capture.h); a graph that was captured under
/// another precision is kept for when that one is set again.
void set_precision(Device device, Precision precision);
Precision precision(Device device);

namespace detail {
/// Where the choice for a device is kept.
std::atomic<Precision>& precision_of(Device device);
}  // namespace detail

}  // namespace ramp

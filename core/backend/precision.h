#pragma once
// How products of float32 matrices are computed on a device. This is the setting; matmul_operand() in
// array_ops/products.cpp applies it.

#include <atomic>
#include <cstdint>
#include <iosfwd>

#include "ramp/core/array/device.h"

namespace ramp {

/// How a product of float32 matrices rounds its factors: to nearest, ties to even, unless stated otherwise. Sums,
/// results and parameters are float32 in any case, and products of float64 matrices are float64 throughout. If u is the
/// largest relative error of that rounding, the error of a product c = a b is at most (2 u + u^2) sum |a| |b|, in
/// addition to that of float32 sums.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"  // g++ warns of a scoped enumerator that has the name of the dtype float32
enum class Precision : uint8_t {
  float32,  ///< no rounding: exact float32 factors
  tf32,  ///< to 10 explicit mantissa bits, as the device's tensor cores round (u = 2^-10 at most); CUDA, sm_80 and up
  bf16,  ///< to bfloat16, 7 explicit mantissa bits (u = 2^-8); CUDA, sm_80 and up; CPUs with AVX512-BF16 through oneDNN
};
#pragma GCC diagnostic pop
const char* name(Precision precision);
std::ostream& operator<<(std::ostream& out, Precision precision);

/// Sets how products on a device are computed from now on, on all threads; the default is float32. Throws Error, and
/// changes nothing, unless the device supports the precision. Cannot be part of a captured step (capture.h); a graph
/// that was captured under another precision is kept for when that precision is set again.
void set_precision(Device device, Precision precision);
Precision precision(Device device);

namespace detail {
/// The precision that is set for a device.
std::atomic<Precision>& precision_of(Device device);
}  // namespace detail

}  // namespace ramp

#pragma once
// The element types of arrays.

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <type_traits>

#include "ramp/core/error.h"
#include "ramp/core/formulas/bfloat16.h"

namespace ramp {

/// float32 is the default everywhere and float64 works everywhere; int32 is for labels and indices, uint8 for stored
/// images and masks; bfloat16 is for storage and for the factors of matrix products. A dtype that a switch does not
/// handle does not compile; formulas/saturate_cast.h and the types of autograd/create.h are to be completed by hand.
enum class DType : uint8_t { float32, float64, int32, uint8, bfloat16 };

inline constexpr DType float32 = DType::float32;
inline constexpr DType float64 = DType::float64;
inline constexpr DType int32 = DType::int32;
inline constexpr DType uint8 = DType::uint8;
inline constexpr DType bfloat16 = DType::bfloat16;

// A dtype that one of these switches does not handle must not compile.
#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wswitch"

/// The bytes of an element; 0 for a number that is no dtype.
constexpr size_t size_of(DType dtype) {
  switch (dtype) {
    case float32: return 4;
    case float64: return 8;
    case int32: return 4;
    case uint8: return 1;
    case bfloat16: return 2;
  }
  return 0;
}
/// Whether operations compute in it and have gradients in it: float32 and float64, not bfloat16.
constexpr bool is_floating(DType dtype) { return dtype == float32 || dtype == float64; }
constexpr bool is_integer(DType dtype) { return dtype == int32 || dtype == uint8; }
const char* name(DType dtype);
std::ostream& operator<<(std::ostream& out, DType dtype);

/// The DType of a C++ type. Types other than the five do not compile.
template <class T>
constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, float>) return float32;
  else if constexpr (std::is_same_v<T, double>) return float64;
  else if constexpr (std::is_same_v<T, int32_t>) return int32;
  else if constexpr (std::is_same_v<T, BFloat16>) return bfloat16;
  else {
    static_assert(std::is_same_v<T, uint8_t>, "ramp holds float, double, int32_t, uint8_t and BFloat16");
    return uint8;
  }
}

/// Calls f(T{}) with the C++ type of a floating dtype. Throws Error, prefixed with [op], for the others.
template <class F>
decltype(auto) visit_floating(const char* op, DType dtype, F&& f) {
  if (dtype == float32) return f(float{});
  if (dtype == float64) return f(double{});
  fail(op, "expected float32 or float64, got ", name(dtype));
}

/// Calls f(T{}) with the C++ type of any dtype.
template <class F>
decltype(auto) visit(DType dtype, F&& f) {
  switch (dtype) {
    case float32: return f(float{});
    case float64: return f(double{});
    case int32: return f(int32_t{});
    case uint8: return f(uint8_t{});
    case bfloat16: return f(BFloat16{});
  }
  fail("dtype", "expected a dtype, got number ", static_cast<int>(dtype));
}

#pragma GCC diagnostic pop

}  // namespace ramp

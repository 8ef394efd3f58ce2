#pragma once
// Operations. Each takes and returns tensors, is differentiable in float32 and float64 unless said otherwise, and
// throws Error in its own name before anything is computed when shapes, dtypes or devices do not fit. The same
// functions on arrays (array_ops.h) compute without recording; backward functions are written with those.

#include <limits>
#include <span>

#include "ramp/core/array_ops/array_ops.h"
#include "ramp/core/autograd/autograd.h"
#include "ramp/core/formulas/formulas.h"

namespace ramp {

/// f of every element. The formulas of formulas.h run vectorised on every device.
Tensor map(const Unary& f, const Tensor& x);
/// f of every pair of elements, with broadcasting.
Tensor map(const Binary& f, const Tensor& a, const Tensor& b);

// Every formula as a function: neg(x), exp(x), pow(x, 3), relu(x), leaky_relu(x, 0.2), relu(x, {.slope_at_zero = 0}),
// ...
#define RAMP_UNARY_FUNCTION(Struct, function)                                                         \
  inline Tensor function(const Tensor& x, const formula::Struct& f = {}) { return map(Unary(f), x); } \
  template <class... More>                                                                            \
  Tensor function(const Tensor& x, double first, More... more) {                                      \
    return map(Unary(formula::Struct{first, static_cast<double>(more)...}), x);                       \
  }
RAMP_ELEMENTARY(RAMP_UNARY_FUNCTION)
RAMP_ACTIVATIONS(RAMP_UNARY_FUNCTION)
#undef RAMP_UNARY_FUNCTION

// add(a, b), subtract, multiply, divide, maximum, minimum, prelu(x, slope), prelu(x, slope, {.slope_at_zero = 0}).
#define RAMP_BINARY_FUNCTION(Struct, function)                                              \
  inline Tensor function(const Tensor& a, const Tensor& b, const formula::Struct& f = {}) { \
    return map(Binary(f), a, b);                                                            \
  }
RAMP_BINARY(RAMP_BINARY_FUNCTION)
#undef RAMP_BINARY_FUNCTION

inline Tensor operator-(const Tensor& x) { return neg(x); }
inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return subtract(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return multiply(a, b); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return divide(a, b); }
// A number beside a tensor is a scalar of the tensor's dtype.
Tensor operator+(const Tensor& a, double b);
Tensor operator-(const Tensor& a, double b);
Tensor operator*(const Tensor& a, double b);
Tensor operator/(const Tensor& a, double b);
Tensor operator+(double a, const Tensor& b);
Tensor operator-(double a, const Tensor& b);
Tensor operator*(double a, const Tensor& b);
Tensor operator/(double a, const Tensor& b);

// Comparisons with broadcasting, of any dtype: uint8, 1 where true. No gradient. A number is compared with the elements
// of an integer tensor exactly; beside a floating tensor it is rounded to the tensor's dtype first.
Tensor operator<(const Tensor& a, const Tensor& b);
Tensor operator<=(const Tensor& a, const Tensor& b);
Tensor operator>(const Tensor& a, const Tensor& b);
Tensor operator>=(const Tensor& a, const Tensor& b);
Tensor operator==(const Tensor& a, const Tensor& b);
Tensor operator!=(const Tensor& a, const Tensor& b);
Tensor operator<(const Tensor& a, double b);
Tensor operator<=(const Tensor& a, double b);
Tensor operator>(const Tensor& a, double b);
Tensor operator>=(const Tensor& a, double b);
Tensor operator==(const Tensor& a, double b);
Tensor operator!=(const Tensor& a, double b);
/// a where the uint8 condition is not 0, else b; all three broadcast.
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);

/// The same elements under another shape of as many; one size may be -1.
Tensor reshape(const Tensor& x, const std::vector<int64_t>& sizes);
/// [n, ...] -> [n, product of the rest].
Tensor flatten(const Tensor& x);
/// The transpose of a matrix, as a copy.
Tensor transpose(const Tensor& x);
/// Rows [begin, end) of the first axis.
Tensor rows(const Tensor& x, int64_t begin, int64_t end);
/// The rows of the first axis that the int32 `indices` [k] name: [k, ...]. Rows may repeat; their gradients add up.
Tensor gather(const Tensor& x, const Tensor& indices);
/// Tensors one after another along an axis; the other sizes must agree.
Tensor concat(std::span<const Tensor> parts, int axis = 0);
Tensor concat(std::initializer_list<Tensor> parts, int axis = 0);

/// [m, k] x [k, n] -> [m, n].
Tensor matmul(const Tensor& a, const Tensor& b);

/// The sum of all elements, or over one axis (kept with size 1 when `keep`).
Tensor sum(const Tensor& x);
Tensor sum(const Tensor& x, int axis, bool keep = false);
Tensor mean(const Tensor& x);
Tensor mean(const Tensor& x, int axis, bool keep = false);
/// The largest element; a NaN wins. The gradient goes to the first of equals.
Tensor max(const Tensor& x);
Tensor max(const Tensor& x, int axis, bool keep = false);
/// The int32 position of the largest element (the first of equals): in the flattened tensor, or along an axis.
Tensor argmax(const Tensor& x);
Tensor argmax(const Tensor& x, int axis, bool keep = false);

/// e^x / sum(e^x) along an axis, shifted by the maximum so that nothing overflows.
Tensor softmax(const Tensor& x, int axis = -1);
/// log(softmax(x)) without the loss of digits.
Tensor log_softmax(const Tensor& x, int axis = -1);

}  // namespace ramp

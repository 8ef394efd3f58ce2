#pragma once
// What the operations of this room check, and the arrays they make.

#include "ramp/core/array_ops/array_ops.h"

namespace ramp {

/// Uninitialised memory like x's, of its shape or of another one.
inline Array like(const Array& x, const Shape& shape) { return Array(shape, x.dtype(), x.device()); }
inline Array like(const Array& x) { return like(x, x.shape()); }

/// Throws Error unless x is a matrix.
void check_matrix(const char* op, const Array& x);
/// Throws Error unless indices are int32 of shape [k].
void check_indices(const char* op, const Array& indices);
/// Throws Error unless the formula's parameters are in their ranges.
void check(const Unary& f);

}  // namespace ramp

#pragma once
// Operations on arrays: compute, record nothing. ops.h puts gradients on top; backward functions call these. They check
// their arguments, so that the messages are the same with and without gradients.

#include <initializer_list>
#include <optional>
#include <span>
#include <vector>

#include "ramp/core/array/array.h"
#include "ramp/core/backend/options.h"
#include "ramp/core/formulas/formulas.h"
#include "ramp/core/random/key.h"

namespace ramp {

namespace detail {
[[noreturn]] void refuse_devices(const char* op, const Array& first, const Array& other);
[[noreturn]] void refuse_dtypes(const char* op, const Array& first, const Array& other);
}  // namespace detail

/// Throws Error in the name of `op` unless every array is defined, and all are on one device.
inline void check_devices(const char* op, std::initializer_list<const Array*> arrays) {
  const Array& first = **arrays.begin();
  for (const Array* x : arrays)
    if (!x->defined() || x->device() != first.device()) detail::refuse_devices(op, first, *x);
}
/// As check_devices, and all of the same floating dtype.
inline void check_floating(const char* op, std::initializer_list<const Array*> arrays) {
  check_devices(op, arrays);
  const Array& first = **arrays.begin();
  for (const Array* x : arrays)
    if (!is_floating(x->dtype()) || x->dtype() != first.dtype()) detail::refuse_dtypes(op, first, *x);
}
/// Throws Error in the name of `op` unless logits are [n, C] and labels int32 [n], with n and C at least 1. `what` is
/// the messages' word for the logits.
void check_labels(const char* op, const Array& logits, const Array& labels, const char* what = "logits");
/// As check_labels, and unless every label lies in [0, C): require_range() says when that is known.
void require_labels(const char* op, const Array& logits, const Array& labels, const char* what = "logits");

/// Copies the elements of `from` into `to`; same shape and dtype, any devices. Throws Error when they overlap in part.
void copy(const Array& from, const Array& to);
/// A copy with memory of its own, on `device`.
Array clone(const Array& x);
Array to(const Array& x, Device device);
/// On the CPU, to be read there. A step that does so while it is captured (capture.h) goes on eagerly, and says so in
/// the name of `op`.
Array to_host(const char* op, const Array& x);
/// Converted to another dtype: to an integer type values are truncated towards zero and saturate, NaN gives 0; to
/// bfloat16 they are first rounded to float32.
Array to(const Array& x, DType dtype);
/// As to(x, dtype), into memory of the same shape.
void convert(const Array& from, const Array& to);

Array full_array(const Shape& shape, double value, DType dtype = float32, Device device = {});
void fill(const Array& x, double value);

Array map(const Unary& f, const Array& x);
/// gradient * f'(x), where y = f(x).
Array map_gradient(const Unary& f, const Array& x, const Array& y, const Array& gradient);
Array map(const Binary& f, const Array& a, const Array& b);
/// gradient * df/da (argument 0) or df/db (argument 1), summed over what broadcasting repeated.
Array map_gradient(const Binary& f, int argument, const Array& a, const Array& b, const Array& gradient);

/// out = f(x) and out = f(a, b), of one shape up to broadcasting; `out` may be one of the arguments.
void map_into(const Array& out, const Unary& f, const Array& x);
void map_into(const Array& out, const Binary& f, const Array& a, const Array& b);
/// a += b, which broadcasts to a's shape.
void add_to(const Array& a, const Array& b);

inline Array operator-(const Array& x) { return map(Unary(formula::Neg{}), x); }
inline Array operator+(const Array& a, const Array& b) { return map(Binary(formula::Add{}), a, b); }
inline Array operator-(const Array& a, const Array& b) { return map(Binary(formula::Subtract{}), a, b); }
inline Array operator*(const Array& a, const Array& b) { return map(Binary(formula::Multiply{}), a, b); }
inline Array operator/(const Array& a, const Array& b) { return map(Binary(formula::Divide{}), a, b); }
Array operator*(const Array& a, double b);

/// The comparison of two arrays, as uint8.
Array compare(Compare relation, const Array& a, const Array& b);
Array where(const Array& condition, const Array& a, const Array& b);

/// Throws Error for the first element that breaks the rule, NaN included: `[op] RULE, got VALUE at WHERE POSITION`. A
/// captured step checks in each replay; on CUDA the Error comes with a later replay or copy to the CPU then.
void require_range(const RangeRule& rule, const Array& x);

/// x repeated to a shape that it broadcasts to.
Array broadcast_to(const Array& x, const Shape& shape);
/// The inverse of broadcasting: x summed down to `shape`.
Array sum_to(const Array& x, const Shape& shape);

Array transpose(const Array& x);
Array gather(const Array& x, const Array& indices);
/// Rows of two arrays of one first axis.
struct BatchArrays {
  Array x, y;
};
/// Rows of x [n, ...] and y [n, ...] by int32 indices [b], in one pass: y's as they are, and so are x's without `mean`.
/// With it x's are (x - mean) / stddev, computed in float64, for float64 mean and stddev of one element or of one for
/// each element of a row; they are float64 if x is, else float32. On CUDA a later copy to the CPU throws the Error for
/// an index outside of [0, n).
BatchArrays load_batch(const Array& x, const Array& y, const Array& indices, const Array& mean = {},
                       const Array& stddev = {});
/// out [n, ...] = 0, then out[indices[i]] += x[i], in the order of i: the adjoint of gather. On the CPU an index
/// outside of [0, n) throws Error; on CUDA gather is what checks them.
Array scatter_add(const Array& x, const Array& indices, int64_t n);
Array concat(std::span<const Array> parts, int axis);
/// Indices [begin, end) of any axis, as a copy.
Array narrow(const Array& x, int axis, int64_t begin, int64_t end);

/// The product a b of two matrices of one dtype: float32, float64, or bfloat16, whose product is float32.
Array matmul(const Array& a, const Array& b, MatmulOptions options = {});
/// out = a b (of the shape that the product has).
void matmul_into(const Array& out, const Array& a, const Array& b, MatmulOptions options = {});
/// Whether matrix products round x to bfloat16 (Precision::bf16, for float32).
bool rounds_to_bfloat16(const Array& x);
/// The form in which matmul reads x: x itself or, if products round it, its bfloat16 copy. That is the optimizer's, if
/// it is up to date, else one made here. Make it once and pass it to every product that reads x.
Array matmul_operand(const Array& x);
/// x's part of Storage::bfloat16_copy(); undefined if there is none.
Array bfloat16_copy(const Array& x);

/// Over one axis, 0 <= axis < rank, which stays with size 1. Sums are gathered in fixed blocks: the same bits for any
/// number of threads.
Array sum(const Array& x, int axis);
/// The sum of all squares, as float64 [].
Array sum_squares(const Array& x);
struct MaxResult {
  Array values;
  Array indices;  // int32, along the axis
};
MaxResult max(const Array& x, int axis);
/// Zeros, with x put at `indices` along the axis of size n: the adjoint of picking the maximum. Indices must lie in [0,
/// n), as those of max() do, which is not checked.
Array scatter_axis(const Array& x, const Array& indices, int axis, int64_t n);

Array softmax(const Array& x, int axis);
Array log_softmax(const Array& x, int axis);

/// Uniform in [low, high).
Array uniform_array(const Shape& shape, double low, double high, RandomKey key, DType dtype, Device device);
/// 1/keep with probability keep, else 0: the mask of inverted dropout.
Array dropout_mask(const Shape& shape, double keep, RandomKey key, DType dtype, Device device);

/// z = x w^T for x [n, in] and w [out, in], plus bias [out] where that is defined; y = f(z), or z itself without f.
struct DenseResult {
  Array x, w;  // as matmul_operand() gives them
  Array z, y;
};
DenseResult dense(const Array& x, const Array& w, const Array& bias, const std::optional<Unary>& f);
/// The way back from y to z and the bias: returns upstream f'(z) (without f, upstream), and writes its sum over the
/// rows into bias_gradient [out] where that is defined.
Array dense_gradient(const std::optional<Unary>& f, const DenseResult& forward, const Array& upstream,
                     const Array& bias_gradient);

/// One update of an optimizer, in one pass over parameter, gradient and states.
void update(const UpdateRule& rule, const UpdateArrays& x);
/// Throws Error in the name of `op` unless x is as UpdateArrays says, for a rule with so many states.
void check_update(const char* op, int states, const UpdateArrays& x);

/// Softmax cross-entropy (the formula is in layers/losses.h).
struct CrossEntropyResult {
  Array losses;    // [n], each times its label's weight and the scale
  Array gradient;  // [n, C], of the sum of the losses
  Array sum;       // [], of the losses
};
CrossEntropyResult cross_entropy(const Array& logits, const Array& labels, const CrossEntropyStep& step);

}  // namespace ramp

#pragma once
// The serial inner loops of the CPU backend, on raw pointers. kernels.cpp is compiled once for each instruction set;
// kernels<T>() picks the best one that this processor has, or the one that the environment variable RAMP_ISA names
// (avx512, avx2, baseline). Nothing else in the library depends on the processor. oneDNN makes its own choice, which
// ONEDNN_MAX_CPU_ISA (AVX512_CORE, AVX2, SSE41) limits.

#include <cstdint>

#include "ramp/core/formulas/bfloat16.h"
#include "ramp/core/formulas/formulas.h"
#include "ramp/core/formulas/updates.h"

namespace ramp {

template <class T>
struct Kernels {
  void (*map)(const Unary& f, const T* x, T* y, int64_t n);
  void (*map_gradient)(const Unary& f, const T* x, const T* y, const T* gradient, T* out, int64_t n);
  // rows of `columns` numbers: z += bias, y = f(z)
  void (*bias_map)(const Unary& f, T* z, const T* bias, T* y, int64_t rows, int64_t columns);
  // A stride is 1, or 0 for an argument that is a single number.
  void (*map2)(const Binary& f, const T* a, int stride_a, const T* b, int stride_b, T* y, int64_t n);
  void (*map2_gradient)(const Binary& f, int argument, const T* a, int stride_a, const T* b, int stride_b,
                        const T* gradient, T* out, int64_t n);
  T (*sum)(const T* x, int64_t n);
  T (*sum_squares)(const T* x, int64_t n);
  // sum[i] += the sum over rows of x[row * stride + i]
  void (*add_rows)(const T* x, int64_t rows, int64_t stride, T* sum, int64_t n);
  // Row-major c [m, n] = op(a) op(b); a is [m, k], or [k, m] when transposed; b likewise. ld: elements from row to row.
  void (*matmul)(int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, bool transpose_a, const T* b, int64_t ldb,
                 bool transpose_b, T* c, int64_t ldc);
  // The loss of one row, and its gradient, as CrossEntropyStep (options.h) has them. `weights`: one per class, or null.
  T(*cross_entropy)
  (const T* logits, int64_t classes, int32_t label, const T* weights, T keep, T spread, T* gradient);
  // One update of n elements, with `count` states and the factors that write_factors() wrote.
  void (*update)(const UpdateRule& rule, const double* factors, T* parameter, const T* gradient, T* const* states,
                 int count, int64_t n);
  // Takes float whatever T is.
  void (*to_bfloat16)(const float* x, BFloat16* y, int64_t n);
};

template <class T>
const Kernels<T>& kernels();

/// The instruction set that kernels() picked: "avx512", "avx2" or "baseline"; "native" in a build for one processor.
/// Throws Error if RAMP_ISA names an instruction set that this build does not have or that the processor lacks. The
/// first allocation calls it, so that the kernels, which run on the pool's threads, never throw.
const char* instruction_set();

}  // namespace ramp

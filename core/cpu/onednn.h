#pragma once
// Matrix products by oneDNN, if CMake found it: its kernels come closer to the processor's limit than Eigen's, and they
// multiply bfloat16 on processors with AVX512-BF16, using AMX where available.

#include <cstdint>
#include <string>

#include "ramp/core/cpu/kernels.h"

namespace ramp::cpu {

/// Like Kernels::matmul (kernels.h). Runs on the calling thread alone.
void onednn_matmul(int64_t m, int64_t n, int64_t k, const float* a, int64_t lda, bool transpose_a, const float* b,
                   int64_t ldb, bool transpose_b, float* c, int64_t ldc);

/// The same for bfloat16 matrices: the products of their elements are exact and are summed in float32.
using Bfloat16Product = void (*)(int64_t m, int64_t n, int64_t k, const BFloat16* a, int64_t lda, bool transpose_a,
                                 const BFloat16* b, int64_t ldb, bool transpose_b, float* c, int64_t ldc);
/// The bfloat16 product that Cpu::matmul calls: oneDNN's if the build has it and it may use AVX512-BF16 here, else
/// null. Tests may replace it.
Bfloat16Product& bfloat16_product();
/// Why there is no bfloat16 product, as the end of an error message, such as "a processor without it".
std::string why_no_bfloat16();

}  // namespace ramp::cpu

#pragma once
// Matrix products by oneDNN, where CMake found it: its kernels come closer to the processor's limit than Eigen's, and they
// multiply bfloat16 on processors with AVX512-BF16, by AMX where there is that too.

#include <cstdint>
#include <string>

#include "ramp/core/cpu/kernels.h"

namespace ramp::cpu {

/// As Kernels::matmul (kernels.h), on the calling thread alone.
void onednn_matmul(int64_t m, int64_t n, int64_t k, const float* a, int64_t lda, bool transpose_a, const float* b,
                   int64_t ldb, bool transpose_b, float* c, int64_t ldc);

/// The same for operands in bfloat16: their products are exact and are summed in float32.
using Bfloat16Product = void (*)(int64_t m, int64_t n, int64_t k, const Bfloat16* a, int64_t lda, bool transpose_a,
                                 const Bfloat16* b, int64_t ldb, bool transpose_b, float* c, int64_t ldc);
/// What Cpu::matmul calls: oneDNN's where the processor has AVX512-BF16, else null. A test may put its own here.
Bfloat16Product& bfloat16_product();
/// What this processor or this build has instead, as the end of an error's message.
std::string why_no_bfloat16();

}  // namespace ramp::cpu

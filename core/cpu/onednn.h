#pragma once
// Matrix products by oneDNN, where CMake found it: its kernels come closer to the processor's limit than Eigen's.

#include <cstdint>

namespace ramp::cpu {

/// As Kernels::matmul (kernels.h), on the calling thread alone.
void onednn_matmul(int64_t m, int64_t n, int64_t k, const float* a, int64_t lda, bool transpose_a, const float* b,
                   int64_t ldb, bool transpose_b, float* c, int64_t ldc);

}  // namespace ramp::cpu

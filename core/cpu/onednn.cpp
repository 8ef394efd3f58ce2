#include "ramp/core/cpu/onednn.h"

#ifdef RAMP_ONEDNN

#include <omp.h>
#include <oneapi/dnnl/dnnl.h>

#include <cstring>
#include <vector>

#include "ramp/core/error.h"

namespace ramp::cpu {

namespace {

/// oneDNN would share a product out over OpenMP's threads, which spin; ours have shared it out already.
class OneThread {
 public:
  OneThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~OneThread() { omp_set_num_threads(before_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

constexpr int64_t alias =
    512;  // floats: rows so far apart, or a multiple, fall into the same few sets of the first cache

/// `x` [rows, columns] with rows that do not alias: itself, or a copy in `memory`.
const float* unaliased(const float* x, int64_t rows, int64_t columns, int64_t& ld, std::vector<float>& memory) {
  if (ld % alias != 0) return x;
  const int64_t wider = columns + 16;
  memory.resize(static_cast<size_t>(rows * wider));
  for (int64_t i = 0; i < rows; ++i)
    std::memcpy(memory.data() + i * wider, x + i * ld, static_cast<size_t>(columns) * sizeof(float));
  ld = wider;
  return memory.data();
}

}  // namespace

void onednn_matmul(int64_t m, int64_t n, int64_t k, const float* a, int64_t lda, bool transpose_a, const float* b,
                   int64_t ldb, bool transpose_b, float* c, int64_t ldc) {
  // Its AVX2 kernel reads an operand down its columns where it lies: at half the speed when rows alias, in the gradient of
  // a weight above all. The copies cost a few percent of the product.
  thread_local std::vector<float> memory_a, memory_b;
  if (transpose_a && !transpose_b && m >= 64 && n >= 64) {
    a = unaliased(a, k, m, lda, memory_a);
    b = unaliased(b, k, n, ldb, memory_b);
  }
  const OneThread scope;
  const dnnl_status_t status =
      dnnl_sgemm(transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', m, n, k, 1, a, lda, b, ldb, 0, c, ldc);
  if (status != dnnl_success)
    fail("matmul", "oneDNN must multiply matrices, got its status ", static_cast<int>(status));
}

}  // namespace ramp::cpu

#endif

// Matrix products by cuBLASLt. It counts columns first: a row-major matrix is the transpose of a column-first one, so
// out^T = op(b)^T op(a)^T is computed, with the operands exchanged and nothing moved.

#include <cublasLt.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <tuple>

#include "ramp/cuda/check.h"
#include "ramp/cuda/context.h"
#include "ramp/cuda/cuda.h"

namespace ramp {

namespace {

constexpr const char* op = "matmul";

/// What an algorithm is chosen for. An alignment is the largest power of two up to 256 that divides the address.
struct PlanKey {
  int64_t m, n, k;
  bool transpose_a, transpose_b, is_double;
  uint32_t align_a, align_b, align_out;
  auto operator<=>(const PlanKey&) const = default;
};

uint32_t alignment(const Array& x) {
  const auto address = reinterpret_cast<uintptr_t>(x.data<void>());
  uint32_t align = 256;
  while (address % align != 0) align /= 2;
  return align;
}

/// A chosen algorithm with its descriptors; lives as long as the program.
struct Plan {
  cublasLtMatmulDesc_t product = nullptr;
  cublasLtMatrixLayout_t a = nullptr, b = nullptr, out = nullptr;  // in the exchanged roles: a is the array b
  cublasLtMatmulAlgo_t algorithm;
};

template <class T>
void set(cublasLtMatmulDesc_t product, cublasLtMatmulDescAttributes_t attribute, T value) {
  cuda::check(op, cublasLtMatmulDescSetAttribute(product, attribute, &value, sizeof value));
}
template <class T>
void set(cublasLtMatmulPreference_t preference, cublasLtMatmulPreferenceAttributes_t attribute, T value) {
  cuda::check(op, cublasLtMatmulPreferenceSetAttribute(preference, attribute, &value, sizeof value));
}

/// The layout of a row-major [rows, columns] array.
cublasLtMatrixLayout_t layout(cudaDataType_t type, int64_t rows, int64_t columns) {
  cublasLtMatrixLayout_t made;
  cuda::check(op, cublasLtMatrixLayoutCreate(&made, type, static_cast<uint64_t>(columns), static_cast<uint64_t>(rows),
                                             columns));
  return made;
}

/// float32 is computed in float32 all through: no TF32.
Plan make_plan(const PlanKey& key) {
  const cudaDataType_t type = key.is_double ? CUDA_R_64F : CUDA_R_32F;
  Plan plan;
  cuda::check(op,
              cublasLtMatmulDescCreate(&plan.product, key.is_double ? CUBLAS_COMPUTE_64F : CUBLAS_COMPUTE_32F, type));
  set(plan.product, CUBLASLT_MATMUL_DESC_TRANSA, key.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N);
  set(plan.product, CUBLASLT_MATMUL_DESC_TRANSB, key.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N);
  plan.a = key.transpose_b ? layout(type, key.n, key.k) : layout(type, key.k, key.n);
  plan.b = key.transpose_a ? layout(type, key.k, key.m) : layout(type, key.m, key.k);
  plan.out = layout(type, key.m, key.n);

  cublasLtMatmulPreference_t preference;
  cuda::check(op, cublasLtMatmulPreferenceCreate(&preference));
  set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, cuda::Context::workspace_bytes);
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, key.align_b);
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, key.align_a);
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, key.align_out);
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, key.align_out);
  cublasLtMatmulHeuristicResult_t best;
  int found = 0;
  const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(cuda::context().blas, plan.product, plan.a, plan.b,
                                                               plan.out, plan.out, preference, 1, &best, &found);
  cublasLtMatmulPreferenceDestroy(preference);
  cuda::check(op, status);
  if (found == 0)
    fail(op, "cuBLASLt has no algorithm for a product [", key.m, ", ", key.k, "] x [", key.k, ", ", key.n, ']');
  plan.algorithm = best.algo;
  return plan;
}

/// The current device's plan for a product; plans are never freed, so the reference stays good.
const Plan& plan_for(const PlanKey& key) {
  static std::mutex& mutex = *new std::mutex;
  static auto& plans = *new std::map<std::pair<int, PlanKey>, Plan>;
  const std::pair<int, PlanKey> device_key{cuda::context().device, key};
  std::lock_guard lock(mutex);
  auto found = plans.find(device_key);
  if (found == plans.end()) {
    cuda::forbid_in_capture(op, "a product of a shape that the warm-up steps did not have");
    found = plans.emplace(device_key, make_plan(key)).first;
  }
  return found->second;
}

}  // namespace

void Cuda::matmul(const Array& a, const Array& b, MatmulOptions options, const Array& out) {
  const int64_t m = out.shape()[0], n = out.shape()[1], k = a.shape()[options.transpose_a ? 0 : 1];
  if (m == 0 || n == 0) return;
  const Plan& plan = plan_for({m, n, k, options.transpose_a, options.transpose_b, out.dtype() == float64, alignment(a),
                               alignment(b), alignment(out)});
  const cuda::Context& c = cuda::context();
  visit_floating(op, out.dtype(), [&](auto t) {
    using T = decltype(t);
    const T one = 1, zero = 0;
    T* to = out.data<T>();
    cuda::check(
        op, cublasLtMatmul(c.blas, plan.product, &one, b.data<T>(), plan.a, a.data<T>(), plan.b, &zero, to, plan.out,
                           to, plan.out, &plan.algorithm, c.workspace, cuda::Context::workspace_bytes, c.stream));
  });
  cuda::check_launch(op);
}

}  // namespace ramp

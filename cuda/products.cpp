// Matrix products by cuBLASLt, which is column-major. A row-major matrix is the transpose of a column-major one, so
// out^T = op(b)^T op(a)^T is computed: a and b change places, and no data moves.

#include <cublasLt.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <tuple>

#include "ramp/core/backend/precision.h"
#include "ramp/cuda/check.h"
#include "ramp/cuda/context.h"
#include "ramp/cuda/cuda.h"

namespace ramp {

namespace {

constexpr const char* op = "matmul";

/// How the numbers are stored and multiplied.
enum class Kind : uint8_t { float64, float32, tf32, bf16 };

/// What the choice of an algorithm depends on. An alignment is the largest power of two up to 256 that divides the
/// address.
struct PlanKey {
  int64_t m, n, k;
  bool transpose_a, transpose_b, biased;
  Kind kind;
  uint32_t align_a, align_b, align_bias, align_out;
  auto operator<=>(const PlanKey&) const = default;
};

uint32_t alignment(const Array& x) {
  if (!x.defined()) return 256;
  const auto address = reinterpret_cast<uintptr_t>(x.data<const void>());
  uint32_t align = 256;
  while (address % align != 0) align /= 2;
  return align;
}

/// A chosen algorithm with its descriptors; lives as long as the program.
struct Plan {
  bool found = false;
  cublasLtMatmulDesc_t product = nullptr;
  cublasLtMatrixLayout_t a = nullptr, b = nullptr, out = nullptr;  // roles exchanged: a describes the array b
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

/// Kind::float32 is exact float32: nothing is rounded to TF32 on the way.
Plan make_plan(const PlanKey& key, const void* bias) {
  const bool is_double = key.kind == Kind::float64;
  const cudaDataType_t result = is_double ? CUDA_R_64F : CUDA_R_32F,
                       operand = key.kind == Kind::bf16 ? CUDA_R_16BF : result;
  const cublasComputeType_t compute = is_double                ? CUBLAS_COMPUTE_64F
                                      : key.kind == Kind::tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32
                                                               : CUBLAS_COMPUTE_32F;
  Plan plan;
  cuda::check(op, cublasLtMatmulDescCreate(&plan.product, compute, result));
  set(plan.product, CUBLASLT_MATMUL_DESC_TRANSA, key.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N);
  set(plan.product, CUBLASLT_MATMUL_DESC_TRANSB, key.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N);
  if (key.biased) {
    set(plan.product, CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
    set(plan.product, CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);  // the heuristic looks at its alignment
  }
  plan.a = key.transpose_b ? layout(operand, key.n, key.k) : layout(operand, key.k, key.n);
  plan.b = key.transpose_a ? layout(operand, key.k, key.m) : layout(operand, key.m, key.k);
  plan.out = layout(result, key.m, key.n);

  cublasLtMatmulPreference_t preference;
  cuda::check(op, cublasLtMatmulPreferenceCreate(&preference));
  set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, cuda::Branch::workspace_bytes);
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, key.align_b);
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, key.align_a);
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, key.align_out);
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, key.align_out);
  cublasLtMatmulHeuristicResult_t best;
  int found = 0;
  const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(cuda::context().blas, plan.product, plan.a, plan.b,
                                                               plan.out, plan.out, preference, 1, &best, &found);
  cublasLtMatmulPreferenceDestroy(preference);
  if (status != CUBLAS_STATUS_NOT_SUPPORTED) cuda::check(op, status);
  plan.found = status == CUBLAS_STATUS_SUCCESS && found > 0;
  plan.algorithm = best.algo;
  return plan;
}

/// The plans of all devices. The mutex also guards their descriptors, which hold the bias of the current call.
struct Plans {
  std::mutex mutex;
  std::map<std::pair<int, PlanKey>, Plan> of;

  Plan& find(const PlanKey& key, const void* bias) {
    const std::pair<int, PlanKey> device_key{cuda::context().device, key};
    auto found = of.find(device_key);
    if (found == of.end()) {
      cuda::leave_capture(op, "a product of a shape that the warm-up steps did not have");
      found = of.emplace(device_key, make_plan(key, bias)).first;
    }
    return found->second;
  }
};
Plans& plans() {
  static Plans& all = *new Plans;
  return all;
}

/// out = op(a) op(b), plus `bias` on every row if it is defined. Returns false if cuBLASLt has no algorithm for this.
bool multiply(Kind kind, const Array& a, const Array& b, MatmulOptions options, const Array& bias, const Array& out) {
  const int64_t m = out.shape()[0], n = out.shape()[1], k = a.shape()[options.transpose_a ? 0 : 1];
  const void* added = bias.defined() ? bias.data<const void>() : nullptr;
  cuda::Context& c = cuda::context();
  std::lock_guard lock(plans().mutex);
  Plan& plan = plans().find({m, n, k, options.transpose_a, options.transpose_b, bias.defined(), kind, alignment(a),
                             alignment(b), alignment(bias), alignment(out)},
                            added);
  if (!plan.found) return false;
  if (added) set(plan.product, CUBLASLT_MATMUL_DESC_BIAS_POINTER, added);
  const double one = 1, zero = 0;
  const float one_float = 1, zero_float = 0;
  const bool is_double = kind == Kind::float64;
  void* to = out.data<void>();
  const void *from_a = a.data<const void>(), *from_b = b.data<const void>();
  // A product with the transpose of its first factor is the gradient of weights.
  const cuda::OnSideStream scope(options.transpose_a, {&a, &b}, out);
  const cuda::Branch& branch = scope.branch();
  cuda::check(
      op, cublasLtMatmul(c.blas, plan.product, is_double ? static_cast<const void*>(&one) : &one_float, from_b, plan.a,
                         from_a, plan.b, is_double ? static_cast<const void*>(&zero) : &zero_float, to, plan.out, to,
                         plan.out, &plan.algorithm, branch.workspace, cuda::Branch::workspace_bytes, branch.stream));
  cuda::check_launch(op, branch.stream);
  return true;
}

/// Like the multiply() above, in the precision that is set for the device.
bool multiply(const Array& a, const Array& b, MatmulOptions options, const Array& bias, const Array& out) {
  if (out.dtype() == float64) return !bias.defined() && multiply(Kind::float64, a, b, options, {}, out);
  if (a.dtype() == bfloat16) return multiply(Kind::bf16, a, b, options, bias, out);
  return multiply(precision(out.device()) == Precision::tf32 ? Kind::tf32 : Kind::float32, a, b, options, bias, out);
}

}  // namespace

void Cuda::matmul(const Array& a, const Array& b, MatmulOptions options, const Array& out) {
  if (out.numel() == 0) return;
  if (multiply(a, b, options, {}, out)) return;
  if (a.dtype() == bfloat16) {
    const Array x(a.shape(), float32, a.device()), y(b.shape(), float32, b.device());
    convert(a, x), convert(b, y);
    return matmul(x, y, options, out);
  }
  fail(op, "cuBLASLt has no algorithm for a product of ", a.shape(), options.transpose_a ? " transposed" : "", " and ",
       b.shape(), options.transpose_b ? " transposed" : "");
}

void Cuda::dense(const Unary* f, const Array& x, const Array& w, const Array& bias, const Array& z, const Array& y) {
  const MatmulOptions options{.transpose_b = true};
  if (!bias.defined() || !multiply(x, w, options, bias, z)) {
    matmul(x, w, options, z);
    if (bias.defined()) map(Binary(formula::Add{}), z, bias, z);
  }
  if (f) map(*f, z, y);
}

void Cuda::require(Precision precision) {
  if (precision == Precision::float32) return;
  int major = 0;
  cuda::check("set_precision",
              cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, cuda::context().device));
  if (major < 8)
    fail("set_precision", precision, " products need a CUDA device of compute capability 8.0 or newer, got ", major,
         ".x");
}

}  // namespace ramp

// Column-major matrix products with cuBLASLt's rules: an algorithm serves only the product, layouts and alignments that
// it was chosen for, none can be chosen during a capture, and the workspace is overwritten.

#include "cublasLt.h"

#include <bit>
#include <memory>

#include <Eigen/Core>

#include "cuda_bf16.h"

struct cuda_on_cpu_blas {};
struct cuda_on_cpu_product {
  cublasComputeType_t compute;
  cudaDataType_t scale;
  cublasOperation_t op_a = CUBLAS_OP_N, op_b = CUBLAS_OP_N;
  cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  const void* bias = nullptr;
};
struct cuda_on_cpu_matrix {
  cudaDataType_t type;
  int64_t rows, columns, ld;
};
struct cuda_on_cpu_preference {
  size_t workspace_bytes = 0;
  uint32_t alignments[4] = {256, 256, 256, 256};  // of a, b, c and d
};

namespace {

constexpr size_t workspace_bytes = 4096;  // that every algorithm needs

uint64_t mixed(uint64_t seed, uint64_t value) { return (std::rotl(seed, 7) ^ value) * 0x9e3779b97f4a7c15u; }
uint64_t fingerprint(const cuda_on_cpu_product& p, std::initializer_list<const cuda_on_cpu_matrix*> layouts) {
  uint64_t all = 1;
  for (uint64_t part :
       {uint64_t{p.compute}, uint64_t{p.scale}, uint64_t{p.op_a}, uint64_t{p.op_b}, uint64_t{p.epilogue}})
    all = mixed(all, part);
  for (const cuda_on_cpu_matrix* m : layouts)
    for (int64_t part : {int64_t{m->type}, m->rows, m->columns, m->ld}) all = mixed(all, static_cast<uint64_t>(part));
  return all;
}

bool fit(const cuda_on_cpu_product& p, const cuda_on_cpu_matrix& a, const cuda_on_cpu_matrix& b,
         const cuda_on_cpu_matrix& d) {
  const auto rows = [](cublasOperation_t op, const cuda_on_cpu_matrix& m) { return op ? m.columns : m.rows; };
  const auto columns = [](cublasOperation_t op, const cuda_on_cpu_matrix& m) { return op ? m.rows : m.columns; };
  const cudaDataType_t operands = p.scale == CUDA_R_64F ? CUDA_R_64F : a.type == CUDA_R_16BF ? CUDA_R_16BF : CUDA_R_32F;
  return rows(p.op_a, a) == d.rows && columns(p.op_b, b) == d.columns && columns(p.op_a, a) == rows(p.op_b, b) &&
         a.ld >= a.rows && b.ld >= b.rows && d.ld >= d.rows && a.type == operands && b.type == operands &&
         d.type == p.scale && (p.scale == CUDA_R_64F) == (p.compute == CUBLAS_COMPUTE_64F);
}

template <class T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;
template <class T>
using Mapped = Eigen::Map<T, 0, Eigen::OuterStride<>>;

/// op(x) of a matrix, rounded to TF32 if the product computes in it.
template <class T>
Matrix<T> operand(const void* data, const cuda_on_cpu_matrix& m, cublasOperation_t op, cublasComputeType_t compute) {
  Matrix<T> x(m.rows, m.columns);
  if (m.type == CUDA_R_16BF) {
    for (int64_t j = 0; j < m.columns; ++j)
      for (int64_t i = 0; i < m.rows; ++i)
        x(i, j) = __bfloat162float(static_cast<const __nv_bfloat16*>(data)[j * m.ld + i]);
  } else {
    x = Mapped<const Matrix<T>>(static_cast<const T*>(data), m.rows, m.columns, Eigen::OuterStride<>(m.ld));
  }
  if constexpr (std::is_same_v<T, float>)
    if (compute == CUBLAS_COMPUTE_32F_FAST_TF32)
      x = x.unaryExpr([](float v) {
        return std::isfinite(v) ? std::bit_cast<float>((std::bit_cast<uint32_t>(v) + 0x1000) & ~uint32_t{0x1fff}) : v;
      });
  if (op == CUBLAS_OP_T) return x.transpose();
  return x;
}

bool aligned(const void* p, uint64_t bytes) { return reinterpret_cast<uintptr_t>(p) % bytes == 0; }

}  // namespace

const char* cublasLtGetStatusName(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS: return "CUBLAS_STATUS_SUCCESS";
    case CUBLAS_STATUS_INVALID_VALUE: return "CUBLAS_STATUS_INVALID_VALUE";
    case CUBLAS_STATUS_INTERNAL_ERROR: return "CUBLAS_STATUS_INTERNAL_ERROR";
    case CUBLAS_STATUS_NOT_SUPPORTED: return "CUBLAS_STATUS_NOT_SUPPORTED";
  }
  return "a status without a name";
}
const char* cublasLtGetStatusString(cublasStatus_t status) { return cublasLtGetStatusName(status); }

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  *handle = new cuda_on_cpu_blas;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* product, cublasComputeType_t compute,
                                        cudaDataType_t scale) {
  *product = new cuda_on_cpu_product{compute, scale};
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t product, cublasLtMatmulDescAttributes_t attribute,
                                              const void* value, size_t bytes) {
  const auto set = [&](auto& to) {
    if (bytes != sizeof to) return CUBLAS_STATUS_INVALID_VALUE;
    std::memcpy(&to, value, bytes);
    return CUBLAS_STATUS_SUCCESS;
  };
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA: return set(product->op_a);
    case CUBLASLT_MATMUL_DESC_TRANSB: return set(product->op_b);
    case CUBLASLT_MATMUL_DESC_EPILOGUE: return set(product->epilogue);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER: return set(product->bias);
  }
  return CUBLAS_STATUS_INVALID_VALUE;
}
cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType_t type, uint64_t rows,
                                          uint64_t columns, int64_t ld) {
  *layout = new cuda_on_cpu_matrix{type, static_cast<int64_t>(rows), static_cast<int64_t>(columns), ld};
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
  *preference = new cuda_on_cpu_preference;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute, const void* value,
                                                    size_t bytes) {
  if (attribute == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES) {
    if (bytes != sizeof preference->workspace_bytes) return CUBLAS_STATUS_INVALID_VALUE;
    std::memcpy(&preference->workspace_bytes, value, bytes);
  } else {
    if (bytes != sizeof preference->alignments[0]) return CUBLAS_STATUS_INVALID_VALUE;
    std::memcpy(&preference->alignments[attribute - CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES], value, bytes);
  }
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  delete preference;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t product, cublasLtMatrixLayout_t a,
                                              cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c,
                                              cublasLtMatrixLayout_t d, cublasLtMatmulPreference_t preference,
                                              int wanted, cublasLtMatmulHeuristicResult_t* results, int* found) {
  *found = 0;
  if (cuda_on_cpu_capturing()) return CUBLAS_STATUS_INTERNAL_ERROR;
  if (wanted < 1 || !fit(*product, *a, *b, *d)) return CUBLAS_STATUS_INVALID_VALUE;
  const bool biased = product->epilogue == CUBLASLT_EPILOGUE_BIAS;
  // There is no bias epilogue for float64, nor for a bias that is not aligned to 16 bytes.
  if (biased && (product->scale == CUDA_R_64F || !aligned(product->bias, 16))) return CUBLAS_STATUS_NOT_SUPPORTED;
  if (preference->workspace_bytes < workspace_bytes) return CUBLAS_STATUS_NOT_SUPPORTED;
  uint64_t* data = results->algo.data;
  data[0] = fingerprint(*product, {a, b, c, d});
  std::copy_n(preference->alignments, 4, data + 1);
  data[5] = biased ? 16 : 1;
  *found = 1;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t product, const void* alpha, const void* a,
                              cublasLtMatrixLayout_t layout_a, const void* b, cublasLtMatrixLayout_t layout_b,
                              const void* beta, const void* c, cublasLtMatrixLayout_t layout_c, void* d,
                              cublasLtMatrixLayout_t layout_d, const cublasLtMatmulAlgo_t* algorithm, void* workspace,
                              size_t bytes, cudaStream_t stream) {
  const uint64_t* data = algorithm->data;
  if (data[0] != fingerprint(*product, {layout_a, layout_b, layout_c, layout_d}) || !aligned(a, data[1]) ||
      !aligned(b, data[2]) || !aligned(c, data[3]) || !aligned(d, data[4]) || !aligned(product->bias, data[5]) ||
      !workspace || bytes < workspace_bytes)
    return CUBLAS_STATUS_INVALID_VALUE;
  const auto multiply = [&]<class T>(T) {
    return cuda_on_cpu_queue(stream, [=, alpha = *static_cast<const T*>(alpha), beta = *static_cast<const T*>(beta),
                                      p = *product, la = *layout_a, lb = *layout_b, lc = *layout_c, ld = *layout_d] {
      std::memset(workspace, 0xff, workspace_bytes);
      Matrix<T> result = alpha * (operand<T>(a, la, p.op_a, p.compute) * operand<T>(b, lb, p.op_b, p.compute));
      if (beta != 0) result += beta * operand<T>(c, lc, CUBLAS_OP_N, CUBLAS_COMPUTE_32F);
      if (p.epilogue == CUBLASLT_EPILOGUE_BIAS)
        result.colwise() +=
            Eigen::Map<const Eigen::Matrix<T, Eigen::Dynamic, 1>>(static_cast<const T*>(p.bias), ld.rows);
      Mapped<Matrix<T>>(static_cast<T*>(d), ld.rows, ld.columns, Eigen::OuterStride<>(ld.ld)) = result;
    });
  };
  const cudaError_t status = product->scale == CUDA_R_64F ? multiply(double()) : multiply(float());
  return status == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INTERNAL_ERROR;
}

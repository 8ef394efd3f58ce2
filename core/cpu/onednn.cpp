#include "ramp/core/cpu/onednn.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#ifdef RAMP_ONEDNN
#include <omp.h>

#include <compare>
#include <cstring>
#include <map>
#include <oneapi/dnnl/dnnl.hpp>
#include <vector>
#endif

#include "ramp/core/error.h"

namespace ramp::cpu {

#ifdef RAMP_ONEDNN

namespace {

/// Limits OpenMP to one thread: oneDNN would spread a product over OpenMP's threads, which spin, but the pool has
/// already split the work.
class OneThread {
 public:
  OneThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~OneThread() { omp_set_num_threads(before_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

constexpr int64_t alias = 512;  // floats: rows a multiple of this apart fall into the same few sets of the L1 cache

/// `x` [rows, columns] with rows that do not alias: x itself, or a copy in `memory` with another `ld`.
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
  // oneDNN's AVX2 kernel reads a matrix down its columns in place: at half the speed if the rows alias, above all in
  // weight gradients. The copies cost a few percent of the product.
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

// ---- bfloat16 -------------------------------------------------------------------------------------------------------

namespace {

/// What a prepared product depends on.
struct ProductKey {
  int64_t m, n, k, lda, ldb, ldc;
  bool transpose_a, transpose_b;
  auto operator<=>(const ProductKey&) const = default;
};

/// A product that oneDNN has prepared, with handles for its matrices.
struct Prepared {
  dnnl::matmul product;
  dnnl::memory a, b, c;
};

const dnnl::engine& engine() {
  static const auto& made = *new dnnl::engine(dnnl::engine::kind::cpu, 0);
  return made;
}

Prepared prepare(const ProductKey& key) {
  using Type = dnnl::memory::data_type;
  const auto matrix = [](int64_t rows, int64_t columns, Type type, int64_t ld, bool transposed) {
    return dnnl::memory::desc({rows, columns}, type,
                              transposed ? dnnl::memory::dims{1, ld} : dnnl::memory::dims{ld, 1});
  };
  const auto a = matrix(key.m, key.k, Type::bf16, key.lda, key.transpose_a);
  const auto b = matrix(key.k, key.n, Type::bf16, key.ldb, key.transpose_b);
  const auto c = matrix(key.m, key.n, Type::f32, key.ldc, false);
#if DNNL_VERSION_MAJOR >= 3
  const dnnl::matmul::primitive_desc plan(engine(), a, b, c);
#else
  const dnnl::matmul::primitive_desc plan(dnnl::matmul::desc(a, b, c), engine());
#endif
  const auto place = [](const dnnl::memory::desc& matrix) {
    return dnnl::memory(matrix, engine(), DNNL_MEMORY_NONE);  // the address is set for each product
  };
  return {dnnl::matmul(plan), place(a), place(b), place(c)};
}

/// Each thread prepares its own products, one per key: a product uses the scratch memory of the thread that made it, so
/// only that thread may run it. The costly part, the machine code, is shared through oneDNN's own cache.
Prepared& prepared(const ProductKey& key) {
  thread_local std::map<ProductKey, Prepared> all;
  if (const auto found = all.find(key); found != all.end()) return found->second;
  if (all.size() == 1024) all.clear();  // in a program whose batches all differ in size
  return all.emplace(key, prepare(key)).first->second;
}

/// A call allocates a little memory: oneDNN keeps the arguments in a map.
void onednn_bfloat16(int64_t m, int64_t n, int64_t k, const BFloat16* a, int64_t lda, bool transpose_a,
                     const BFloat16* b, int64_t ldb, bool transpose_b, float* c, int64_t ldc) {
  const OneThread scope;
  try {
    thread_local dnnl::stream stream(engine());
    Prepared& p = prepared({m, n, k, lda, ldb, ldc, transpose_a, transpose_b});
    p.a.set_data_handle(const_cast<BFloat16*>(a));
    p.b.set_data_handle(const_cast<BFloat16*>(b));
    p.c.set_data_handle(c);
    // The C interface, because matmul::execute() would build a map first.
    const dnnl_exec_arg_t matrices[] = {
        {DNNL_ARG_SRC, p.a.get()}, {DNNL_ARG_WEIGHTS, p.b.get()}, {DNNL_ARG_DST, p.c.get()}};
    dnnl::error::wrap_c_api(dnnl_primitive_execute(p.product.get(), stream.get(), 3, matrices),
                            "could not run a product");
    stream.wait();
  } catch (const dnnl::error& error) {
    fail("matmul", "oneDNN must multiply bfloat16 matrices [", m, ", ", k, "] x [", k, ", ", n, "], got its status ",
         static_cast<int>(error.status), ": ", error.message);
  }
}

/// Whether oneDNN may use AVX512-BF16 here. Processors with AMX have it too. The value of an instruction set has the
/// bits of all sets that it includes.
bool onednn_has_bfloat16() {
  constexpr int wanted = dnnl_cpu_isa_avx512_core_bf16;
  return (static_cast<int>(dnnl_get_effective_cpu_isa()) & wanted) == wanted;
}

}  // namespace

#endif

Bfloat16Product& bfloat16_product() {
#ifdef RAMP_ONEDNN
  static Bfloat16Product product = onednn_has_bfloat16() ? onednn_bfloat16 : nullptr;
#else
  static Bfloat16Product product = nullptr;
#endif
  return product;
}

namespace {

bool processor_has_bfloat16() {
#if defined(__x86_64__)
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  constexpr unsigned avx512_bf16 = 1U << 5;
  return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) && (eax & avx512_bf16);
#else
  return false;
#endif
}

}  // namespace

std::string why_no_bfloat16() {
#ifdef RAMP_ONEDNN
  if (processor_has_bfloat16())
    return "a oneDNN that may not use it, though the processor has it (ONEDNN_MAX_CPU_ISA, or the kernel)";
  return "a processor without it";
#else
  return processor_has_bfloat16() ? "a build without oneDNN" : "a processor without it and a build without oneDNN";
#endif
}

}  // namespace ramp::cpu

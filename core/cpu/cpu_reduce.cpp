// Reductions. Every sum is gathered in blocks that do not depend on the number of threads, so its bits do not either.

#include <cmath>
#include <vector>

#include "ramp/core/cpu/cpu.h"
#include "ramp/core/cpu/kernels.h"
#include "ramp/core/cpu/parallel.h"

namespace ramp {

namespace {

constexpr int64_t block = 8192;     // elements that a row is summed in
constexpr int64_t row_block = 256;  // rows that a column is summed in
constexpr int64_t column_block = 512;

/// Rows of n contiguous elements to one number each.
template <class T>
void sum_rows(const T* x, int64_t outer, int64_t n, T* out) {
  const int64_t blocks = (n + block - 1) / block;
  if (blocks <= 1) {
    parallel_for(outer, std::max<int64_t>(1, block * 4 / std::max<int64_t>(1, n)), [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) out[i] = kernels<T>().sum(x + i * n, n);
    });
    return;
  }
  std::vector<double> partial(static_cast<size_t>(outer * blocks));
  parallel_for(outer * blocks, 4, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t at = i % blocks * block;
      partial[static_cast<size_t>(i)] =
          static_cast<double>(kernels<T>().sum(x + i / blocks * n + at, std::min(block, n - at)));
    }
  });
  for (int64_t i = 0; i < outer; ++i) {
    double total = 0;
    for (int64_t b = 0; b < blocks; ++b) total += partial[static_cast<size_t>(i * blocks + b)];
    out[i] = static_cast<T>(total);
  }
}

/// [n, inner] to [inner], `columns` of them.
template <class T>
void sum_columns(const T* x, int64_t n, int64_t inner, int64_t columns, T* out) {
  std::fill_n(out, columns, T(0));
  if (n <= row_block) {
    for (int64_t i = 0; i < n; ++i) kernels<T>().add_to(x + i * inner, out, columns);
    return;
  }
  T partial[column_block];
  for (int64_t i0 = 0; i0 < n; i0 += row_block) {
    std::fill_n(partial, columns, T(0));
    for (int64_t i = i0; i < std::min(n, i0 + row_block); ++i) kernels<T>().add_to(x + i * inner, partial, columns);
    kernels<T>().add_to(partial, out, columns);
  }
}

}  // namespace

void Cpu::sum(const Array& x, AxisView view, const Array& out) {
  visit_floating("sum", x.dtype(), [&](auto t) {
    using T = decltype(t);
    const T* from = x.data<T>();
    T* to = out.data<T>();
    const auto [outer, n, inner] = view;
    if (inner == 1) return sum_rows(from, outer, n, to);
    const int64_t pieces = (inner + column_block - 1) / column_block;
    const int64_t work = std::max<int64_t>(1, n * std::min(inner, column_block));
    parallel_for(outer * pieces, std::max<int64_t>(1, (1 << 15) / work),
                 [=, n = n, inner = inner](int64_t begin, int64_t end) {
                   for (int64_t i = begin; i < end; ++i) {
                     const int64_t o = i / pieces, column = i % pieces * column_block;
                     sum_columns(from + o * n * inner + column, n, inner, std::min(column_block, inner - column),
                                 to + o * inner + column);
                   }
                 });
  });
}

void Cpu::max(const Array& x, AxisView view, const Array& values, const Array& indices) {
  int32_t* index = indices.data<int32_t>();
  visit(x.dtype(), [&](auto t) {
    using T = decltype(t);
    const T* from = x.data<T>();
    T* to = values.data<T>();
    const auto [outer, n, inner] = view;
    parallel_for(outer * inner, std::max<int64_t>(1, (1 << 14) / n),
                 [=, n = n, inner = inner](int64_t begin, int64_t end) {
                   for (int64_t at = begin; at < end; ++at) {
                     const T* column = from + at / inner * n * inner + at % inner;
                     int64_t best = 0;
                     for (int64_t i = 1; i < n && column[best * inner] == column[best * inner]; ++i) {
                       const T candidate = column[i * inner];
                       if (candidate > column[best * inner] || candidate != candidate) best = i;
                     }
                     to[at] = column[best * inner];
                     index[at] = static_cast<int32_t>(best);
                   }
                 });
  });
}

}  // namespace ramp

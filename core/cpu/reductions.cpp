// Reductions. Sums are accumulated in blocks that do not depend on the number of threads, so their bits do not either.

#include <cmath>

#include "ramp/core/cpu/cpu.h"
#include "ramp/core/cpu/kernels.h"
#include "ramp/core/cpu/parallel.h"

namespace ramp {

namespace {

constexpr int64_t block = 8192;     // elements per block of a row sum
constexpr int64_t row_block = 128;  // rows per block of a column sum
constexpr int64_t column_block = 512;

/// Sums each of `outer` rows of n contiguous elements.
template <class T>
void sum_rows(const Array& x, int64_t outer, int64_t n, const Array& out) {
  const int64_t blocks = (n + block - 1) / block;
  if (blocks <= 1) {
    parallel_for(
        outer, std::max<int64_t>(1, block * 4 / std::max<int64_t>(1, n)),
        [n](const T* x, T* out, int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) out[i] = kernels<T>().sum(x + i * n, n);
        },
        part<const T>(x), part<T>(out));
    return;
  }
  const Array partial({outer, blocks}, float64);
  parallel_for(
      outer * blocks, 4,
      [n, blocks](const T* x, double* partial, int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t at = i % blocks * block;
          partial[i] = static_cast<double>(kernels<T>().sum(x + i / blocks * n + at, std::min(block, n - at)));
        }
      },
      whole<const T>(x), part<double>(partial));
  parallel_for(
      outer, std::max<int64_t>(1, (1 << 13) / blocks),
      [blocks](const double* partial, T* out, int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
          out[i] = static_cast<T>(kernels<double>().sum(partial + i * blocks, blocks));
      },
      part<const double>(partial), part<T>(out));
}

/// Sums `columns` columns of x [n, inner] over n: pairwise, so that rounding errors grow only with log n (Higham 1993).
template <class T>
void sum_columns(const T* x, int64_t n, int64_t inner, int64_t columns, T* out) {
  if (n <= row_block) {
    std::fill_n(out, columns, T(0));
    return kernels<T>().add_rows(x, n, inner, out, columns);
  }
  const int64_t half = (n / 2 + row_block - 1) / row_block * row_block;
  T second[column_block];
  sum_columns(x, half, inner, columns, out);
  sum_columns(x + half * inner, n - half, inner, columns, second);
  kernels<T>().add_rows(second, 1, 0, out, columns);
}

}  // namespace

void Cpu::sum(const Array& x, AxisView view, const Array& out) {
  visit_floating("sum", x.dtype(), [&](auto t) {
    using T = decltype(t);
    if (view.inner == 1) return sum_rows<T>(x, view.outer, view.n, out);
    // The loop is over the columns of a single matrix, or over the matrices.
    if (view.outer == 1) {
      parallel_for(
          view.inner, std::max<int64_t>(16, (1 << 15) / view.n),
          [view](const T* x, T* out, int64_t begin, int64_t end) {
            for (int64_t column = begin; column < end; column += column_block)
              sum_columns(x + column, view.n, view.inner, std::min(column_block, end - column), out + column);
          },
          whole<const T>(x), part<T>(out));
    } else {
      parallel_for(
          view.outer, std::max<int64_t>(1, (1 << 15) / (view.n * view.inner)),
          [view](const T* x, T* out, int64_t begin, int64_t end) {
            for (int64_t o = begin; o < end; ++o)
              for (int64_t column = 0; column < view.inner; column += column_block)
                sum_columns(x + o * view.n * view.inner + column, view.n, view.inner,
                            std::min(column_block, view.inner - column), out + o * view.inner + column);
          },
          part<const T>(x), part<T>(out));
    }
  });
}

void Cpu::sum_squares(const Array& x, const Array& out) {
  const int64_t n = x.numel(), blocks = (n + block - 1) / block;
  const Array partial({blocks}, float64);
  visit_floating("sum_squares", x.dtype(), [&](auto t) {
    using T = decltype(t);
    parallel_for(
        blocks, 4,
        [n](const T* x, double* partial, int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i)
            partial[i] = static_cast<double>(kernels<T>().sum_squares(x + i * block, std::min(block, n - i * block)));
        },
        whole<const T>(x), part<double>(partial));
  });
  Cpu::sum(partial, {1, blocks, 1}, out);
}

void Cpu::max(const Array& x, AxisView view, const Array& values, const Array& indices) {
  visit(x.dtype(), [&](auto t) {
    using T = decltype(t);
    parallel_for(
        view.outer * view.inner, std::max<int64_t>(1, (1 << 14) / view.n),
        [n = view.n, inner = view.inner](const T* from, T* to, int32_t* index, int64_t begin, int64_t end) {
          for (int64_t at = begin; at < end; ++at) {
            const T* column = from + at / inner * n * inner + at % inner;
            int64_t best = 0;
            for (int64_t i = 1; i < n; ++i)
              if (math::ahead(column[i * inner], column[best * inner], false)) best = i;
            to[at] = column[best * inner];
            index[at] = static_cast<int32_t>(best);
          }
        },
        Access<const T>{x, view.inner != 1}, part<T>(values), part<int32_t>(indices));
  });
}

}  // namespace ramp

// Moving elements: copies, transposes, gathering and scattering.

#include <cstring>

#include "ramp/core/cpu/cpu.h"
#include "ramp/core/cpu/parallel.h"

namespace ramp {

namespace {

constexpr int64_t grain_bytes = 1 << 17;

/// Throws Error, naming `op`, unless all indices lie in [0, n).
void check_indices(const char* op, const Array& indices, int64_t n) {
  parallel_for(
      1, 1,
      [op, n, k = indices.numel()](const int32_t* index, int64_t, int64_t) {
        for (int64_t i = 0; i < k; ++i)
          if (index[i] < 0 || index[i] >= n)
            fail(op, "indices must lie in [0, ", n, "), got ", index[i], " at position ", i);
      },
      Access<const int32_t>{indices, true, true});
}

int64_t rows_a_piece(int64_t row_bytes) { return std::max<int64_t>(1, grain_bytes / std::max<int64_t>(1, row_bytes)); }

}  // namespace

void Cpu::copy(const Array& from, const Array& to) {
  const int64_t width = static_cast<int64_t>(size_of(from.dtype()));
  parallel_for(
      from.numel(), grain_bytes / width,
      [width](const char* source, char* target, int64_t begin, int64_t end) {
        std::memcpy(target + begin * width, source + begin * width, static_cast<size_t>((end - begin) * width));
      },
      part<const char>(from), part<char>(to));
}

void Cpu::copy_blocks(const Array& from, const Array& to, const BlockCopy& blocks) {
  const int64_t width = static_cast<int64_t>(size_of(from.dtype()));
  parallel_for(
      blocks.blocks, rows_a_piece(blocks.size * width),
      [blocks, width](const char* from, char* to, int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
          std::memcpy(to + (blocks.to_offset + i * blocks.to_stride) * width,
                      from + (blocks.from_offset + i * blocks.from_stride) * width,
                      static_cast<size_t>(blocks.size * width));
      },
      whole<const char>(from), whole<char>(to));
}

void Cpu::transpose(const Array& x, const Array& out) {
  static constexpr int64_t tile = 32;  // a tile of x and one of out fit the L1 cache
  const int64_t m = x.shape()[0], n = x.shape()[1];
  visit(x.dtype(), [&](auto t) {
    using T = decltype(t);
    parallel_for(
        n, tile,
        [m, n](const T* from, T* to, int64_t begin, int64_t end) {
          for (int64_t i0 = 0; i0 < m; i0 += tile)
            for (int64_t j = begin; j < end; ++j)
              for (int64_t i = i0; i < std::min(m, i0 + tile); ++i) to[j * m + i] = from[i * n + j];
        },
        whole<const T>(x), part<T>(out));
  });
}

void Cpu::gather(const Array& x, const Array& indices, const Array& out) {
  const int64_t k = indices.numel();
  check_indices("gather", indices, x.shape()[0]);
  if (out.numel() == 0) return;
  const int64_t row = out.bytes() / k;
  parallel_for(
      k, rows_a_piece(row),
      [row](const char* from, const int32_t* index, char* to, int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
          std::memcpy(to + i * row, from + index[i] * row, static_cast<size_t>(row));
      },
      whole<const char>(x), part<const int32_t>(indices), part<char>(out));
}

void Cpu::scatter_add(const Array& x, const Array& indices, const Array& out) {
  check_indices("scatter_add", indices, out.shape()[0]);
  fill(out, 0);
  if (x.numel() == 0) return;
  const int64_t k = indices.numel(), row = x.numel() / k;
  visit_floating("gather", x.dtype(), [&](auto t) {
    using T = decltype(t);
    // The threads split the columns, not the rows, because indices may repeat.
    parallel_for(
        row, std::max<int64_t>(16, (1 << 15) / k),
        [k, row](const T* from, const int32_t* index, T* to, int64_t begin, int64_t end) {
          for (int64_t i = 0; i < k; ++i)
            for (int64_t j = begin; j < end; ++j) to[index[i] * row + j] += from[i * row + j];
        },
        whole<const T>(x), whole<const int32_t>(indices), whole<T>(out));
  });
}

void Cpu::scatter_axis(const Array& x, const Array& indices, AxisView view, const Array& out) {
  fill(out, 0);
  visit_floating("max", x.dtype(), [&](auto t) {
    using T = decltype(t);
    parallel_for(
        view.outer, std::max<int64_t>(1, (1 << 13) / std::max<int64_t>(1, view.inner)),
        [view](const T* from, const int32_t* index, T* to, int64_t begin, int64_t end) {
          for (int64_t o = begin; o < end; ++o)
            for (int64_t i = 0; i < view.inner; ++i) {
              const int64_t at = o * view.inner + i;
              to[(o * view.n + index[at]) * view.inner + i] = from[at];
            }
        },
        part<const T>(x), part<const int32_t>(indices), part<T>(out));
  });
}

}  // namespace ramp

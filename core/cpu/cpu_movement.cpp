// Moving elements: copies, transposes, gathering and scattering.

#include <cstring>

#include "ramp/core/cpu/cpu.h"
#include "ramp/core/cpu/parallel.h"

namespace ramp {

namespace {

constexpr int64_t grain_bytes = 1 << 17;

int64_t rows_a_piece(int64_t row_bytes) { return std::max<int64_t>(1, grain_bytes / std::max<int64_t>(1, row_bytes)); }

}  // namespace

void Cpu::copy(const Array& from, const Array& to) {
  const char* source = static_cast<const char*>(from.data<void>());
  char* target = static_cast<char*>(to.data<void>());
  parallel_for(from.bytes(), grain_bytes, [=](int64_t begin, int64_t end) {
    std::memcpy(target + begin, source + begin, static_cast<size_t>(end - begin));
  });
}

void Cpu::copy_blocks(const Array& from, const Array& to, const BlockCopy& blocks) {
  const int64_t width = static_cast<int64_t>(size_of(from.dtype()));
  const char* source = static_cast<const char*>(from.data<void>()) + blocks.from_offset * width;
  char* target = static_cast<char*>(to.data<void>()) + blocks.to_offset * width;
  const size_t size = static_cast<size_t>(blocks.size * width);
  parallel_for(blocks.blocks, rows_a_piece(blocks.size * width), [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      std::memcpy(target + i * blocks.to_stride * width, source + i * blocks.from_stride * width, size);
  });
}

void Cpu::transpose(const Array& x, const Array& out) {
  constexpr int64_t tile = 32;  // a tile of either side fits the first cache
  const int64_t m = x.shape()[0], n = x.shape()[1];
  visit(x.dtype(), [&](auto t) {
    using T = decltype(t);
    const T* from = x.data<T>();
    T* to = out.data<T>();
    parallel_for(n, tile, [=](int64_t begin, int64_t end) {
      for (int64_t i0 = 0; i0 < m; i0 += tile)
        for (int64_t j = begin; j < end; ++j)
          for (int64_t i = i0; i < std::min(m, i0 + tile); ++i) to[j * m + i] = from[i * n + j];
    });
  });
}

void Cpu::gather(const Array& x, const Array& indices, const Array& out) {
  const int32_t* index = indices.data<int32_t>();
  const int64_t n = x.shape()[0], k = indices.numel();
  for (int64_t i = 0; i < k; ++i)
    if (index[i] < 0 || index[i] >= n)
      fail("gather", "indices must lie in [0, ", n, "), got ", index[i], " at position ", i);
  if (out.numel() == 0) return;
  const int64_t row = out.bytes() / k;
  const char* from = static_cast<const char*>(x.data<void>());
  char* to = static_cast<char*>(out.data<void>());
  parallel_for(k, rows_a_piece(row), [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) std::memcpy(to + i * row, from + index[i] * row, static_cast<size_t>(row));
  });
}

void Cpu::scatter_add(const Array& x, const Array& indices, const Array& out) {
  fill(out, 0);
  if (x.numel() == 0) return;
  const int64_t k = indices.numel(), row = x.numel() / k;
  const int32_t* index = indices.data<int32_t>();
  visit_floating("gather", x.dtype(), [&](auto t) {
    using T = decltype(t);
    const T* from = x.data<T>();
    T* to = out.data<T>();
    // Columns are shared out, not rows: rows may repeat.
    parallel_for(row, std::max<int64_t>(16, (1 << 15) / k), [=](int64_t begin, int64_t end) {
      for (int64_t i = 0; i < k; ++i)
        for (int64_t j = begin; j < end; ++j) to[index[i] * row + j] += from[i * row + j];
    });
  });
}

void Cpu::scatter_axis(const Array& x, const Array& indices, AxisView view, const Array& out) {
  fill(out, 0);
  const int32_t* index = indices.data<int32_t>();
  visit_floating("max", x.dtype(), [&](auto t) {
    using T = decltype(t);
    const T* from = x.data<T>();
    T* to = out.data<T>();
    for (int64_t o = 0; o < view.outer; ++o)
      for (int64_t i = 0; i < view.inner; ++i) {
        const int64_t at = o * view.inner + i;
        to[(o * view.n + index[at]) * view.inner + i] = from[at];
      }
  });
}

}  // namespace ramp

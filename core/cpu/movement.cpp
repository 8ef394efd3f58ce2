// Moving elements: copies, transposes, gathering and scattering.

#include <array>
#include <cstring>

#include "ramp/core/cpu/cpu.h"
#include "ramp/core/cpu/parallel.h"
#include "ramp/core/formulas/saturate_cast.h"

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

void Cpu::load_batch(const Array& images, const Array& labels, const Array& rows, double mean, double stddev,
                     const Array& to_images, const Array& to_labels) {
  const int64_t n = labels.numel(), k = rows.numel(), features = images.shape()[1];
  // A single piece: a loader's thread runs it alongside the training step, and must not add further threads to those of
  // the step.
  const auto load = [&]<class T>(T, const auto& normalized) {
    parallel_for(
        1, 1,
        [=](const T* from, const int32_t* from_labels, const int32_t* row, float* to, int32_t* to_labels, int64_t,
            int64_t) {
          for (int64_t i = 0; i < k; ++i) {
            if (row[i] < 0 || row[i] >= n)
              fail("load_batch", "rows must lie in [0, ", n, "), got ", row[i], " at position ", i);
            to_labels[i] = from_labels[row[i]];
            const T* image = from + row[i] * features;
            for (int64_t j = 0; j < features; ++j) to[i * features + j] = normalized(image[j]);
          }
        },
        whole<const T>(images), whole<const int32_t>(labels), Access<const int32_t>{rows, true, true},
        whole<float>(to_images), whole<int32_t>(to_labels));
  };
  if (images.dtype() == float32) return load(float(), [=](float x) { return normalized(x, mean, stddev); });
  std::array<float, 256> values;
  for (size_t i = 0; i < 256; ++i) values[i] = normalized(static_cast<uint8_t>(i), mean, stddev);
  load(uint8_t(), [values](uint8_t x) { return values[x]; });
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

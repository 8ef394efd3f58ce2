// The fused passes of a training step.

#include "ramp/cuda/cuda.h"
#include "ramp/cuda/device_error.h"
#include "ramp/cuda/launch.cuh"
#include "ramp/cuda/update.cuh"
#include "ramp/cuda/warp.cuh"

namespace ramp {

namespace {

template <class T>
struct CrossEntropyRows {
  int64_t n, classes;
  const T* logits;
  const int32_t* labels;
  const T* weights;  // one per class, or null
  T keep, spread;
  bool ignores;
  int32_t ignored;
  T *losses, *gradient;
  cuda::DeviceError* device_error;
  T *partial, *sum;  // the sums of the losses: of each block, and of all
  unsigned* ticket;

  __device__ T weight(int64_t c) const { return weights ? weights[c] : T(1); }
};

/// Rows per block. They depend on n alone, so that the sum of the losses does not depend on the device. With few rows,
/// each warp has one.
inline int64_t rows_a_block(int64_t n) { return n <= 8192 ? cuda::threads / 32 : 64; }

/// One warp per row. The formulas are CrossEntropyStep's (options.h).
template <class T>
__device__ void cross_entropy_row(const CrossEntropyRows<T>& r, int64_t row, int lane) {
  const T* z = r.logits + row * r.classes;
  T* out = r.gradient + row * r.classes;
  const int32_t label = r.labels[row];
  const bool skip = r.ignores && label == r.ignored, wrong = !skip && (label < 0 || label >= r.classes);
  if (wrong && lane == 0) cuda::report(r.device_error, row);
  if (skip || wrong) {
    for (int64_t c = lane; c < r.classes; c += 32) out[c] = 0;
    if (lane == 0) r.losses[row] = 0;
    return;
  }
  T top = -INFINITY;
  for (int64_t c = lane; c < r.classes; c += 32) top = math::max(top, z[c]);
  top = cuda::warp_max(top);

  T total = 0, spread_loss = 0, spread_sum = 0;
  for (int64_t c = lane; c < r.classes; c += 32) total += math::exp(z[c] - top);
  total = cuda::warp_sum(total);
  const T log_total = math::log(total), hit = r.keep * r.weight(label);
  if (r.spread != 0) {
    for (int64_t c = lane; c < r.classes; c += 32) {
      const T target = r.spread * r.weight(c);
      spread_loss += target * (log_total - (z[c] - top));
      spread_sum += target;
    }
    spread_loss = cuda::warp_sum(spread_loss);
    spread_sum = cuda::warp_sum(spread_sum);
  }
  const T scale = (hit + spread_sum) / total;
  for (int64_t c = lane; c < r.classes; c += 32) {
    T g = math::exp(z[c] - top) * scale;
    if (r.spread != 0) g -= r.spread * r.weight(c);
    if (c == label) g -= hit;
    out[c] = g;
  }
  if (lane == 0) r.losses[row] = hit * (log_total - (z[label] - top)) + spread_loss;
}

/// Gives thread 0 the sum of n numbers that other threads of the block, or other blocks, have written.
template <class T>
__device__ T block_sum(const T* x, int64_t n) {
  __shared__ T of_warps[cuda::threads / 32];
  T sum = 0;
  for (int64_t i = threadIdx.x; i < n; i += cuda::threads) sum += __ldcg(x + i);
  sum = cuda::warp_sum(sum);
  if (threadIdx.x % 32 == 0) of_warps[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x == 0)
    for (int w = 1; w < cuda::threads / 32; ++w) sum += of_warps[w];
  __syncthreads();
  return sum;
}

/// The last block to finish adds up the sums of all blocks, in a fixed order.
template <class T>
__global__ void __launch_bounds__(cuda::threads) cross_entropy_kernel(CrossEntropyRows<T> r, int64_t rows) {
  __shared__ bool last;
  const int64_t begin = blockIdx.x * rows, end = min(r.n, begin + rows);
  for (int64_t row = begin + threadIdx.x / 32; row < end; row += cuda::threads / 32)
    cross_entropy_row(r, row, threadIdx.x % 32);
  __syncthreads();
  const T mine = block_sum(r.losses + begin, end - begin);
  if (threadIdx.x == 0) {
    r.partial[blockIdx.x] = mine;
    __threadfence();
    last = atomicAdd(r.ticket, 1) == gridDim.x - 1;
  }
  __syncthreads();
  if (!last) return;
  __threadfence();
  const T total = block_sum(r.partial, gridDim.x);
  if (threadIdx.x == 0) {
    *r.sum = total;
    *r.ticket = 0;  // for the next call
  }
}

}  // namespace

void Cuda::cross_entropy(const Array& logits, const Array& labels, const CrossEntropyStep& step, const Array& losses,
                         const Array& gradient, const Array& sum) {
  const int64_t n = logits.shape()[0], classes = logits.shape()[1], rows_each = rows_a_block(n);
  const int64_t blocks = (n + rows_each - 1) / rows_each;
  const Array partial({blocks}, logits.dtype(), logits.device());
  visit_floating("cross_entropy", logits.dtype(), [&](auto t) {
    using T = decltype(t);
    const CrossEntropyRows<T> rows{
        .n = n,
        .classes = classes,
        .logits = logits.data<const T>(),
        .labels = labels.data<const int32_t>(),
        .weights = step.class_weights.defined() ? step.class_weights.data<const T>() : nullptr,
        .keep = static_cast<T>(step.keep()),
        .spread = static_cast<T>(step.spread(classes)),
        .ignores = step.ignore_index.has_value(),
        .ignored = step.ignore_index.value_or(0),
        .losses = losses.data<T>(),
        .gradient = gradient.data<T>(),
        .device_error = cuda::context().device_error,
        .partial = partial.data<T>(),
        .sum = sum.data<T>(),
        .ticket = cuda::context().ticket,
    };
    cuda::launch("cross_entropy", cross_entropy_kernel<T>, static_cast<unsigned>(blocks), cuda::threads, rows,
                 rows_each);
  });
  cuda::check_positions("cross_entropy", "labels", classes, labels, "row");
}

void Cuda::begin_update(const UpdateRule& rule, const UpdateArrays& x) {
  std::visit([&](const auto& f) { cuda::begin_update(f, x); }, rule);
}

void Cuda::update(const UpdateRule& rule, const UpdateArrays& x) {
  visit_floating("update", x.parameter.dtype(),
                 [&](auto t) { std::visit([&](const auto& f) { cuda::update<decltype(t)>(f, x); }, rule); });
}

}  // namespace ramp

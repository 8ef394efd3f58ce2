// A batch of stored images, gathered, converted and normalised in one pass.

#include "ramp/cuda/complaint.h"
#include "ramp/cuda/cuda.h"
#include "ramp/cuda/launch.cuh"

namespace ramp {

namespace {

/// The CPU's bits: nothing here that a compiler could fuse.
__device__ float normalized(double x, double mean, double stddev) { return static_cast<float>((x - mean) / stddev); }

/// Every value that a byte can have, computed once a block.
struct Bytes {
  float of[256];
  __device__ void prepare(double mean, double stddev) {
    for (int i = threadIdx.x; i < 256; i += blockDim.x) of[i] = normalized(i / 255.0, mean, stddev);
  }
  __device__ float operator()(uint8_t x) const { return of[x]; }
};
struct Floats {
  double mean, stddev;
  __device__ void prepare(double m, double s) {
    if (threadIdx.x == 0) mean = m, stddev = s;
  }
  __device__ float operator()(float x) const { return normalized(x, mean, stddev); }
};

template <class T>
struct Load {
  int64_t images, rows, features;
  const T* from;
  const int32_t *from_labels, *row;
  double mean, stddev;
  float* to;
  int32_t* to_labels;
  cuda::Complaint* complaint;
};

/// `width` neighbours in a row at a time.
template <int width, class T, class Values>
__global__ void __launch_bounds__(cuda::threads) load_batch_kernel(Load<T> load) {
  __shared__ Values values;
  values.prepare(load.mean, load.stddev);
  __syncthreads();
  struct alignas(sizeof(T) * width) Some {
    T at[width];
  };
  struct alignas(width % 4 == 0 ? 16 : 4) Four {
    float at[width % 4 == 0 ? 4 : 1];
  };
  constexpr int step = width % 4 == 0 ? 4 : 1;
  const int64_t packs = load.features / width;
  for (int64_t p = cuda::first_element(); p < load.rows * packs; p += cuda::grid_stride()) {
    const int64_t i = p / packs, at = p % packs * width, row = load.row[i];
    if (row < 0 || row >= load.images) {
      cuda::complain(load.complaint, i);
      continue;
    }
    if (at == 0) load.to_labels[i] = load.from_labels[row];
    const Some x = *reinterpret_cast<const Some*>(load.from + row * load.features + at);
    float* to = load.to + i * load.features + at;
#pragma unroll
    for (int j = 0; j < width; j += step) {
      Four y;
#pragma unroll
      for (int lane = 0; lane < step; ++lane) y.at[lane] = values(x.at[j + lane]);
      *reinterpret_cast<Four*>(to + j) = y;
    }
  }
}

}  // namespace

void Cuda::load_batch(const Array& images, const Array& labels, const Array& rows, double mean, double stddev,
                      const Array& to_images, const Array& to_labels) {
  const auto run = [&]<class T, class Values>(T, Values*) {
    const Load<T> load{.images = labels.numel(),
                       .rows = rows.numel(),
                       .features = images.shape()[1],
                       .from = images.data<const T>(),
                       .from_labels = labels.data<const int32_t>(),
                       .row = rows.data<const int32_t>(),
                       .mean = mean,
                       .stddev = stddev,
                       .to = to_images.data<float>(),
                       .to_labels = to_labels.data<int32_t>(),
                       // Nobody waits for the loader's kernels.
                       .complaint = cuda::context().complaints + 1};
    constexpr int width = cuda::lanes<T>;
    const bool wide = load.features % width == 0 && cuda::aligned(load.from) && cuda::aligned(load.to);
    cuda::launch("load_batch", wide ? load_batch_kernel<width, T, Values> : load_batch_kernel<1, T, Values>,
                 cuda::blocks(load.rows * load.features / (wide ? width : 1)), cuda::threads, load);
  };
  if (images.dtype() == uint8) run(uint8_t(), static_cast<Bytes*>(nullptr));
  else run(float(), static_cast<Floats*>(nullptr));
}

}  // namespace ramp

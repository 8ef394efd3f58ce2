#pragma once
// MNIST and sets of its form.

#include <string>

#include "ramp/core/data/dataset.h"

namespace ramp::data {

/// The mean and standard deviation of a set's pixels, on the scale from 0 to 1.
struct PixelStatistics {
  double mean = 0;
  double stddev = 1;
};
inline constexpr PixelStatistics mnist_pixels{0.1307, 0.3081};
inline constexpr PixelStatistics fashion_mnist_pixels{0.2860, 0.3530};

/// Reads `train-images-idx3-ubyte`, `train-labels-idx1-ubyte` and their `t10k-` pair from a directory, under dashed or
/// dotted names, plain or .gz (`train-images.idx3-ubyte.gz`). Inputs are the images as bytes, uint8 [n, rows *
/// columns], which a Loader makes float32 `(byte / 255 - mean) / stddev`; targets are their labels, int32 [n].
/// Fashion-MNIST has its own pixel statistics: `load_mnist(directory, fashion_mnist_pixels)`. Throws Error, with the
/// path, when a file is missing or invalid (see read_idx), when images and labels differ in number or train and test
/// images in size, when a set is empty, or when a label is not in 0 .. 9; and for statistics that are not finite or a
/// stddev that is not above 0.
Split load_mnist(const std::string& directory, PixelStatistics pixels = mnist_pixels);

}  // namespace ramp::data

#pragma once
// Labelled images in memory, and MNIST-like sets from disk.

#include <string>

#include "ramp/core/array/array.h"

namespace ramp::data {

/// The mean and standard deviation of a set's pixels, on the scale from 0 to 1.
struct PixelStatistics {
  double mean = 0;
  double stddev = 1;
};
/// Throws Error unless both are finite and stddev > 0. The message begins with [op] and `where`.
void check(const std::string& op, const PixelStatistics& pixels, const std::string& where = "");
inline constexpr PixelStatistics mnist_pixels{0.1307, 0.3081};
inline constexpr PixelStatistics fashion_mnist_pixels{0.2860, 0.3530};

/// Labelled images as they are stored. A Loader converts them to float32 `(x - mean) / stddev`, where x is the stored
/// float32, or the stored uint8 divided by 255. Copies share the arrays.
struct Dataset {
  Array images;            ///< uint8 or float32, [n, features]
  Array labels;            ///< int32, [n], each from 0 to classes - 1
  PixelStatistics pixels;  ///< for the Loader's normalisation
  int classes = 10;

  int64_t size() const { return images.shape().front(); }
  int64_t features() const { return images.shape().back(); }
  /// The first n images, as views. Throws Error unless 0 < n <= size().
  Dataset first(int64_t n) const;
  /// The set on another device, stored as it is here.
  Dataset to(Device device) const;
};

/// Throws Error unless the data set is as its comments say, on one device and not empty. The message begins with [op]
/// and `where`.
void check(const std::string& op, const Dataset& set, const std::string& where = "");

struct Split {
  Dataset train, test;
};

/// Reads `train-images-idx3-ubyte`, `train-labels-idx1-ubyte` and their `t10k-` pair from a directory, under dashed or
/// dotted names, plain or .gz (`train-images.idx3-ubyte.gz`). Images become [n, rows * columns]. Fashion-MNIST has its
/// own pixel statistics: `load_mnist(directory, fashion_mnist_pixels)`. Throws Error, with the path, when a file is
/// missing or invalid (see read_idx), when images and labels differ in number or train and test images in size, when a
/// set is empty, or when a label is not in 0 .. 9.
Split load_mnist(const std::string& directory, PixelStatistics pixels = mnist_pixels);

}  // namespace ramp::data

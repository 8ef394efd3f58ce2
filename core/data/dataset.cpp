#include "ramp/core/data/dataset.h"

#include <cmath>

#include "ramp/core/array_ops/array_ops.h"
#include "ramp/core/data/find.h"
#include "ramp/core/data/idx.h"

namespace ramp::data {
namespace {

std::string file(const std::string& directory, const std::string& stem) {
  const std::string path = find_idx(directory, stem);
  if (path.empty())
    fail("load_mnist", directory, ": expected a file ", stem,
         "-ubyte (or with a dot for the second dash, or .gz), got none");
  return path;
}

Dataset load_part(const std::string& directory, const std::string& part, PixelStatistics pixels) {
  const std::string images_path = file(directory, part + "-images-idx3");
  const std::string labels_path = file(directory, part + "-labels-idx1");
  // The headers are checked before the elements, of which there may be many, are read.
  const IdxHeader images = read_idx_header(images_path), labels = read_idx_header(labels_path);
  const Shape& shape = images.shape;
  if (shape.rank() != 3 || images.dtype != uint8)
    fail("load_mnist", images_path, ": expected uint8 images [n, rows, columns], got ", images.dtype, ' ', shape);
  if (labels.shape.rank() != 1 || !is_integer(labels.dtype))
    fail("load_mnist", labels_path, ": expected integer labels [n], got ", labels.dtype, ' ', labels.shape);
  if (shape[0] != labels.shape[0])
    fail("load_mnist", images_path, ": expected as many labels as images, got ", shape[0], " images and ",
         labels.shape[0], " labels");

  Dataset set{read_idx(images_path).view(Shape{shape[0], shape[1] * shape[2]}), to(read_idx(labels_path), int32),
              pixels, 10};
  check("load_mnist", set, images_path + ": ");
  return set;
}

}  // namespace

Dataset Dataset::first(int64_t n) const {
  check("first", *this);
  if (n <= 0 || n > size()) fail("first", "expected a number of images from 1 to ", size(), ", got ", n);
  return {images.rows(0, n), labels.rows(0, n), pixels, classes};
}

Dataset Dataset::to(Device device) const {
  return {ramp::to(images, device), ramp::to(labels, device), pixels, classes};
}

void check(const std::string& op, const PixelStatistics& pixels, const std::string& where) {
  if (!std::isfinite(pixels.mean) || !std::isfinite(pixels.stddev) || pixels.stddev <= 0)
    fail(op, where, "expected a finite mean and a standard deviation above 0, got ", pixels.mean, " and ",
         pixels.stddev);
}

void check(const std::string& op, const Dataset& set, const std::string& where) {
  const auto require = [&](bool holds, const auto&... rule) {
    if (!holds) fail(op, where, "expected ", rule...);
  };
  require(set.images.defined() && set.labels.defined(), "images and labels, got an undefined array");
  const Array &images = set.images, &labels = set.labels;
  require(images.rank() == 2 && (images.dtype() == uint8 || images.dtype() == float32),
          "uint8 or float32 images [n, features], got ", images.dtype(), ' ', images.shape());
  require(labels.rank() == 1 && labels.dtype() == int32, "int32 labels [n], got ", labels.dtype(), ' ', labels.shape());
  require(images.device() == labels.device(), "images and labels on one device, got ", images.device(), " and ",
          labels.device());
  require(images.shape()[0] == labels.numel(), "as many labels as images, got ", images.shape()[0], " images and ",
          labels.numel(), " labels");
  require(images.numel() > 0, "at least one image of at least one pixel, got ", images.shape());
  check(op, set.pixels, where);
  require(set.classes >= 1, "at least one class, got ", set.classes);
  const Array host = ramp::to(labels, Device::cpu());
  const auto* label = host.data<const int32_t>();
  for (int64_t i = 0; i < labels.numel(); ++i)
    require(label[i] >= 0 && label[i] < set.classes, "labels from 0 to ", set.classes - 1, ", got ", label[i], " at ",
            i);
}

Split load_mnist(const std::string& directory, PixelStatistics pixels) {
  Split split{load_part(directory, "train", pixels), load_part(directory, "t10k", pixels)};
  if (split.train.features() != split.test.features())
    fail("load_mnist", directory, ": expected train and test images of one size, got ", split.train.images.shape(),
         " and ", split.test.images.shape());
  return split;
}

}  // namespace ramp::data

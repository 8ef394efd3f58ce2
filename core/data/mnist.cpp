#include "ramp/core/data/mnist.h"

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

Dataset load_part(const std::string& directory, const std::string& part, const Standardization& pixels) {
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
  if (shape.numel() == 0)
    fail("load_mnist", images_path, ": expected at least one image of at least one pixel, got ", shape);

  const Array targets = to(read_idx(labels_path), int32);
  const auto* label = targets.data<const int32_t>();
  for (int64_t i = 0; i < targets.numel(); ++i)
    if (label[i] < 0 || label[i] > 9)
      fail("load_mnist", labels_path, ": expected labels from 0 to 9, got ", label[i], " at ", i);
  Dataset set{Tensor(read_idx(images_path).view({shape[0], shape[1] * shape[2]})), Tensor(targets)};
  set.standardization = pixels;
  return set;
}

}  // namespace

Split load_mnist(const std::string& directory, PixelStatistics pixels) {
  const Standardization bytes(255 * pixels.mean, 255 * pixels.stddev);
  Split split{load_part(directory, "train", bytes), load_part(directory, "t10k", bytes)};
  const Shape &train = split.train.inputs.shape(), &test = split.test.inputs.shape();
  if (train[1] != test[1])
    fail("load_mnist", directory, ": expected train and test images of one size, got ", train, " and ", test);
  return split;
}

}  // namespace ramp::data

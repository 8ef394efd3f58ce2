#pragma once
// IDX, the file format of MNIST and its relatives.

#include <string>

#include "ramp/core/array/array.h"
#include "ramp/core/data/dataset.h"

namespace ramp::data {

/// Reads an IDX file, plain or gzipped: bytes `00 00 type rank`, `rank` big-endian 32-bit sizes, then the elements in
/// row-major order, big-endian. Unsigned bytes give a uint8 array; signed bytes, shorts and ints give int32; floats
/// float32; doubles float64. Throws Error, with the path, when the file cannot be read, is not an IDX file, has more
/// than Shape::max_rank axes, or is shorter or longer than its header says; and for .gz in a build without zlib. Bytes
/// after the end of a gzip stream are ignored, as by gzip itself. A header that promises more than a file of this size
/// can hold, even unpacked, is rejected before memory is allocated for it; if memory runs out, the Error names the
/// bytes and the shape. Format: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits".
Array read_idx(const std::string& path);

/// The dtype and the shape of an IDX file's array.
struct IdxHeader {
  DType dtype;
  Shape shape;
};
/// The dtype and shape of the array that read_idx would return, from the file's header alone. Throws Error, with the
/// path, when the file cannot be read or its header is invalid.
IdxHeader read_idx_header(const std::string& path);

/// The data set of two IDX files of any shape: inputs as they are stored, and targets, of which integers become int32.
/// Throws Error, with the path, as read_idx() does, when the files differ in the size of the first axis, and when one
/// has no axis or no elements.
Dataset load_idx(const std::string& inputs_path, const std::string& targets_path);

}  // namespace ramp::data

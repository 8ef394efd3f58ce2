#pragma once
// IDX, the file format of MNIST and its relatives.

#include <string>

#include "ramp/core/array.h"

namespace ramp::data {

/// Reads an IDX file, plain or gzipped: bytes `00 00 type rank`, `rank` big-endian 32-bit sizes, then the elements in
/// row-major order, big-endian. Unsigned bytes give a uint8 array; signed bytes, shorts and ints give int32; floats
/// float32; doubles float64. Throws Error, with the path, when the file cannot be read, is no IDX file, has more than
/// Shape::max_rank axes, or is shorter or longer than its header says; and for .gz in a build without zlib. What follows
/// the end of a gzip stream is ignored, as gzip itself does. Memory is asked for as elements arrive, so a header that
/// promises too much costs nothing.
/// Format: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits".
Array read_idx(const std::string& path);

}  // namespace ramp::data

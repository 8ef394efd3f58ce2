#include "ramp/core/data/idx.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <limits>
#include <optional>
#include <type_traits>
#include <vector>

#ifdef RAMP_ZLIB
#include <zlib.h>
#endif

namespace ramp::data {
namespace {

#ifdef RAMP_ZLIB
/// A file's bytes in order, unpacked as they are read if the file is gzipped.
class ByteReader {
 public:
  explicit ByteReader(const std::string& path) : path_(path), file_(gzopen(path.c_str(), "rb")) {
    if (!file_) fail("read_idx", path, ": expected a readable file, got ", std::strerror(errno));
  }
  ~ByteReader() { gzclose(file_); }
  ByteReader(const ByteReader&) = delete;
  ByteReader& operator=(const ByteReader&) = delete;

  /// Up to `count` bytes (at most 2^31 - 1), fewer only at the end of the file.
  size_t read(unsigned char* to, size_t count) {
    const int got = gzread(file_, to, static_cast<unsigned>(count));
    int code = Z_OK;
    const char* message = gzerror(file_, &code);
    if (code == Z_ERRNO) message = std::strerror(errno);
    // A truncated gzip stream reads like a short file, so the error code decides, not the result of gzread.
    if (code != Z_OK && code != Z_STREAM_END) fail("read_idx", path_, ": expected a sound file, got ", message);
    return static_cast<size_t>(got);
  }

  /// Whether the file is gzipped.
  bool packed() const { return gzdirect(file_) == 0; }

 private:
  std::string path_;
  gzFile file_;
};
#else
/// A file's bytes in order.
class ByteReader {
 public:
  explicit ByteReader(const std::string& path) : path_(path), file_(std::fopen(path.c_str(), "rb")) {
    if (!file_) fail("read_idx", path, ": expected a readable file, got ", std::strerror(errno));
  }
  ~ByteReader() { std::fclose(file_); }
  ByteReader(const ByteReader&) = delete;
  ByteReader& operator=(const ByteReader&) = delete;

  size_t read(unsigned char* to, size_t count) {
    const size_t got = std::fread(to, 1, count, file_);
    if (std::ferror(file_)) fail("read_idx", path_, ": expected a sound file, got ", std::strerror(errno));
    if (first_ && got >= 2 && to[0] == 0x1f && to[1] == 0x8b)
      fail("read_idx", path_, ": expected an unpacked file, because this build of ramp has no zlib, got gzip");
    first_ = false;
    return got;
  }

  bool packed() const { return false; }

 private:
  std::string path_;
  std::FILE* file_;
  bool first_ = true;
};
#endif

/// The byte as two hexadecimal digits.
std::string hex(unsigned char byte) {
  char text[3];
  std::snprintf(text, sizeof text, "%02x", static_cast<unsigned>(byte));
  return text;
}

/// The size of a stored element in bytes, and the dtype that it is read as.
struct ElementType {
  size_t size;
  DType dtype;
};
std::optional<ElementType> element_type(unsigned char type) {
  switch (type) {
    case 0x08: return ElementType{1, uint8};
    case 0x09: return ElementType{1, int32};
    case 0x0b: return ElementType{2, int32};
    case 0x0c: return ElementType{4, int32};
    case 0x0d: return ElementType{4, float32};
    case 0x0e: return ElementType{8, float64};
    default: return std::nullopt;
  }
}

template <class Bits>
Bits big_endian(const unsigned char* bytes) {
  Bits value = 0;
  for (size_t i = 0; i < sizeof(Bits); ++i) value = static_cast<Bits>(value << 8 | bytes[i]);
  return value;
}

/// Returns the path. Throws Error unless it is a regular file.
const std::string& checked(const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found)
    fail("read_idx", path, ": expected a file, got nothing at this path");
  if (!std::filesystem::status_known(status))
    fail("read_idx", path, ": expected a readable file, got ", error.message());
  // Opening a pipe would block until it has a writer.
  if (!std::filesystem::is_regular_file(status))
    fail("read_idx", path, ": expected a regular file, got something else");
  return path;
}

Shape read_shape(ByteReader& reader, const std::string& path, int rank, size_t size_of_element) {
  unsigned char bytes[4 * Shape::max_rank];
  const size_t expected = 4 * static_cast<size_t>(rank);
  const size_t got = reader.read(bytes, expected);
  if (got < expected) fail("read_idx", path, ": expected ", 4 + expected, " bytes of header, got ", 4 + got);

  int64_t sizes[Shape::max_rank];
  // An array element has at most 8 bytes. The product of the nonzero sizes must fit even if the array is empty.
  int64_t room = std::numeric_limits<int64_t>::max() / static_cast<int64_t>(std::max<size_t>(size_of_element, 8));
  bool fits = true;
  std::string text;
  for (int axis = 0; axis < rank; ++axis) {
    sizes[axis] = big_endian<uint32_t>(bytes + 4 * axis);
    text += (axis ? " x " : "") + std::to_string(sizes[axis]);
    if (sizes[axis] != 0) room /= sizes[axis];
    if (room == 0) fits = false;
  }
  if (!fits) fail("read_idx", path, ": expected sizes whose product fits into 63 bits, got ", text);
  return {sizes, sizes + rank};
}

/// An IDX file whose header has been read.
struct File {
  explicit File(const std::string& file);

  std::string path;
  ByteReader reader;
  unsigned char type = 0;
  ElementType element{};
  Shape shape;
};

File::File(const std::string& file) : path(checked(file)), reader(file) {
  unsigned char magic[4];
  const size_t got = reader.read(magic, sizeof magic);
  if (got < sizeof magic) fail("read_idx", path, ": expected 4 bytes of magic number, got ", got);
  if (magic[0] != 0 || magic[1] != 0)
    fail("read_idx", path, ": expected a magic number that begins with 00 00, got ", hex(magic[0]), ' ', hex(magic[1]));
  type = magic[2];
  const auto known = element_type(type);
  if (!known) fail("read_idx", path, ": expected the element type 08, 09, 0b, 0c, 0d or 0e, got ", hex(type));
  element = *known;
  if (magic[3] > Shape::max_rank)
    fail("read_idx", path, ": expected at most ", Shape::max_rank, " axes, got ", static_cast<int>(magic[3]));
  shape = read_shape(reader, path, magic[3], element.size);
}

/// Throws Error when the header promises more elements than a file of this size can hold, before memory is allocated
/// for them.
void check_promise(const File& file, uint64_t expected) {
  std::error_code error;
  const uint64_t size = std::filesystem::file_size(file.path, error);
  if (error) fail("read_idx", file.path, ": expected a readable file, got ", error.message());
  if (file.reader.packed()) {
    constexpr uint64_t densest = 1032;  // the most that deflate makes of a byte: 258 bytes from 2 bits
    if (expected / densest > size)
      fail("read_idx", file.path, ": expected ", expected, " bytes of elements for the shape ", file.shape, ", got ",
           size, " bytes of gzip, which unpack to at most ", densest * size);
  } else {
    const uint64_t header = 4 + 4 * static_cast<uint64_t>(file.shape.rank()), body = size - std::min(size, header);
    if (expected > body)
      fail("read_idx", file.path, ": expected ", expected, " bytes of elements for the shape ", file.shape, ", got ",
           body);
  }
}

Array allocated(const File& file) {
  try {
    return Array(file.shape, file.element.dtype);
  } catch (const std::exception& error) {
    const uint64_t bytes = static_cast<uint64_t>(file.shape.numel()) * size_of(file.element.dtype);
    fail("read_idx", file.path, ": expected memory for ", bytes, " bytes of ", file.element.dtype, ' ', file.shape,
         ", got ", error.what());
  }
}

/// Reads the elements, which are stored as big-endian `Stored` of the size of `Bits`, into an array of `T`.
template <class T, class Stored, class Bits>
Array read_elements(File& file) {
  const uint64_t count = static_cast<uint64_t>(file.shape.numel()), expected = count * sizeof(Bits);
  check_promise(file, expected);
  Array array = allocated(file);
  T* const to = array.data<T>();
  std::vector<unsigned char> buffer;
  for (uint64_t done = 0; done < count;) {
    const uint64_t wanted = std::min<uint64_t>(count - done, (1 << 20) / sizeof(Bits));
    unsigned char* bytes;
    if constexpr (std::is_same_v<T, uint8_t>) {
      bytes = to + done;  // read in place
    } else {
      buffer.resize(wanted * sizeof(Bits));
      bytes = buffer.data();
    }
    const size_t got = file.reader.read(bytes, wanted * sizeof(Bits));
    if (got < wanted * sizeof(Bits))
      fail("read_idx", file.path, ": expected ", expected, " bytes of elements for the shape ", file.shape, ", got ",
           done * sizeof(Bits) + got);
    if constexpr (!std::is_same_v<T, uint8_t>)
      for (uint64_t i = 0; i < wanted; ++i)
        to[done + i] = static_cast<T>(std::bit_cast<Stored>(big_endian<Bits>(bytes + i * sizeof(Bits))));
    done += wanted;
  }
  unsigned char beyond;
  if (file.reader.read(&beyond, 1) != 0)
    fail("read_idx", file.path, ": expected ", expected, " bytes of elements for the shape ", file.shape, ", got more");
  return array;
}

}  // namespace

IdxHeader read_idx_header(const std::string& path) {
  const File file(path);
  return {file.element.dtype, file.shape};
}

Array read_idx(const std::string& path) {
  File file(path);
  switch (file.type) {
    case 0x08: return read_elements<uint8_t, uint8_t, uint8_t>(file);
    case 0x09: return read_elements<int32_t, int8_t, uint8_t>(file);
    case 0x0b: return read_elements<int32_t, int16_t, uint16_t>(file);
    case 0x0c: return read_elements<int32_t, int32_t, uint32_t>(file);
    case 0x0d: return read_elements<float, float, uint32_t>(file);
    default: return read_elements<double, double, uint64_t>(file);
  }
}

Dataset load_idx(const std::string& inputs_path, const std::string& targets_path) {
  // The headers are checked before the elements, of which there may be many, are read.
  const Shape inputs = read_idx_header(inputs_path).shape, targets = read_idx_header(targets_path).shape;
  const auto require_rows = [](const std::string& path, const Shape& shape) {
    if (shape.rank() == 0 || shape.numel() == 0)
      fail("load_idx", path, ": expected at least one row of at least one number, got ", shape);
  };
  require_rows(inputs_path, inputs);
  require_rows(targets_path, targets);
  if (inputs[0] != targets[0])
    fail("load_idx", targets_path, ": expected as many targets as inputs, got ", targets, " for ", inputs);
  Tensor learned(read_idx(targets_path));
  return {Tensor(read_idx(inputs_path)), learned.dtype() == uint8 ? learned.to(int32) : learned};
}

}  // namespace ramp::data

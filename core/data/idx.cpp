#include "ramp/core/data/idx.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <limits>
#include <vector>

#ifdef RAMP_ZLIB
#include <zlib.h>
#endif

namespace ramp::data {
namespace {

using Bytes = std::vector<unsigned char>;

#ifdef RAMP_ZLIB
/// A file's bytes in order, unpacked on the way when they are gzipped.
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
    // A gzip stream that breaks off reads as a short file, so the code decides and not what gzread returned.
    if (code != Z_OK && code != Z_STREAM_END) fail("read_idx", path_, ": expected a sound file, got ", message);
    return static_cast<size_t>(got);
  }

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

 private:
  std::string path_;
  std::FILE* file_;
  bool first_ = true;
};
#endif

/// The two digits that stand in a hex dump.
std::string hex(unsigned char byte) {
  char text[3];
  std::snprintf(text, sizeof text, "%02x", static_cast<unsigned>(byte));
  return text;
}

size_t element_size(unsigned char type) {
  switch (type) {
    case 0x08:
    case 0x09: return 1;
    case 0x0b: return 2;
    case 0x0c:
    case 0x0d: return 4;
    case 0x0e: return 8;
    default: return 0;
  }
}

template <class Bits>
Bits big_endian(const unsigned char* bytes) {
  Bits value = 0;
  for (size_t i = 0; i < sizeof(Bits); ++i) value = static_cast<Bits>(value << 8 | bytes[i]);
  return value;
}

/// Elements stored as `Stored`, whose bits are big-endian `Bits`, to an array of `T`.
template <class T, class Stored, class Bits>
Array decode(const Bytes& body, const Shape& shape) {
  Array array(shape, dtype_of<T>());
  T* to = array.data<T>();
  for (int64_t i = 0; i < shape.numel(); ++i)
    to[i] = static_cast<T>(std::bit_cast<Stored>(big_endian<Bits>(&body[static_cast<size_t>(i) * sizeof(Bits)])));
  return array;
}

Shape read_shape(ByteReader& reader, const std::string& path, int rank, size_t size_of_element) {
  unsigned char bytes[4 * Shape::max_rank];
  const size_t expected = 4 * static_cast<size_t>(rank);
  const size_t got = reader.read(bytes, expected);
  if (got < expected) fail("read_idx", path, ": expected ", 4 + expected, " bytes of header, got ", 4 + got);

  int64_t sizes[Shape::max_rank];
  // The widest array element has 8 bytes, and sizes that are not 0 must fit together even in an empty array.
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

/// The bytes of the elements; grows with what the file really holds.
Bytes read_body(ByteReader& reader, const std::string& path, const Shape& shape, size_t size_of_element) {
  constexpr size_t chunk = size_t{1} << 20;
  const size_t expected = static_cast<size_t>(shape.numel()) * size_of_element;
  Bytes body;
  while (body.size() < expected) {
    const size_t before = body.size(), wanted = std::min(chunk, expected - before);
    body.resize(before + wanted);
    const size_t got = reader.read(body.data() + before, wanted);
    if (got < wanted)
      fail("read_idx", path, ": expected ", expected, " bytes of elements for the shape ", shape, ", got ",
           before + got);
  }
  unsigned char beyond;
  if (reader.read(&beyond, 1) != 0)
    fail("read_idx", path, ": expected ", expected, " bytes of elements for the shape ", shape, ", got more");
  return body;
}

}  // namespace

Array read_idx(const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) fail("read_idx", path, ": expected a file, got nothing at this path");
  // Opening a pipe would wait for its writer.
  if (!std::filesystem::is_regular_file(status))
    fail("read_idx", path, ": expected a regular file, got something else");

  ByteReader reader(path);
  unsigned char magic[4];
  const size_t got = reader.read(magic, sizeof magic);
  if (got < sizeof magic) fail("read_idx", path, ": expected 4 bytes of magic number, got ", got);
  if (magic[0] != 0 || magic[1] != 0)
    fail("read_idx", path, ": expected a magic number that begins with 00 00, got ", hex(magic[0]), ' ', hex(magic[1]));
  const unsigned char type = magic[2];
  const size_t size = element_size(type);
  if (size == 0) fail("read_idx", path, ": expected the element type 08, 09, 0b, 0c, 0d or 0e, got ", hex(type));
  if (magic[3] > Shape::max_rank)
    fail("read_idx", path, ": expected at most ", Shape::max_rank, " axes, got ", static_cast<int>(magic[3]));

  const Shape shape = read_shape(reader, path, magic[3], size);
  const Bytes body = read_body(reader, path, shape, size);
  switch (type) {
    case 0x08: return decode<uint8_t, uint8_t, uint8_t>(body, shape);
    case 0x09: return decode<int32_t, int8_t, uint8_t>(body, shape);
    case 0x0b: return decode<int32_t, int16_t, uint16_t>(body, shape);
    case 0x0c: return decode<int32_t, int32_t, uint32_t>(body, shape);
    case 0x0d: return decode<float, float, uint32_t>(body, shape);
    default: return decode<double, double, uint64_t>(body, shape);
  }
}

}  // namespace ramp::data

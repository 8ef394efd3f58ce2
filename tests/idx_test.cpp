// IDX files: what is read, and what is refused.

#include "ramp/core/data/idx.h"

#include <sys/resource.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <random>

#include "data_test.h"

#ifdef RAMP_ZLIB
#include <zlib.h>
#endif

namespace ramp {
namespace {

using Idx = Data;

template <class Bits, class T>
std::string elements(const std::vector<T>& values) {
  std::string bytes;
  for (const T value : values) bytes += big_endian(std::bit_cast<Bits>(value));
  return bytes;
}

TEST_F(Idx, ReadsAllSixTypes) {
  const auto read = [&](int type, uint32_t n, const std::string& body) {
    return data::read_idx(write("file", header(type, {n}) + body));
  };
  EXPECT_EQ(values<uint8_t>(read(0x08, 3, std::string("\x00\x7f\xff", 3))), (std::vector<uint8_t>{0, 127, 255}));
  EXPECT_EQ(values<int32_t>(read(0x09, 3, std::string("\x00\x7f\xff", 3))), (std::vector<int32_t>{0, 127, -1}));
  EXPECT_EQ(values<int32_t>(read(0x0b, 3, elements<uint16_t>(std::vector<int16_t>{258, -32768, -2}))),
            (std::vector<int32_t>{258, -32768, -2}));
  const std::vector<int32_t> ints{16909060, std::numeric_limits<int32_t>::min(), -2};
  EXPECT_EQ(values<int32_t>(read(0x0c, 3, elements<uint32_t>(ints))), ints);
  const std::vector<float> floats{1.5f, -3.25e-20f, std::numeric_limits<float>::infinity()};
  EXPECT_EQ(values<float>(read(0x0d, 3, elements<uint32_t>(floats))), floats);
  const std::vector<double> doubles{1.0 / 3, -3.25e-200, std::numeric_limits<double>::max()};
  EXPECT_EQ(values<double>(read(0x0e, 3, elements<uint64_t>(doubles))), doubles);
}

TEST_F(Idx, ReadsEveryRankUpToTheLimit) {
  std::vector<uint32_t> sizes;
  uint32_t n = 1;
  for (int rank = 0; rank <= Shape::max_rank; ++rank) {
    std::string body;
    for (uint32_t i = 0; i < n; ++i) body += static_cast<char>(i);
    const Array array = data::read_idx(write("file", header(8, sizes) + body));
    ASSERT_EQ(array.shape(), Shape(std::vector<int64_t>(sizes.begin(), sizes.end())));
    for (uint32_t i = 0; i < n; ++i) ASSERT_EQ(array.data<uint8_t>()[i], static_cast<uint8_t>(i));
    sizes.push_back(rank == 0 ? 3 : 2);
    n *= sizes.back();
  }
  const std::string file = write("file", header(8, std::vector<uint32_t>(9, 1)) + "x");
  EXPECT_EQ(error_of([&] { data::read_idx(file); }), "[read_idx] " + file + ": expected at most 8 axes, got 9");
}

TEST_F(Idx, ReadsAnEmptyArray) {
  const Array array = data::read_idx(write("file", header(0x0d, {0, 28, 28})));
  EXPECT_EQ(array.shape(), (Shape{0, 28, 28}));
  EXPECT_EQ(array.dtype(), float32);
}

TEST_F(Idx, ReadsMoreThanOneChunk) {
  std::string body(3 * (1 << 20) + 17, '\0');
  for (size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>(i * 31 >> 3);
  const Array array = data::read_idx(write("file", header(8, {static_cast<uint32_t>(body.size())}) + body));
  EXPECT_EQ(std::memcmp(array.data<uint8_t>(), body.data(), body.size()), 0);
}

TEST_F(Idx, RefusesUnsoundFiles) {
  const std::string file = path("file");
  const auto refusal = [&](const std::string& bytes) {
    write("file", bytes);
    const std::string text = error_of([&] { data::read_idx(file); }), prefix = "[read_idx] " + file + ": expected ";
    EXPECT_EQ(text.substr(0, prefix.size()), prefix);
    return text.substr(std::min(text.size(), prefix.size()));
  };
  EXPECT_EQ(refusal(""), "4 bytes of magic number, got 0");
  EXPECT_EQ(refusal({'\0', '\0', '\x08'}), "4 bytes of magic number, got 3");
  EXPECT_EQ(refusal("PK\x08\x01"), "a magic number that begins with 00 00, got 50 4b");
  EXPECT_EQ(refusal(header(0x0a, {1}) + "x"), "the element type 08, 09, 0b, 0c, 0d or 0e, got 0a");
  EXPECT_EQ(refusal(header(0x08, {2, 3}).substr(0, 9)), "12 bytes of header, got 9");
  EXPECT_EQ(refusal(header(0x0c, {2, 3}) + std::string(23, 'x')), "24 bytes of elements for the shape [2, 3], got 23");
  EXPECT_EQ(refusal(header(0x0c, {2, 3}) + std::string(25, 'x')),
            "24 bytes of elements for the shape [2, 3], got more");
  EXPECT_EQ(refusal(header(0x08, {65536, 65536, 65536, 65536})),
            "sizes whose product fits into 63 bits, got 65536 x 65536 x 65536 x 65536");
  // The elements can be counted, but not their bytes.
  EXPECT_EQ(refusal(header(0x0e, {2147483648u, 2147483648u})),
            "sizes whose product fits into 63 bits, got 2147483648 x 2147483648");
  EXPECT_EQ(refusal(header(0x08, {0, 4294967295u, 4294967295u, 4294967295u})),
            "sizes whose product fits into 63 bits, got 0 x 4294967295 x 4294967295 x 4294967295");
}

TEST_F(Idx, AsksForNoMemoryThatAFileOnlyPromises) {
  const std::string file = write("file", header(0x0e, {1u << 20, 1u << 20, 1u << 18}) + "few");
  const int64_t before = memory_stats().live_bytes;
  EXPECT_EQ(error_of([&] { data::read_idx(file); }),
            "[read_idx] " + file +
                ": expected 2305843009213693952 bytes of elements for the shape [1048576, 1048576, 262144], got 3");
  EXPECT_EQ(memory_stats().live_bytes, before);
}

#ifndef RAMP_SANITIZED  // sanitizers map terabytes
/// While it lives, the process can map so many bytes more, and what the library keeps for the next array is given back.
class Room {
 public:
  explicit Room(int64_t bytes) {
    release_cached_memory();
    int64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    getrlimit(RLIMIT_AS, &before_);
    rlimit limit = before_;
    limit.rlim_cur = std::min(before_.rlim_max, static_cast<rlim_t>(pages * sysconf(_SC_PAGESIZE) + bytes));
    setrlimit(RLIMIT_AS, &limit);
  }
  ~Room() { setrlimit(RLIMIT_AS, &before_); }
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;

 private:
  rlimit before_{};
};

TEST_F(Idx, NeedsNoMemoryBesideTheArray) {
  const uint32_t megabyte = 1 << 20;
  const std::string file = write("file", header(8, {128, megabyte}));
  fs::resize_file(file, 12 + 128 * uint64_t{megabyte});
  const Room room(160 * int64_t{megabyte});
  EXPECT_EQ(data::read_idx(file).shape(), (Shape{128, megabyte}));
}

TEST_F(Idx, SaysForWhatThereIsNoMemory) {
  const uint32_t megabyte = 1 << 20;
  const std::string file = write("file", header(8, {512, megabyte}));
  fs::resize_file(file, 12 + 512 * uint64_t{megabyte});
  const Room room(256 * int64_t{megabyte});
  const std::string message =
      "[read_idx] " + file +
      ": expected memory for 536870912 bytes of uint8 [512, 1048576], got [allocate] out of memory";
  EXPECT_EQ(error_of([&] { data::read_idx(file); }).substr(0, message.size()), message);
}
#endif

TEST_F(Idx, RefusesWhatIsNoFile) {
  fs::create_symlink("loop", path("loop"));
  EXPECT_EQ(error_of([&] { data::read_idx(path("loop")); }),
            "[read_idx] " + path("loop") + ": expected a readable file, got Too many levels of symbolic links");
  EXPECT_EQ(error_of([&] { data::read_idx(path("none")); }),
            "[read_idx] " + path("none") + ": expected a file, got nothing at this path");
  EXPECT_EQ(error_of([&] { data::read_idx(directory_.string()); }),
            "[read_idx] " + directory_.string() + ": expected a regular file, got something else");
}

TEST_F(Idx, SurvivesTruncationAndFlippedBits) {
  const std::string whole = header(0x0b, {3, 2}) + elements<uint16_t>(std::vector<int16_t>{1, -2, 3, -4, 5, -6});
  for (size_t length = 0; length < whole.size(); ++length) {
    write("file", whole.substr(0, length));
    EXPECT_THROW(data::read_idx(path("file")), Error) << length << " bytes";
  }
  std::mt19937 random(1);
  int sound = 0;
  for (int round = 0; round < 500; ++round) {
    std::string bytes = whole;
    for (int flips = 1 + round % 3; flips > 0; --flips) bytes[random() % 12] ^= static_cast<char>(1 << random() % 8);
    write("file", bytes);
    try {
      const Array array = data::read_idx(path("file"));
      ++sound;
      ASSERT_LE(array.numel(), 12);  // no more than there are bytes
    } catch (const Error&) {
    }
  }
  EXPECT_LT(sound, 50);
}

#ifdef RAMP_ZLIB
std::string zipped(const std::string& file, const std::string& bytes) {
  const gzFile out = gzopen(file.c_str(), "wb");
  if (gzwrite(out, bytes.data(), static_cast<unsigned>(bytes.size())) != static_cast<int>(bytes.size()) ||
      gzclose(out) != Z_OK)
    throw std::runtime_error("cannot write " + file);
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST_F(Idx, ReadsGzip) {
  const std::vector<int32_t> ints{1, -2, 3, -4, 5, -6};
  zipped(path("a.gz"), header(0x0c, {3, 2}) + elements<uint32_t>(ints));
  const Array array = data::read_idx(path("a.gz"));
  EXPECT_EQ(array.shape(), (Shape{3, 2}));
  EXPECT_EQ(values<int32_t>(array), ints);
  zipped(path("b.gz"), header(0x08, {2}) + "123");
  EXPECT_EQ(error_of([&] { data::read_idx(path("b.gz")); }),
            "[read_idx] " + path("b.gz") + ": expected 2 bytes of elements for the shape [2], got more");
}

TEST_F(Idx, BelievesNoGzipMoreThanItsSizeAllows) {
  // Zeros are packed about as densely as deflate can.
  zipped(path("dense.gz"), header(8, {8, 1 << 20}) + std::string(8 << 20, '\0'));
  EXPECT_EQ(data::read_idx(path("dense.gz")).shape(), (Shape{8, 1 << 20}));
  const std::string file = path("file.gz");
  const size_t size = zipped(file, header(0x0e, {1u << 20, 1u << 20}) + "few").size();
  EXPECT_EQ(error_of([&] { data::read_idx(file); }),
            "[read_idx] " + file + ": expected 8796093022208 bytes of elements for the shape [1048576, 1048576], got " +
                std::to_string(size) + " bytes of gzip, which unpack to at most " + std::to_string(1032 * size));
}

TEST_F(Idx, RefusesDamagedGzip) {
  std::string noise(500, '\0');
  std::mt19937 random(2);
  for (char& byte : noise) byte = static_cast<char>(random());
  const std::string whole = zipped(path("file"), header(0x08, {500}) + noise);
  for (size_t length = 0; length < whole.size(); ++length) {
    write("file", whole.substr(0, length));
    EXPECT_THROW(data::read_idx(path("file")), Error) << length << " bytes";
  }
  EXPECT_EQ(error_of([&] { data::read_idx(write("file", whole.substr(0, whole.size() - 1))); }),
            "[read_idx] " + path("file") + ": expected a sound file, got " + path("file") + ": unexpected end of file");
  // A flipped bit of the noise is caught by the checksum alone.
  std::string flipped = whole;
  flipped[whole.size() / 2] ^= 1;
  EXPECT_NE(error_of([&] { data::read_idx(write("file", flipped)); }).find("expected a sound file"), std::string::npos);
}
#else
TEST_F(Idx, SaysThatGzipNeedsZlib) {
  const std::string file = write("file.gz", "\x1f\x8b\x08 and so on");
  EXPECT_EQ(error_of([&] { data::read_idx(file); }),
            "[read_idx] " + file + ": expected an unpacked file, because this build of ramp has no zlib, got gzip");
}
#endif

}  // namespace
}  // namespace ramp

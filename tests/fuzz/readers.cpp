// Fuzzes what reads bytes and names from outside: data::read_idx, load_mnist and the Loader behind it, data::find and
// find_idx, Device::parse. Files are made whole and then damaged, as random bytes would hardly get beyond the header.
// What is accepted must be what an independent reader finds in the file, and what that one refuses must be a
// ramp::Error.

#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>

#ifdef RAMP_ZLIB
#include <zlib.h>
#endif

#include "bytes.h"
#include "fuzz.h"
#include "ramp/core/data/find.h"
#include "ramp/core/data/idx.h"
#include "ramp/core/data/mnist.h"
#include "ramp/ramp.h"

namespace {

using namespace ramp;
using fuzz::attempt;
using fuzz::Bytes;
using fuzz::found;
using fuzz::record;
namespace fs = std::filesystem;

/// A folder of this process, gone with it.
struct Folder {
  Folder() {
    // In memory where that is possible: a disk makes a run a hundred times as long.
    const fs::path parent = fs::is_directory("/dev/shm") ? fs::path("/dev/shm") : fs::temp_directory_path();
    std::string name = (parent / "ramp-fuzz-XXXXXX").string();
    if (!mkdtemp(name.data())) found("no temporary folder: ", std::strerror(errno));
    path = name;
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  fs::path path;
};
const Folder& folder() {
  static const Folder it;
  return it;
}

void write(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

// ---- IDX ------------------------------------------------------------------------------------------------------------

/// A file with `sizes` in its header and as many elements as they say, unless that is absurd.
std::string idx_file(Bytes& in, uint8_t type, const std::vector<uint32_t>& sizes) {
  std::string file{'\0', '\0', static_cast<char>(type), static_cast<char>(sizes.size())};
  uint64_t count = 1;
  for (const uint32_t size : sizes) {
    for (int shift = 24; shift >= 0; shift -= 8) file += static_cast<char>(size >> shift);
    count = std::min<uint64_t>(count * size, uint64_t{1} << 32);
  }
  const uint64_t element = type == 0x0b ? 2 : type == 0x0c || type == 0x0d ? 4 : type == 0x0e ? 8 : 1;
  const uint64_t body = std::min<uint64_t>(count * element, 4096);
  for (uint64_t i = 0; i < body; ++i) file += static_cast<char>(in.byte());
  return file;
}

/// Cuts, lengthens or changes some bytes.
void damage(Bytes& in, std::string& file) {
  for (int64_t n = in.between(1, 3); n > 0; --n) {
    const int64_t size = static_cast<int64_t>(file.size());
    switch (in.below(5)) {
      case 0: file.resize(static_cast<size_t>(in.below(size + 1))); break;
      case 1: file += in.text(9); break;
      case 2: file.resize(static_cast<size_t>(std::max<int64_t>(0, size - in.between(1, 3)))); break;
      default:
        if (size > 0)
          file[static_cast<size_t>(in.below(in.chance(50) ? std::min<int64_t>(size, 20) : size))] ^=
              static_cast<char>(in.byte());
    }
  }
}

#ifdef RAMP_ZLIB
std::string packed(const std::string& bytes, int level) {
  z_stream z{};
  if (deflateInit2(&z, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) found("deflateInit2 failed");
  std::string out(deflateBound(&z, bytes.size()) + 32, '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  z.avail_in = static_cast<uInt>(bytes.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  if (deflate(&z, Z_FINISH) != Z_STREAM_END) found("deflate failed");
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}
/// What the members of a .gz file hold together; nothing when one is damaged. What follows the last one is ignored.
std::optional<std::string> unpacked(const std::string& file) {
  std::string out;
  size_t at = 0;
  while (file.size() - at >= 2 && file[at] == '\x1f' && file[at + 1] == '\x8b') {
    z_stream z{};
    if (inflateInit2(&z, 15 + 16) != Z_OK) found("inflateInit2 failed");
    z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(file.data() + at));
    z.avail_in = static_cast<uInt>(file.size() - at);
    int status = Z_OK;
    while (status == Z_OK) {
      char part[4096];
      z.next_out = reinterpret_cast<Bytef*>(part);
      z.avail_out = sizeof part;
      status = inflate(&z, Z_NO_FLUSH);
      out.append(part, sizeof part - z.avail_out);
    }
    at = file.size() - z.avail_in;
    inflateEnd(&z);
    if (status != Z_STREAM_END) return std::nullopt;
  }
  return out;
}
#endif

struct Idx {
  DType dtype;
  std::vector<int64_t> sizes;
  std::vector<double> values;
};
uint64_t big_endian(const std::string& bytes, size_t at, size_t count) {
  uint64_t value = 0;
  for (size_t i = 0; i < count; ++i) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
  return value;
}
/// What an unpacked IDX file says, by the format's definition; nothing when it is unsound.
std::optional<Idx> understood(const std::string& file) {
  if (file.size() < 4 || file[0] != 0 || file[1] != 0) return std::nullopt;
  const int type = file[2];
  const size_t rank = static_cast<uint8_t>(file[3]);
  size_t element;
  Idx idx;
  switch (type) {
    case 0x08: element = 1, idx.dtype = uint8; break;
    case 0x09: element = 1, idx.dtype = int32; break;
    case 0x0b: element = 2, idx.dtype = int32; break;
    case 0x0c: element = 4, idx.dtype = int32; break;
    case 0x0d: element = 4, idx.dtype = float32; break;
    case 0x0e: element = 8, idx.dtype = float64; break;
    default: return std::nullopt;
  }
  if (rank > 8 || file.size() < 4 + 4 * rank) return std::nullopt;
  unsigned __int128 count = 1, room = 8;
  for (size_t i = 0; i < rank; ++i) {
    const uint64_t size = big_endian(file, 4 + 4 * i, 4);
    idx.sizes.push_back(static_cast<int64_t>(size));
    count *= size;
    if (size) room *= size;
    if (room > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return std::nullopt;
  }
  if (file.size() - 4 - 4 * rank != count * element) return std::nullopt;
  for (size_t at = 4 + 4 * rank; at < file.size(); at += element) {
    const uint64_t bits = big_endian(file, at, element);
    switch (type) {
      case 0x08: idx.values.push_back(static_cast<double>(bits)); break;
      case 0x09: idx.values.push_back(static_cast<int8_t>(bits)); break;
      case 0x0b: idx.values.push_back(static_cast<int16_t>(bits)); break;
      case 0x0c: idx.values.push_back(static_cast<int32_t>(bits)); break;
      case 0x0d: idx.values.push_back(std::bit_cast<float>(static_cast<uint32_t>(bits))); break;
      default: idx.values.push_back(std::bit_cast<double>(bits));
    }
  }
  return idx;
}
/// The same of the file as it lies on the disk.
std::optional<Idx> content(const std::string& file) {
#ifdef RAMP_ZLIB
  if (file.size() >= 2 && file[0] == '\x1f' && file[1] == '\x8b') {
    const auto bytes = unpacked(file);
    return bytes ? understood(*bytes) : std::nullopt;
  }
#endif
  return understood(file);
}

bool same(double a, double b) { return a == b || (a != a && b != b); }

void read_idx(Bytes& in) {
  const auto type = in.chance(95) ? in.pick<uint8_t>({8, 9, 0x0b, 0x0c, 0x0d, 0x0e}) : in.byte();
  std::vector<uint32_t> sizes(static_cast<size_t>(in.chance(95) ? in.below(5) : in.below(12)));
  for (uint32_t& size : sizes)
    size = in.chance(95) ? static_cast<uint32_t>(in.below(7))
                         : in.pick<uint32_t>({0xffffffff, 0x80000000, 0x7fffffff, 0x10000, 1u << 20});
  std::string file = idx_file(in, type, sizes);
  if (in.chance(50)) damage(in, file);
#ifdef RAMP_ZLIB
  if (in.chance(50)) {
    const auto cut = static_cast<size_t>(in.below(static_cast<int64_t>(file.size()) + 1));
    const int level = static_cast<int>(in.below(10));
    file = in.chance(30) ? packed(file.substr(0, cut), level) + packed(file.substr(cut), level) : packed(file, level);
    if (in.chance(50)) damage(in, file);
  }
#endif
  const fs::path path = folder().path / (in.chance(50) ? "one" : "one.gz");
  write(path, file);
  record() << "read_idx of " << file.size() << " bytes, type " << int{type} << ", " << sizes.size() << " axes\n";
  const auto expected = content(file);
  const auto got = attempt([&] { return data::read_idx(path.string()); });
  if (got.has_value() != expected.has_value()) found(got ? "an unsound file was read" : "a sound file was refused");
  if (!got) return;
  if (got->dtype() != expected->dtype || got->shape() != Shape(expected->sizes))
    found("the header says ", expected->dtype, ' ', Shape(expected->sizes), ", got ", got->dtype(), ' ', got->shape());
  visit(got->dtype(), [&](auto zero) {
    const auto* values = got->data<const decltype(zero)>();
    for (size_t i = 0; i < expected->values.size(); ++i)
      if (!same(static_cast<double>(values[i]), expected->values[i]))
        found("element ", i, " is ", expected->values[i], ", got ", static_cast<double>(values[i]));
  });
}

// ---- A data set of four files ---------------------------------------------------------------------------------------

void clear(const fs::path& directory) {
  fs::remove_all(directory);
  fs::create_directories(directory);
}

void load_mnist(Bytes& in) {
  const fs::path directory = folder().path / "mnist";
  clear(directory);
  const std::array<uint32_t, 2> side{static_cast<uint32_t>(in.between(1, 4)), static_cast<uint32_t>(in.between(1, 4))};
  const int digits = in.chance(10) ? 11 : 10;
  const int64_t damaged = in.chance(60) ? in.below(4) : -1;
  std::optional<Idx> parts[4];
  for (int part = 0; part < 2; ++part) {
    const auto n = static_cast<uint32_t>(in.chance(95) ? in.between(1, 9) : 0);
    for (int k = 0; k < 2; ++k) {
      const bool odd = in.chance(3);
      std::string file = k == 0 ? idx_file(in, odd ? 9 : 8, {n, side[0], odd ? side[1] + 1 : side[1]})
                                : idx_file(in, in.pick<uint8_t>({8, 8, 8, 9, 0x0b, 0x0c, 0x0d}), {odd ? n + 1 : n});
      if (k == 1)
        for (size_t i = 8; i < file.size(); ++i) {
          const size_t width = file[2] == 0x0b ? 2 : file[2] == 0x0c || file[2] == 0x0d ? 4 : 1;
          const bool lowest = (i - 8) % width == width - 1;
          file[i] = static_cast<char>(lowest ? static_cast<uint8_t>(file[i]) % digits : 0);
        }
      if (damaged == 2 * part + k) damage(in, file);
      std::string name = std::string(part ? "t10k" : "train") + (k ? "-labels" : "-images") + in.pick({"-", "."}) +
                         (k ? "idx1" : "idx3") + "-ubyte";
#ifdef RAMP_ZLIB
      if (in.chance(40)) {
        name += ".gz";
        file = packed(file, 1);
        if (damaged == 2 * part + k && in.chance(30)) damage(in, file);
      }
#endif
      write(directory / name, file);
      parts[2 * part + k] = content(file);
      record() << name << ", " << file.size() << " bytes" << (damaged == 2 * part + k ? ", damaged\n" : "\n");
    }
  }
  const auto sound = [&](int part) {
    const auto &images = parts[2 * part], &labels = parts[2 * part + 1];
    return images && labels && images->dtype == uint8 && images->sizes.size() == 3 && !is_floating(labels->dtype) &&
           labels->sizes.size() == 1 && images->sizes[0] == labels->sizes[0] && !images->values.empty() &&
           std::all_of(labels->values.begin(), labels->values.end(), [](double y) { return y >= 0 && y < 10; });
  };
  const auto features = [&](int part) { return parts[2 * part]->sizes[1] * parts[2 * part]->sizes[2]; };
  const bool expected = sound(0) && sound(1) && features(0) == features(1);
  const auto split = attempt([&] { return data::load_mnist(directory.string()); });
  if (split.has_value() != expected) found(expected ? "a sound set was refused" : "an unsound set was loaded");
  if (!split) return;

  const data::LoaderOptions options{.batch_size = in.between(1, 4), .shuffle = in.chance(50)};
  const data::Loader loader(split->train, options);
  const auto as_delivered = [&](size_t row) {
    std::vector<double> out;
    for (auto j = static_cast<size_t>(features(0)), i = row * j; out.size() < j; ++i)
      out.push_back((parts[0]->values[i] / 255 - data::mnist_pixels.mean) / data::mnist_pixels.stddev);
    out.push_back(parts[1]->values[row]);
    return out;
  };
  std::vector<std::vector<double>> due, delivered;
  for (size_t row = 0; row < parts[1]->values.size(); ++row) due.push_back(as_delivered(row));
  int64_t batches = 0;
  for (const auto& [images, labels] : loader) {
    ++batches;
    const auto x = images.to_vector<float>();
    const auto y = labels.to_vector<int32_t>();
    for (size_t row = 0, width = static_cast<size_t>(features(0)); row < y.size(); ++row) {
      delivered.emplace_back(x.begin() + static_cast<std::ptrdiff_t>(row * width),
                             x.begin() + static_cast<std::ptrdiff_t>((row + 1) * width));
      delivered.back().push_back(y[row]);
    }
  }
  if (batches != loader.size()) found("the loader promised ", loader.size(), " batches, gave ", batches);
  // Far enough from each other, 1/255 of a pixel apart, for rounding not to change the order.
  const auto before = [](const auto& a, const auto& b) {
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                        [](double x, double y) { return x < y - 1e-4; });
  };
  std::sort(due.begin(), due.end(), before);
  if (options.shuffle) std::sort(delivered.begin(), delivered.end(), before);
  else {
    due.clear();
    for (size_t row = 0; row < parts[1]->values.size(); ++row) due.push_back(as_delivered(row));
  }
  if (due.size() != delivered.size()) found("a pass over ", due.size(), " images gave ", delivered.size());
  for (size_t row = 0; row < due.size(); ++row)
    for (size_t i = 0; i < due[row].size(); ++i)
      if (!(std::abs(due[row][i] - delivered[row][i]) <= 1e-5))
        found("image ", row, ", value ", i, ": ", due[row][i], " is stored, got ", delivered[row][i]);
}

// ---- Names ----------------------------------------------------------------------------------------------------------

void find(Bytes& in) {
  const fs::path directory = folder().path / "found";
  clear(directory);
  const auto name_part = [&]() -> std::string {
    if (in.chance(60))
      return in.pick<std::string>({"train-images-idx3", "t10k-labels-idx1", "mnist", "a-b", "-", "..", "/", "a", ""});
    return in.chance(10) ? std::string(static_cast<size_t>(in.below(6000)), 'x') : in.text(20);
  };
  std::string stem = name_part(), where = in.chance(70) ? directory.string() : name_part();
  if (in.chance(20)) stem += "-" + name_part();
  if (in.chance(40) && stem.find('/') == std::string::npos && stem.find('\0') == std::string::npos && stem.size() < 200)
    write(directory / (stem + in.pick({"-ubyte", "-ubyte.gz"})), "");
  record() << "find_idx of a stem of " << stem.size() << " bytes\n";
  if (const auto path = attempt([&] { return data::find_idx(where, stem); }); path && !path->empty())
    if (!fs::is_regular_file(*path)) found("find_idx gave ", *path, ", which is no file");

  clear(directory);
  bool whole = true;
  for (const char* needed : {"train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"}) {
    if (in.chance(15)) whole = false;
    else write(directory / (std::string(needed) + in.pick({"-ubyte", "-ubyte.gz"})), "");
  }
  const bool known = !in.chance(30);
  const std::string set = known ? in.pick<std::string>({"mnist-10k", "mnist", "fashion-mnist"}) : in.text(20);
  record() << "find of " << set << '\n';
  const auto place = attempt([&] { return data::find(set, directory.string()); });
  if (place.has_value() != (known && whole)) found(place ? "found what is not there" : "did not find what is there");
  if (const auto odd = attempt([&] { return data::find(set, where); }); odd && !where.empty() && *odd != where)
    found("was to look in ", where, ", found ", *odd);
}

void parse_device(Bytes& in) {
  std::string text = in.pick<std::string>({"cpu", "auto", "cuda", "cuda:0", "cuda:1", ""});
  if (in.chance(70)) damage(in, text);
  record() << "Device::parse of '" << text << "'\n";
  const auto device = attempt([&] { return Device::parse(text); });
  if ((text == "cpu" || text == "auto") && !device) found("refused");
  if (device && text != "auto" && text != "cuda" && to_string(*device) != text) found("taken for ", *device);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  record().str("");
  Bytes in(data, size);
  switch (in.below(8)) {
    case 0:
    case 1: load_mnist(in); break;
    case 2: find(in); break;
    case 3: parse_device(in); break;
    default: read_idx(in);
  }
  return 0;
}

#pragma once
// What a fuzzer makes its choices from: a string of bytes, consumed from the front. Once it is used up every choice is
// the first one, so that a shorter input is a simpler program.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <vector>

namespace fuzz {

class Bytes {
 public:
  Bytes(const uint8_t* data, size_t size) : data_(data), size_(size) {}

  bool empty() const { return size_ == 0; }
  uint8_t byte() {
    if (size_ == 0) return 0;
    --size_;
    return *data_++;
  }
  /// An integer in [0, n); n at least 1.
  int64_t below(int64_t n) {
    uint64_t value = byte();
    for (int64_t reach = 256; reach < n && reach < (int64_t{1} << 55); reach <<= 8) value = value << 8 | byte();
    return static_cast<int64_t>(value % static_cast<uint64_t>(n));
  }
  /// An integer in [low, high].
  int64_t between(int64_t low, int64_t high) { return low + below(high - low + 1); }
  /// True in about `percent` of all cases, never without bytes.
  bool chance(int percent) { return byte() % 100 >= 100 - percent; }
  template <class T>
  T pick(std::initializer_list<T> all) {
    return all.begin()[below(static_cast<int64_t>(all.size()))];
  }
  template <class T>
  T& pick(std::vector<T>& all) {
    return all[static_cast<size_t>(below(static_cast<int64_t>(all.size())))];
  }
  /// A number of moderate size, in steps of 1/16 within [-8, 8): it often meets the kinks of activations, and its
  /// equals.
  double moderate() { return (static_cast<double>(byte()) - 128) / 16; }
  /// Any number: mostly moderate ones, else a fraction, a huge or a tiny one, an infinity or NaN.
  double number() {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    switch (byte() % 16) {
      case 12: return pick({0.0, -0.0, 6.0, -3.0, 3.0, 1.0, -1.0, 255.0, 256.0, -0.5});
      case 13: return moderate() / 997;
      case 14: return std::ldexp(moderate(), static_cast<int>(between(-1080, 1021)));
      case 15: return pick({infinity, -infinity, std::numeric_limits<double>::quiet_NaN(), 1e30, -1e30, 3e9, 1e-40});
      default: return moderate();
    }
  }
  /// A string of at most `most` bytes, of any kind.
  std::string text(int64_t most) {
    std::string out(static_cast<size_t>(below(most + 1)), '\0');
    for (char& c : out) c = static_cast<char>(byte());
    return out;
  }

 private:
  const uint8_t* data_;
  size_t size_;
};

}  // namespace fuzz

#pragma once
// The sizes of an array's axes, outermost first.

#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <string>
#include <vector>

namespace ramp {

/// Up to eight axis sizes, stored in place so that copying a shape does not allocate. The empty shape is a scalar's.
class Shape {
 public:
  static constexpr int max_rank = 8;

  Shape() = default;
  /// Throws Error when a size is negative, there are more than eight, or their product overflows 63 bits.
  Shape(std::initializer_list<int64_t> sizes) : Shape(sizes.begin(), sizes.end()) {}
  explicit Shape(const std::vector<int64_t>& sizes) : Shape(sizes.data(), sizes.data() + sizes.size()) {}
  Shape(const int64_t* begin, const int64_t* end);

  int rank() const { return rank_; }
  /// The number of elements: the product of the sizes, 1 for a scalar.
  int64_t numel() const { return numel_; }
  /// The size of one axis, counted from the first. Throws Error unless 0 <= axis < rank.
  int64_t operator[](int axis) const {
    if (axis < 0 || axis >= rank_) refuse(axis);
    return sizes_[axis];
  }
  const int64_t* begin() const { return sizes_; }
  const int64_t* end() const { return sizes_ + rank_; }
  /// The first and the last size. Throw Error for a scalar's shape.
  int64_t front() const { return (*this)[0]; }
  int64_t back() const { return (*this)[rank_ - 1]; }

  /// This shape with the size of one axis replaced. Throws Error unless 0 <= axis < rank, and as the constructor does.
  Shape with(int axis, int64_t size) const;
  /// This shape without one axis. Throws Error unless 0 <= axis < rank.
  Shape without(int axis) const;

  bool operator==(const Shape& other) const = default;  // sizes beyond the rank are 0

 private:
  [[noreturn]] void refuse(int axis) const;

  int64_t sizes_[max_rank] = {};
  int64_t numel_ = 1;
  int rank_ = 0;
};

/// `[2, 3]`
std::string to_string(const Shape& shape);
std::ostream& operator<<(std::ostream& out, const Shape& shape);

/// Maps axis -1 to the last and so on. Throws Error, prefixed with [op], unless -rank <= axis < rank.
int normalize_axis(const char* op, int axis, const Shape& shape);

/// The extents before, at and after an axis: a reduction over one axis treats an array as [outer, n, inner].
struct AxisView {
  int64_t outer, n, inner;
};
/// Throws Error unless 0 <= axis < rank.
AxisView around(int axis, const Shape& shape);

}  // namespace ramp

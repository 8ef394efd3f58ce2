#pragma once
// Array: plain numbers on a device. Kernels and backward code see only arrays; Tensor (tensor.h) adds gradients.

#include <memory>
#include <vector>

#include "ramp/core/array/device.h"
#include "ramp/core/array/dtype.h"
#include "ramp/core/array/shape.h"
#include "ramp/core/array/storage.h"

namespace ramp {

/// What an array's elements take. Throws Error when that is more than 2^56 bytes.
int64_t bytes_of(const Shape& shape, DType dtype);

/// A dense row-major block of numbers: a storage, an offset into it, a shape and a dtype. Copying copies the handle,
/// not the numbers. A default Array is undefined and stands for "none".
class Array {
 public:
  Array() = default;
  /// Uninitialised memory.
  explicit Array(const Shape& shape, DType dtype = float32, Device device = {});
  /// The elements that a storage begins with. Throws Error when it has fewer bytes than they need.
  Array(std::shared_ptr<Storage> storage, const Shape& shape, DType dtype);

  bool defined() const { return storage_ != nullptr; }
  const Shape& shape() const { return shape_; }
  int rank() const { return shape_.rank(); }
  int64_t numel() const { return shape_.numel(); }
  DType dtype() const { return dtype_; }
  /// Throws Error when the array is undefined, as data() does.
  Device device() const { return memory().device(); }
  int64_t bytes() const { return numel() * static_cast<int64_t>(size_of(dtype_)); }
  const std::shared_ptr<Storage>& storage() const { return storage_; }
  /// Where in its storage the array begins, in bytes.
  int64_t offset() const { return offset_; }

  /// The first element's address, on the device. `T` must be the dtype's type, or void. Use a const T to read. Asking
  /// for a writable address counts as a write (note_write), by which backward() and others notice that the numbers
  /// changed, so do not keep that address across steps; ask again. A step that asks for an address on the CPU while it
  /// is captured (capture.h) goes on eagerly: replays would not run the loop that uses it.
  template <class T>
  T* data() const {
    if (CaptureListener* listener = capturing()) listener->use_data(*this);
    T* const first = address<T>();
    if constexpr (!std::is_const_v<T>) note_write("data() for writing; read through data<const T>()");
    return first;
  }
  /// Like data(), but allowed in a captured step: for loops of parallel_for() and kernels, which replays repeat.
  /// Nothing else may write through it in a captured step.
  template <class T>
  T* address() const {
    if constexpr (!std::is_void_v<T>)
      if (dtype_of<std::remove_const_t<T>>() != dtype_) refuse(dtype_of<std::remove_const_t<T>>());
    if constexpr (!std::is_const_v<T>) {
      if (capturing()) hold_in_captured_step();
      memory().note_write(offset_, offset_ + bytes());
    }
    memory().await(offset_, offset_ + bytes(), !std::is_const_v<T>);
    return reinterpret_cast<T*>(static_cast<char*>(memory().data()) + offset_);
  }
  /// Says that these numbers were just written, by "optimizer.step()", say.
  void note_write(const char* by) const { memory().note_write(offset_, offset_ + bytes(), by); }

  /// The same numbers under another shape of as many elements.
  Array view(const Shape& shape) const;
  /// As view(), where one size may be -1 and is then inferred.
  Array reshape(const std::vector<int64_t>& sizes) const;
  /// Rows [begin, end) of the first axis, as a view.
  Array rows(int64_t begin, int64_t end) const;
  /// Elements [begin, begin + shape.numel()) as a view of another shape: how an arena hands out its parts. Throws Error
  /// unless they lie within this array.
  Array slice(int64_t begin, const Shape& shape) const;

 private:
  Storage& memory() const {
    if (!storage_) refuse();
    return *storage_;
  }
  [[noreturn]] void refuse(DType wanted) const;
  [[noreturn]] static void refuse();
  void hold_in_captured_step() const;

  std::shared_ptr<Storage> storage_;
  int64_t offset_ = 0;  // in bytes
  Shape shape_;
  DType dtype_ = float32;
};

/// Whether both have bytes of the same memory.
inline bool overlap(const Array& a, const Array& b) {
  return a.storage() == b.storage() && a.offset() < b.offset() + b.bytes() && b.offset() < a.offset() + a.bytes();
}

}  // namespace ramp

#pragma once
// Raw memory on a device, shared by the arrays that are views of it.

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "ramp/core/array/memory.h"
#include "ramp/core/hooks.h"

namespace ramp {

/// A block of bytes, aligned to 256, uninitialised. Freed blocks go to the device's cache and come from there again, so
/// that a steady training step asks the system for no memory. (The cache gives blocks back to the system before it asks
/// for more than twice the peak use plus 64 MiB.)
class Storage {
 public:
  /// Throws Error with the number of bytes when the device has no more memory.
  Storage(int64_t bytes, Device device);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  void* data() const { return data_; }
  int64_t bytes() const { return bytes_; }
  Device device() const { return device_; }
  const CaptureId& capture_id() const { return capture_id_; }

  /// Called by Array::address() before the bytes [begin, end) are read or written. A device sets it on memory that it
  /// works on out of the order of its stream, so that what comes next waits for that; null when there is no such work.
  using Await = void (*)(const Storage& memory, int64_t begin, int64_t end, bool to_write);
  void set_await(Await function) { await_ = function; }
  void await(int64_t begin, int64_t end, bool to_write) const {
    if (await_) await_(*this, begin, end, to_write);
  }

  /// A copy of the float32 numbers in it as bfloat16, in the same order, which an optimizer keeps for matrix products.
  /// Null if there is none, or if a write was noted since it was set.
  std::shared_ptr<Storage> bfloat16_copy() const { return copied_writes_ == writes_ ? bfloat16_copy_ : nullptr; }
  void set_bfloat16_copy(std::shared_ptr<Storage> copy) { bfloat16_copy_ = std::move(copy), copied_writes_ = writes_; }

  /// The last write to the bytes [begin, end): backward() uses it to notice that what it needs was overwritten.
  struct Write {
    int64_t begin, end;
    uint64_t version = 0;      ///< larger for later writes to this storage; 0 when nothing was written
    const char* by = nullptr;  ///< what wrote, "optimizer.step()", where that is known
  };
  /// Notes a write to the bytes [begin, end). `by` must live for ever.
  void note_write(int64_t begin, int64_t end, const char* by = nullptr) {
    if (begin == 0 && end == bytes_) whole_version_ = ++writes_, whole_by_ = by;
    else note_part(begin, end, by);
  }
  /// The latest write to any byte of [begin, end).
  Write last_write(int64_t begin, int64_t end) const;
  /// How many writes were noted.
  uint64_t writes() const { return writes_; }
  /// The ranges that were written after there had been `writes` of them.
  std::vector<Write> written_since(uint64_t writes) const;

 private:
  void note_part(int64_t begin, int64_t end, const char* by);

  void* data_;
  int64_t bytes_;
  Device device_;
  CaptureId capture_id_;
  Await await_ = nullptr;
  std::shared_ptr<Storage> bfloat16_copy_;
  uint64_t copied_writes_ = 0;  // the writes that the copy contains
  uint64_t writes_ = 0;
  uint64_t whole_version_ = 0;  // the last write to all of it
  const char* whole_by_ = nullptr;
  /// Writes to less than all of it, as to an optimizer's arena.
  struct Parts {
    std::vector<Write> writes;  // in the order of their ranges
    size_t last = 0;            // the latest of them
  };
  std::unique_ptr<Parts> parts_;
};

}  // namespace ramp

#pragma once
// Raw memory on a device, shared by the arrays that are views of it.

#include <cstdint>
#include <memory>
#include <utility>

#include "ramp/core/birth.h"
#include "ramp/core/device.h"

namespace ramp {

/// A block of bytes, aligned to 256, uninitialised. It comes from the device's cache and goes back there, so that a
/// training step in its steady state asks the system for no memory.
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
  const Birth& birth() const { return birth_; }

  /// The float32 numbers in it rounded to bfloat16, in the same order, or null: kept by an optimizer for the products that
  /// take them so, until somebody asks for an address to write to (Array::data).
  const std::shared_ptr<Storage>& rounded() const { return rounded_; }
  void set_rounded(std::shared_ptr<Storage> rounded) { rounded_ = std::move(rounded); }

 private:
  void* data_;
  int64_t bytes_;
  Device device_;
  Birth birth_;
  std::shared_ptr<Storage> rounded_;
};

/// What a device's allocator has handed out and kept.
struct MemoryStats {
  int64_t live_bytes = 0;          ///< held by storages now, rounded up to the allocator's sizes
  int64_t cached_bytes = 0;        ///< freed by storages, kept for the next ones
  int64_t system_allocations = 0;  ///< how often the system (or driver) was asked since the start
};
MemoryStats memory_stats(Device device = {});
/// Gives the cached blocks of a device back to the system.
void release_cached_memory(Device device = {});

}  // namespace ramp

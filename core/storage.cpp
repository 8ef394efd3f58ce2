#include "ramp/core/storage.h"

#include <algorithm>

#include "ramp/core/backend.h"

namespace ramp {

namespace {

void* allocate(int64_t bytes, Device device) {
  if (bytes < 0 || bytes > most_bytes) fail("allocate", "expected 0 to 2^56 bytes, got ", bytes);
  if (device != Device::cpu()) check_device(device);
  return on(device, [&](auto b) { return b.allocate(bytes); });
}

}  // namespace

Storage::Storage(int64_t bytes, Device device) : data_(allocate(bytes, device)), bytes_(bytes), device_(device) {}

Storage::~Storage() {
  always_on(device_, [&](auto b) { b.deallocate(data_, bytes_); });
}

void Storage::note_part(int64_t begin, int64_t end, const char* by) {
  constexpr size_t most_parts = 1 << 16;  // with more, a write to a new range counts as one to all
  const auto before = [](const Write& part, const std::pair<int64_t, int64_t>& range) {
    return std::pair(part.begin, part.end) < range;
  };
  auto part = std::lower_bound(parts_.begin(), parts_.end(), std::pair(begin, end), before);
  if (part == parts_.end() || part->begin != begin || part->end != end) {
    if (parts_.size() == most_parts) return note_write(0, bytes_, by);
    part = parts_.insert(part, {begin, end});
  }
  part->version = ++writes_, part->by = by;
}

Storage::Write Storage::last_write(int64_t begin, int64_t end) const {
  Write last = whole_;
  for (const Write& part : parts_)
    if (part.begin < end && begin < part.end && part.version > last.version) last = part;
  return last;
}

std::vector<Storage::Write> Storage::written_since(uint64_t writes) const {
  std::vector<Write> found;
  if (whole_.version > writes) found.push_back(whole_);
  for (const Write& part : parts_)
    if (part.version > writes) found.push_back(part);
  return found;
}

MemoryStats memory_stats(Device device) {
  return on(check_device(device), [](auto b) { return b.memory_stats(); });
}

void release_cached_memory(Device device) {
  on(check_device(device), [](auto b) { b.release_cached_memory(); });
}

}  // namespace ramp

#include "ramp/core/array/storage.h"

#include <algorithm>
#include <iterator>

namespace ramp {

Storage::Storage(int64_t bytes, Device device) : data_(allocate(bytes, device)), bytes_(bytes), device_(device) {}

Storage::~Storage() { deallocate(data_, bytes_, device_); }

void Storage::note_part(int64_t begin, int64_t end, const char* by) {
  constexpr size_t most_parts = 1 << 16;  // with more, a write to a new range counts as one to all
  if (!parts_) parts_ = std::make_unique<Parts>();
  std::vector<Write>& parts = parts_->writes;
  size_t& last = parts_->last;
  // A step writes ranges that lie side by side one after the other.
  const auto is_it = [&](size_t i) { return i < parts.size() && parts[i].begin == begin && parts[i].end == end; };
  if (is_it(last + 1)) {
    ++last;
  } else if (is_it(last - 1)) {
    --last;
  } else {
    const auto before = [](const Write& part, const Write& range) {
      return std::pair(part.begin, part.end) < std::pair(range.begin, range.end);
    };
    last = static_cast<size_t>(std::lower_bound(parts.begin(), parts.end(), Write{begin, end}, before) - parts.begin());
    if (!is_it(last)) {
      if (parts.size() == most_parts) return note_write(0, bytes_, by);
      parts.insert(parts.begin() + static_cast<std::ptrdiff_t>(last), {begin, end});
    }
  }
  parts[last].version = ++writes_, parts[last].by = by;
}

Storage::Write Storage::last_write(int64_t begin, int64_t end) const {
  Write last{0, bytes_, whole_version_, whole_by_};
  if (parts_)
    for (const Write& part : parts_->writes)
      if (part.begin < end && begin < part.end && part.version > last.version) last = part;
  return last;
}

std::vector<Storage::Write> Storage::written_since(uint64_t writes) const {
  std::vector<Write> found;
  if (whole_version_ > writes) found.push_back({0, bytes_, whole_version_, whole_by_});
  if (parts_)
    std::copy_if(parts_->writes.begin(), parts_->writes.end(), std::back_inserter(found),
                 [&](const Write& part) { return part.version > writes; });
  return found;
}

}  // namespace ramp

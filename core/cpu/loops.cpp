#include "ramp/core/cpu/loops.h"

#include <algorithm>

namespace ramp::cpu {

namespace {

bool conflict(const Range& a, const Range& b) { return (a.writes || b.writes) && a.begin < b.end && b.begin < a.end; }

enum class Relation { none, by_rows, ordered };

Relation relation(const Loop& earlier, const Loop& later) {
  Relation found = Relation::none;
  for (const Range& a : earlier.ranges)
    for (const Range& b : later.ranges) {
      if (!conflict(a, b)) continue;
      if (a.whole || b.whole || a.begin != b.begin || a.end != b.end ||
          std::max(earlier.n, later.n) % std::min(earlier.n, later.n) != 0)
        return Relation::ordered;
      found = Relation::by_rows;
    }
  return found;
}

/// Calls f(loop) for those of `loops` (keyed by where their ranges begin, none longer than `longest`) that may overlap
/// `range`.
template <class F>
void each_near(const std::multimap<const char*, size_t>& loops, std::ptrdiff_t longest, const Range& range, F f) {
  auto at = loops.upper_bound(range.begin - longest);
  for (; at != loops.end() && at->first < range.end; ++at) f(at->second);
}

template <class T>
void sort_unique(std::vector<T>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

}  // namespace

void LoopIndex::add(size_t loop) {
  for (const Range& range : loops_[loop].ranges) {
    Accesses& accesses = accesses_[range.storage];
    (range.writes ? accesses.writers : accesses.readers).emplace(range.begin, loop);
    accesses.longest = std::max(accesses.longest, range.end - range.begin);
  }
}

std::vector<Dependency> LoopIndex::dependencies(const Loop& later) const {
  std::vector<size_t> near;
  for (const Range& range : later.ranges) {
    const auto accesses = accesses_.find(range.storage);
    if (accesses == accesses_.end()) continue;
    const auto& [readers, writers, longest] = accesses->second;
    each_near(writers, longest, range, [&](size_t i) { near.push_back(i); });
    if (range.writes) each_near(readers, longest, range, [&](size_t i) { near.push_back(i); });
  }
  sort_unique(near);
  std::vector<Dependency> found;
  for (size_t i : near)
    if (const Relation how = relation(loops_[i], later); how != Relation::none)
      found.push_back({i, how == Relation::by_rows});
  return found;
}

/// The indices inside `loop` where a range that a loop of the index wrote begins or ends.
std::vector<int64_t> LoopIndex::edges(const Loop& loop) const {
  std::vector<int64_t> at;
  for (const Range& range : loop.ranges) {
    if (range.whole) continue;
    const int64_t stride = (range.end - range.begin) / loop.n;
    const auto accesses = accesses_.find(range.storage);
    if (accesses == accesses_.end()) continue;
    each_near(accesses->second.writers, accesses->second.longest, range, [&](size_t writer) {
      for (const Range& written : loops_[writer].ranges)
        if (written.writes && conflict(written, range))
          for (const char* edge : {written.begin, written.end})
            if (edge > range.begin && edge < range.end && (edge - range.begin) % stride == 0)
              at.push_back((edge - range.begin) / stride);
    });
  }
  sort_unique(at);
  return at;
}

std::vector<Loop> LoopIndex::cut(const Loop& loop) const {
  // Every piece may read the whole of an array, but not write it.
  if (std::any_of(loop.ranges.begin(), loop.ranges.end(), [](const Range& r) { return r.whole && r.writes; }))
    return {loop};
  std::vector<Loop> pieces;
  std::vector<int64_t> ends = edges(loop);
  ends.push_back(loop.n);
  for (int64_t first = 0; const int64_t end : ends) {
    Loop& piece = pieces.emplace_back(loop);
    piece.first = first;
    piece.n = end - first;
    for (Range& range : piece.ranges) {
      if (range.whole) continue;
      const int64_t stride = (range.end - range.begin) / loop.n;
      range.end = range.begin + end * stride;
      range.begin += first * stride;
    }
    first = end;
  }
  return pieces;
}

}  // namespace ramp::cpu

#include "ramp/core/cpu/graph.h"

#include <algorithm>
#include <chrono>
#include <numeric>

#include "ramp/core/backend/threads.h"
#include "ramp/core/error.h"

namespace ramp::cpu {

namespace {

enum class Relation { none, same_part, ordered };

template <class Range>
bool conflict(const Range& a, const Range& b) {
  return (a.writes || b.writes) && a.begin < b.end && b.begin < a.end;
}

/// How a loop depends on an earlier one: not at all, row by row, or on all of it.
template <class Loop>
Relation relation(const Loop& earlier, const Loop& later) {
  Relation found = Relation::none;
  for (const auto& a : earlier.ranges)
    for (const auto& b : later.ranges) {
      if (!conflict(a, b)) continue;
      if (a.whole || b.whole || a.begin != b.begin || a.end != b.end ||
          std::max(earlier.n, later.n) % std::min(earlier.n, later.n) != 0)
        return Relation::ordered;
      found = Relation::same_part;
    }
  return found;
}

}  // namespace

void record(int64_t n, int64_t grain, std::initializer_list<Access> arrays, Body body) {
  recording->keep(n, grain, arrays, std::move(body));
}

const RandomKey* renewed(RandomKey key) {
  if (!recording) return nullptr;
  recording->drawn_.push_back(key);
  return &recording->keys_.emplace_back(key);
}

// ---- While the step is captured -------------------------------------------------------------------------------------

void Graph::capture(const std::function<void()>& step) {
  struct Recording {
    explicit Recording(Graph* graph) { recording = graph; }
    ~Recording() { recording = nullptr; }
  };
  {
    const Recording scope(this);
    step();
  }
  std::unordered_set<const Storage*> written;
  for (const Kept& body : bodies_)
    for (const Array& array : body.arrays)
      if (array.defined()) held_.insert(array.storage().get());
  for (const Loop& loop : loops_)
    for (size_t i = 0; i < bodies_[loop.body].arrays.size(); ++i) {
      const Array& array = bodies_[loop.body].arrays[i];
      if (bodies_[loop.body].writes[i]) written.insert(array.storage().get());
    }
  for (Input& input : inputs_) {
    if (written.contains(input.stand_in)) continue;  // the step must not write to the caller's array
    for (Kept& body : bodies_)
      for (size_t i = 0; i < body.arrays.size(); ++i)
        if (body.arrays[i].defined() && body.arrays[i].storage().get() == input.stand_in)
          input.uses.emplace_back(&body.data[i],
                                  static_cast<const char*>(body.data[i]) - static_cast<const char*>(input.now));
  }
}

void Graph::stop() {
  recording = nullptr;
  const std::vector<RandomKey> keys = drawn_;
  launch(keys);
}

void Graph::keep(int64_t n, int64_t grain, std::initializer_list<Access> arrays, Body body) {
  Kept& kept = bodies_.emplace_back(Kept{std::move(body), {}, {}, {}});
  Loop loop{0, n, grain, {}, bodies_.size() - 1};
  bool divisible = true;
  for (const Access& access : arrays) {
    const Array& x = access.array;
    kept.arrays.push_back(x);
    kept.data.push_back(x.defined() ? const_cast<void*>(x.address<const void>()) : nullptr);
    kept.writes.push_back(x.defined() && access.writes);
    if (!x.defined()) continue;
    const bool whole = access.whole || x.bytes() % n != 0;
    divisible &= !whole;
    const auto* begin = static_cast<const char*>(x.address<const void>());
    loop.ranges.push_back({x.storage().get(), begin, begin + x.bytes(), whole, access.writes || access.checked});
  }
  // A pass over an arena becomes one loop for each part with a writer of its own, so that it can run right after that
  // writer.
  std::vector<int64_t> at = divisible ? cuts(loop) : std::vector<int64_t>{};
  at.push_back(n);
  for (int64_t first = 0; const int64_t end : at) {
    Loop piece = loop;
    piece.first = first;
    piece.n = end - first;
    for (Range& range : piece.ranges) {
      const int64_t stride = (range.end - range.begin) / n;
      if (range.whole) continue;
      range.end = range.begin + end * stride;
      range.begin += first * stride;
    }
    loops_.push_back(std::move(piece));
    note(loops_.size() - 1);
    first = end;
  }
}

void Graph::note(size_t index) {
  for (const Range& range : loops_[index].ranges) {
    Touching& touching = touching_[range.storage];
    (range.writes ? touching.writers : touching.readers).emplace(range.begin, index);
    touching.longest = std::max(touching.longest, range.end - range.begin);
  }
}

namespace {

/// Calls f(loop) for those of `loops` (keyed by where their ranges begin, none longer than `longest`) that may overlap
/// `range`.
template <class Range, class F>
void each_near(const std::multimap<const char*, size_t>& loops, std::ptrdiff_t longest, const Range& range, F f) {
  auto at = loops.upper_bound(range.begin - longest);
  for (; at != loops.end() && at->first < range.end; ++at) f(at->second);
}

}  // namespace

/// The loops noted so far that may access the same memory as `loop`, where one of the two writes it, in recorded order.
std::vector<size_t> Graph::related(const Loop& loop) const {
  std::vector<size_t> found;
  for (const Range& range : loop.ranges) {
    const auto touching = touching_.find(range.storage);
    if (touching == touching_.end()) continue;
    const auto& [readers, writers, longest] = touching->second;
    each_near(writers, longest, range, [&](size_t i) { found.push_back(i); });
    if (range.writes) each_near(readers, longest, range, [&](size_t i) { found.push_back(i); });
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

/// The indices inside `loop` where a range that an earlier loop wrote begins or ends.
std::vector<int64_t> Graph::cuts(const Loop& loop) const {
  std::vector<int64_t> at;
  for (const Range& range : loop.ranges) {
    const int64_t stride = (range.end - range.begin) / loop.n;
    const auto touching = touching_.find(range.storage);
    if (touching == touching_.end()) continue;
    each_near(touching->second.writers, touching->second.longest, range, [&](size_t writer) {
      for (const Range& written : loops_[writer].ranges)
        if (written.writes && conflict(written, range))
          for (const char* edge : {written.begin, written.end})
            if (edge > range.begin && edge < range.end && (edge - range.begin) % stride == 0)
              at.push_back((edge - range.begin) / stride);
    });
  }
  std::sort(at.begin(), at.end());
  at.erase(std::unique(at.begin(), at.end()), at.end());
  return at;
}

// ---- Phases, chains and pieces --------------------------------------------------------------------------------------

/// The first phase runs on the calling thread alone: loops of one index that depend on no loop outside this phase.
void Graph::plan(int threads) {
  planned_for_ = 0;  // in case there is no memory for the plan
  phases_.assign(1, {});
  phases_[0].chains.push_back({1, {}});
  touching_.clear();
  for (size_t i = 0; i < loops_.size(); ++i) {
    place(i, threads);
    note(i);
  }
  progress_.clear();
  double spared = 0;  // the work that all threads together save the caller at best, in grains
  for (Phase& phase : phases_) {
    progress_.emplace_back();
    double work = 0, longest = 0;
    for (Chain& chain : phase.chains) {
      std::sort(chain.loops.begin(), chain.loops.end());
      double parts = 0, wholes = 1;  // bytes
      for (size_t i : chain.loops) {
        chain.work += static_cast<double>(loops_[i].n) / static_cast<double>(loops_[i].grain);
        for (const Range& range : loops_[i].ranges)
          (range.whole ? wholes : parts) += static_cast<double>(range.end - range.begin);
      }
      // Many rows are cut into more pieces, so that what passes from one loop to the next stays in the cache; but not
      // into so many that rereading the weights for each piece would cost more than that saves.
      const int64_t cached =
          std::min({static_cast<int64_t>(parts / wholes), chain.rows / 512, static_cast<int64_t>(chain.work)});
      chain.pieces = std::max(pieces(chain.work, chain.rows), cached);
      work += chain.work;
      longest = std::max(longest, chain.work / static_cast<double>(chain.pieces));
    }
    spared += work - std::max(work / threads, longest);
    std::vector<size_t> order(phase.chains.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(),
              [&](size_t a, size_t b) { return phase.chains[a].work > phase.chains[b].work; });
    for (size_t chain : order)
      for (int64_t piece = 0; piece < phase.chains[chain].pieces; ++piece) phase.tasks.emplace_back(chain, piece);
  }
  sharing_ = Sharing(spared);
  planned_for_ = threads;
}

void Graph::place(size_t index, int threads) {
  Loop& loop = loops_[index];
  // `at`: the earliest phase that its dependencies allow. `chains`: the chains of that phase that it extends.
  size_t at = 0;
  std::vector<size_t> chains;
  const auto after = [&](size_t phase) {
    if (phase <= at) return;
    at = phase;
    chains.clear();
  };
  if (loop.n > 1) after(1);
  for (const size_t i : related(loop)) {
    const Loop& earlier = loops_[i];
    const Relation how = relation(earlier, loop);
    if (how == Relation::none) continue;
    if (how == Relation::ordered && !(earlier.phase == 0 && loop.n == 1)) after(earlier.phase + 1);
    else after(earlier.phase);
    if (earlier.phase == at && std::find(chains.begin(), chains.end(), earlier.chain) == chains.end())
      chains.push_back(earlier.chain);
  }
  int64_t rows = loop.n, most = loop.n;
  for (size_t chain : chains) {
    rows = std::gcd(rows, phases_[at].chains[chain].rows);
    most = std::max(most, phases_[at].chains[chain].rows);
  }
  // A chain of too few rows would leave threads without work.
  if (at > 0 && rows < std::min<int64_t>(most, threads)) {
    ++at;
    chains.clear();
    rows = loop.n;
  }
  if (at == 0) chains = {0};
  while (phases_.size() <= at) phases_.emplace_back();
  Phase& phase = phases_[at];
  if (chains.empty()) {
    chains.push_back(phase.chains.size());
    phase.chains.emplace_back();
  }
  Chain& into = phase.chains[chains[0]];
  into.rows = rows;
  for (size_t other : std::span(chains).subspan(1))
    for (size_t i : std::exchange(phase.chains[other].loops, {})) {
      into.loops.push_back(i);
      loops_[i].chain = chains[0];
    }
  into.loops.push_back(index);
  loop.phase = at;
  loop.chain = chains[0];
}

// ---- Replays --------------------------------------------------------------------------------------------------------

bool Graph::take(const Array& from, const Array& to) {
  const Storage* stand_in = to.storage().get();
  auto input = std::find_if(inputs_.begin(), inputs_.end(), [&](const Input& i) { return i.stand_in == stand_in; });
  if (input == inputs_.end()) input = inputs_.insert(input, {stand_in, {}, to.address<void>()});
  // Copied if the step writes to it, if `from` is memory that the loops use, and always before the capture.
  const bool own = input->uses.empty() || held_.contains(from.storage().get());
  void* address = const_cast<void*>((own ? to : from).address<const void>());
  if (address != std::exchange(input->now, address))
    for (const auto& [use, offset] : input->uses) *use = static_cast<char*>(address) + offset;
  return own;
}

void Graph::launch(std::span<const RandomKey> keys) {
  std::copy(keys.begin(), keys.end(), keys_.begin());
  const int threads = num_threads();
  if (planned_for_ != threads) plan(threads);
  failed_ = false;
  for (Progress& progress : progress_) progress.next = progress.done = 0;
  run(phases_[0], 0);
  if (!failed_) {
    if (!sharing_.worth_it()) {
      run_together();
    } else {
      using Clock = std::chrono::steady_clock;
      const Clock::time_point start = Clock::now();
      if (sharing_.next()) run_on_pool([this] { run_together(); });
      else run_together();
      sharing_.note(std::chrono::duration<double>(Clock::now() - start).count());
    }
  }
  if (failed_) std::rethrow_exception(std::exchange(error_, nullptr));
}

/// Run by each thread: takes tasks of a phase until none is left, then waits for those that others took.
void Graph::run_together() {
  for (size_t i = 1; i < phases_.size() && !failed_; ++i) {
    const int tasks = static_cast<int>(phases_[i].tasks.size());
    Progress& progress = progress_[i];
    for (int task; (task = progress.next.fetch_add(1)) < tasks;) {
      if (!failed_) run(phases_[i], task);
      if (progress.done.fetch_add(1) + 1 == tasks) progress.done.notify_all();
    }
    for (int since = 0, done; (done = progress.done.load()) < tasks;)
      if (!ramp::detail::spin(since)) progress.done.wait(done);
  }
}

void Graph::run(const Phase& phase, int task) noexcept {
  const auto [chain_index, piece] = phase.tasks[static_cast<size_t>(task)];
  const Chain& chain = phase.chains[chain_index];
  const int64_t begin = piece * chain.rows / chain.pieces, end = (piece + 1) * chain.rows / chain.pieces;
  try {
    for (size_t i : chain.loops) {
      const Loop& loop = loops_[i];
      const Kept& body = bodies_[loop.body];
      const int64_t scale = loop.n / chain.rows;
      body.run(body.data.data(), loop.first + begin * scale, loop.first + end * scale);
    }
  } catch (...) {
    if (!failed_.exchange(true)) error_ = std::current_exception();
  }
}

}  // namespace ramp::cpu

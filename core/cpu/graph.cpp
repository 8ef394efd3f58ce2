#include "ramp/core/cpu/graph.h"

#include <algorithm>
#include <chrono>
#include <numeric>

#include "ramp/core/backend/threads.h"
#include "ramp/core/error.h"

namespace ramp::cpu {

// ---- While the step is captured -------------------------------------------------------------------------------------

void Graph::capture(const std::function<void()>& step) {
  step();
  for (Input& input : inputs_) {
    if (held_[input.stand_in]) continue;  // the step must not write to the caller's array
    for (Kept& body : bodies_)
      for (size_t i = 0; i < body.arrays.size(); ++i)
        if (body.arrays[i].defined() && body.arrays[i].storage().get() == input.stand_in)
          input.uses.emplace_back(&body.data[i],
                                  static_cast<const char*>(body.data[i]) - static_cast<const char*>(input.now));
  }
}

void Graph::record(int64_t n, int64_t grain, std::initializer_list<AnyAccess> arrays, Body body) {
  Kept& kept = bodies_.emplace_back(Kept{std::move(body), {}, {}});
  Loop loop{0, n, grain, {}, bodies_.size() - 1};
  for (const AnyAccess& access : arrays) {
    const Array& x = access.array;
    const char* begin = x.defined() ? static_cast<const char*>(x.address<const void>()) : nullptr;
    kept.arrays.push_back(x);
    kept.data.push_back(const_cast<char*>(begin));
    if (!x.defined()) continue;
    held_[x.storage().get()] |= access.writes;
    loop.ranges.push_back({x.storage().get(), begin, begin + x.bytes(), access.whole || x.bytes() % n != 0,
                           access.writes || access.checked});
  }
  for (Loop& piece : recorded_.cut(loop)) {
    loops_.push_back(std::move(piece));
    recorded_.add(loops_.size() - 1);
  }
}

const RandomKey* Graph::replay_key(RandomKey key) {
  drawn_.push_back(key);
  return &keys_.emplace_back(key);
}

// ---- Phases, chains and pieces --------------------------------------------------------------------------------------

/// The first phase runs on the calling thread alone: loops of one index that depend on no loop outside this phase.
void Graph::plan(int threads) {
  planned_for_ = 0;  // in case there is no memory for the plan
  phases_.assign(1, {});
  phases_[0].chains.push_back({1, {}});
  LoopIndex placed(loops_);
  for (size_t i = 0; i < loops_.size(); ++i) {
    place(i, placed.dependencies(loops_[i]), threads);
    placed.add(i);
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
  autotune_ = Autotune(spared);
  planned_for_ = threads;
}

void Graph::place(size_t index, const std::vector<Dependency>& dependencies, int threads) {
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
  for (const Dependency& dependency : dependencies) {
    const Loop& earlier = loops_[dependency.loop];
    const bool same_thread = dependency.by_rows || (earlier.phase == 0 && loop.n == 1);
    after(same_thread ? earlier.phase : earlier.phase + 1);
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
    if (!autotune_.worth_it()) {
      run_together();
    } else {
      using Clock = std::chrono::steady_clock;
      const Clock::time_point start = Clock::now();
      if (autotune_.next()) run_on_pool([this] { run_together(); });
      else run_together();
      autotune_.note(std::chrono::duration<double>(Clock::now() - start).count());
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

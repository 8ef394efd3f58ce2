// Memory that runs out: every request of a training step fails once, in turn, and then all from there on. Each failure
// must come out as std::bad_alloc or Error, leak nothing, and leave everything fit for the next try. A program of its
// own, for it replaces operator new and aligned_alloc, which arrays on the CPU come from.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <vector>

#include "ramp/core/backend/threads.h"
#include "ramp/ramp.h"

namespace {

enum class Failing { never, once, from_then_on };
std::atomic<Failing> failing{Failing::never};
std::atomic<int64_t> requests{0}, fatal{0};  // since the failure was armed; which one fails

bool fails() {
  const Failing mode = failing;
  if (mode == Failing::never) return false;
  const int64_t request = ++requests;
  return mode == Failing::once ? request == fatal : request >= fatal;
}

void* allocate(size_t bytes) {
  if (!fails())
    if (void* block = std::malloc(bytes)) return block;
  throw std::bad_alloc();
}
void* allocate_aligned(size_t bytes, std::align_val_t alignment) {
  void* block = nullptr;
  if (!fails() && posix_memalign(&block, static_cast<size_t>(alignment), bytes) == 0) return block;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(size_t bytes) { return allocate(bytes); }
void* operator new[](size_t bytes) { return allocate(bytes); }
void* operator new(size_t bytes, std::align_val_t alignment) { return allocate_aligned(bytes, alignment); }
void* operator new(size_t bytes, const std::nothrow_t&) noexcept { return fails() ? nullptr : std::malloc(bytes); }
void operator delete(void* block) noexcept { std::free(block); }
void operator delete[](void* block) noexcept { std::free(block); }
void operator delete(void* block, size_t) noexcept { std::free(block); }
void operator delete[](void* block, size_t) noexcept { std::free(block); }
void operator delete(void* block, std::align_val_t) noexcept { std::free(block); }
void operator delete(void* block, size_t, std::align_val_t) noexcept { std::free(block); }
void operator delete(void* block, const std::nothrow_t&) noexcept { std::free(block); }

extern "C" void* aligned_alloc(size_t alignment, size_t bytes) noexcept {
  void* block = nullptr;
  if (fails() || posix_memalign(&block, alignment, bytes) != 0) {
    errno = ENOMEM;
    return nullptr;
  }
  return block;
}

namespace ramp {
namespace {

/// Where the program is, for the last words of a process that terminates.
char place[128] = "before the first failure";

/// Request `n` fails while it lives, alone or with all behind it.
class Shortage {
 public:
  Shortage(int64_t n, Failing mode) {
    requests = 0;
    fatal = n;
    failing = mode;
  }
  ~Shortage() { failing = Failing::never; }
  bool came() const { return requests >= fatal; }
};

std::vector<float> values(const Tensor& x) { return x.to_vector<float>(); }

void expect_close(const std::vector<float>& a, const std::vector<float>& b, const char* what) {
  ASSERT_EQ(a.size(), b.size()) << what;
  float off = 0;
  for (size_t i = 0; i < a.size(); ++i) off = std::fmax(off, std::abs(a[i] - b[i]) / (1 + std::abs(b[i])));
  EXPECT_LT(off, 1e-4F) << what;
  EXPECT_EQ(std::count_if(a.begin(), a.end(), [](float x) { return !std::isfinite(x); }), 0) << what;
}

/// A model and its step. Wide enough that two threads share its loops.
struct Training {
  Generator masks{5};
  Sequential model{Dense(64, 128, {}, masks), ReLU(), Dropout(0.2, masks), RReLU({}, masks), Dense(128, 4, {}, masks)};
  optim::SGD sgd{model.parameters(), {.learning_rate = 0.1, .weight_decay = 1e-3}};
  Tensor images, labels;

  Training() {
    Generator generator(7);
    images = randn({128, 64}, {}, generator);
    labels = uniform({128}, 0, 4, {}, generator).to(int32);
  }
  Tensor step(const Tensor& x, const Tensor& y) {
    Tensor loss = cross_entropy(model(x), y);
    sgd.zero_grad();
    loss.backward();
    sgd.step();
    return loss;
  }
  /// The loss, gradients and parameters of a new model in the same state after one step, against those of `stepped`.
  template <class Step>
  void expect_right(Step stepped) {
    Training reference;
    const std::vector<Parameter> mine = model.parameters(), theirs = reference.model.parameters();
    for (size_t i = 0; i < mine.size(); ++i) copy(mine[i].tensor.array(), theirs[i].tensor.array());
    reference.masks.set_state(masks.seed(), masks.ticket());
    const Tensor wanted = reference.step(images, labels), loss = stepped();
    expect_close(values(loss), values(wanted), "loss");
    EXPECT_EQ(masks.ticket(), reference.masks.ticket());
    for (size_t i = 0; i < mine.size(); ++i) {
      expect_close(values(mine[i].tensor.grad()), values(theirs[i].tensor.grad()), "gradient");
      expect_close(values(mine[i].tensor), values(theirs[i].tensor), "parameter");
    }
  }
};

struct EagerStep : Training {
  void run() { step(images, labels); }
  void expect_fit() {
    expect_right([&] { return step(images, labels); });
  }
};

/// The same where the pool is made anew.
struct StepOnNewThreads : EagerStep {
  StepOnNewThreads() {
    const int threads = num_threads();
    set_num_threads(threads + 1);
    run();
    set_num_threads(threads);
  }
};

struct CapturedStep : Training {
  Captured<std::function<Tensor(const Tensor&, const Tensor&)>> captured =
      capture(std::function([this](const Tensor& x, const Tensor& y) { return step(x, y); }), {.warmup = 1});
  void run() {
    for (int i = 0; i < 4; ++i) captured(images, labels);  // warm-up, capture, replays
  }
  void expect_fit() {
    for (int i = 0; i < 3; ++i) expect_right([&] { return captured(images, labels); });
  }
};

/// What fails is the making.
struct Construction {
  void run() { Training().step(zeros({128, 64}), zeros({128}, {.dtype = int32})); }
  void expect_fit() { EagerStep().expect_fit(); }
};

struct LoaderPass {
  Generator order{3};
  data::Dataset set = ones_numbered();
  data::Loader loader{set, {.batch_size = 16, .shuffle = true}, order};

  static data::Dataset ones_numbered() { return {ones({64, 20}), arange(64, {.dtype = int32})}; }
  void run() {
    for (const auto& [images, labels] : loader) (void)images;
  }
  void expect_fit() {
    std::vector<int> seen(64);
    for (const auto& [images, labels] : loader) {
      for (const int32_t label : labels.to_vector<int32_t>()) ++seen[static_cast<size_t>(label)];
      for (const float x : images.to_vector<float>()) ASSERT_EQ(x, 1);
    }
    EXPECT_EQ(seen, std::vector<int>(64, 1));
  }
};

template <class Piece>
void expect_survival(const char* name) {
  std::set_terminate([] {
    failing = Failing::never;
    std::fprintf(stderr, "terminated in %s\n", place);
    std::abort();
  });
  for (const int threads : {1, 2}) {
    set_num_threads(threads);
    Piece().run();  // what is made once, such as the pool, is there from here on
    const int64_t live = memory_stats().live_bytes;
    for (const Failing mode : {Failing::once, Failing::from_then_on}) {
      int failures = 0;
      bool came = true;
      for (int64_t n = 1; came; ++n) {
        std::snprintf(place, sizeof place, "%s: request %d of %d threads fails %s", name, static_cast<int>(n), threads,
                      mode == Failing::once ? "alone" : "with all behind it");
        SCOPED_TRACE(place);
        {
          Piece piece;
          release_cached_memory();  // so that arrays ask for memory too
          const Shortage shortage(n, mode);
          try {
            piece.run();
          } catch (const std::bad_alloc&) {
            ++failures;
          } catch (const Error&) {
            ++failures;
          }
          came = shortage.came();
          failing = Failing::never;
          piece.expect_fit();
        }
        EXPECT_EQ(memory_stats().live_bytes, live);
        if (testing::Test::HasFailure()) return;
      }
      EXPECT_GT(failures, 10);
      std::printf("%s, %d threads, %s: %d failures\n", name, threads,
                  mode == Failing::once ? "one request" : "all requests from one on", failures);
    }
  }
}

TEST(Faults, EagerStep) { expect_survival<EagerStep>("an eager step"); }
TEST(Faults, StepOnNewThreads) { expect_survival<StepOnNewThreads>("a step on new threads"); }
TEST(Faults, CapturedStep) { expect_survival<CapturedStep>("a captured step"); }
TEST(Faults, Construction) { expect_survival<Construction>("a construction"); }
TEST(Faults, LoaderPass) { expect_survival<LoaderPass>("a loader's pass"); }

}  // namespace
}  // namespace ramp

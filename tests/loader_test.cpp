// The loader, and the thread that works ahead for it.

#include "ramp/core/data/loader.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <memory>
#include <optional>
#include <ranges>
#include <system_error>
#include <thread>

#include "data_test.h"
#include "ramp/core/autograd/create.h"
#include "ramp/core/data/prefetch.h"

namespace ramp {
namespace {

using data::Loader;

static_assert(std::ranges::input_range<Loader>);

/// The numbers of the images, in the order in which one pass delivers them; checks that everything else belongs to
/// them.
std::vector<int> pass(const Loader& loader, std::vector<int64_t>* sizes = nullptr) {
  std::vector<int> order;
  for (auto [images, labels] : loader) {
    EXPECT_EQ(images.dtype(), float32);
    EXPECT_EQ(labels.dtype(), int32);
    EXPECT_EQ(images.shape(), (Shape{labels.numel(), 2}));
    const std::vector<float> pixels = images.to_vector<float>();
    const std::vector<int32_t> label = labels.to_vector<int32_t>();
    for (size_t i = 0; i < label.size(); ++i) {
      const int number = static_cast<int>(pixels[2 * i] * 255 + 0.5f);
      EXPECT_EQ(label[i], number % 10);
      EXPECT_EQ(pixels[2 * i], static_cast<float>(number / 255.0));
      EXPECT_EQ(pixels[2 * i + 1], static_cast<float>((255 - number) / 255.0));
      order.push_back(number);
    }
    if (sizes) sizes->push_back(labels.numel());
  }
  return order;
}

std::vector<int> ascending(int n) {
  std::vector<int> numbers(static_cast<size_t>(n));
  for (int i = 0; i < n; ++i) numbers[static_cast<size_t>(i)] = i;
  return numbers;
}

TEST(LoaderTest, KeepsTheOrderAndThePartialBatch) {
  const Loader loader(numbered(10), {.batch_size = 4});
  EXPECT_EQ(loader.size(), 3);
  std::vector<int64_t> sizes;
  EXPECT_EQ(pass(loader, &sizes), ascending(10));
  EXPECT_EQ(sizes, (std::vector<int64_t>{4, 4, 2}));
  EXPECT_EQ(pass(loader), ascending(10));
}

TEST(LoaderTest, DropLastLeavesOutThePartialBatch) {
  const Loader loader(numbered(10), {.batch_size = 4, .drop_last = true});
  EXPECT_EQ(loader.size(), 2);
  EXPECT_EQ(pass(loader), ascending(8));
  const Loader even(numbered(8), {.batch_size = 4, .drop_last = true});
  EXPECT_EQ(even.size(), 2);
  EXPECT_EQ(pass(even), ascending(8));
}

TEST(LoaderTest, ABatchMayBeLargerThanTheSet) {
  std::vector<int64_t> sizes;
  EXPECT_EQ(pass(Loader(numbered(3), {.batch_size = 1000}), &sizes), ascending(3));
  EXPECT_EQ(sizes, (std::vector<int64_t>{3}));
}

TEST(LoaderTest, ShufflesAnewInEachPassAndAlikeForOneSeed) {
  Generator one(7), same(7), other(8);
  const auto loader = [](Generator& generator) {
    return Loader(numbered(200), {.batch_size = 16, .shuffle = true}, generator);
  };
  const std::vector<int> first = pass(loader(one)), second = pass(loader(one));
  std::vector<int> sorted = first;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(sorted, ascending(200));
  EXPECT_NE(first, ascending(200));
  EXPECT_NE(first, second);
  const Loader again = loader(same);
  EXPECT_EQ(pass(again), first);
  EXPECT_EQ(pass(again), second);
  EXPECT_NE(pass(loader(other)), first);

  const auto by_default = [] { return pass(Loader(numbered(200), {.batch_size = 16, .shuffle = true})); };
  manual_seed(7);
  EXPECT_EQ(by_default(), first);
  manual_seed(7);
  EXPECT_EQ(by_default(), first);
}

TEST(LoaderTest, DrawsNothingWithoutShuffle) {
  manual_seed(3);
  const uint64_t before = default_generator().ticket();
  pass(Loader(numbered(10), {.batch_size = 4}));
  EXPECT_EQ(default_generator().ticket(), before);
}

/// The inputs of the first batch.
std::vector<float> deliver(const Dataset& set) {
  return Loader(set, {.batch_size = 300}).begin()->inputs.to_vector<float>();
}

TEST(LoaderTest, StandardizesBytesAndFloats) {
  Dataset bytes = numbered(256);
  bytes.standardization = data::Standardization(255 * 0.1307, 255 * 0.3081);  // as for MNIST
  const std::vector<float> got = deliver(bytes);
  for (int i = 0; i < 256; ++i)
    EXPECT_EQ(got[static_cast<size_t>(2 * i)], static_cast<float>((i / 255.0 - 0.1307) / 0.3081));
  EXPECT_FLOAT_EQ(got[0], -0.42421296f);
  EXPECT_FLOAT_EQ(got[1], 2.8214867f);

  const std::vector<float> stored{0, 0.25f, 0.5f, 1, -1, 3};
  const Device cpu = Device::cpu();
  Dataset set(from_vector(stored, {2, 3}, cpu), zeros({2}, {.device = cpu}));
  EXPECT_EQ(deliver(set), stored);
  set.standardization = data::Standardization(0.5, 0.25);
  EXPECT_EQ(deliver(set), (std::vector<float>{-2, -1, 0, 2, -6, 10}));
}

TEST(LoaderTest, StandardizesEachFeatureInEveryDtype) {
  const std::vector<double> x{1, 20, 3, 20, 8, 23, 0, 21};
  const Tensor wide = from_vector(x, {4, 2}, Device::cpu());
  for (const DType dtype : {float64, float32, int32, uint8}) {
    Dataset set(wide.to(dtype), zeros({4, 1}, {.device = Device::cpu()}));
    set.standardization = data::Standardization(set.inputs);
    const Tensor got = Loader(set, {.batch_size = 4}).begin()->inputs;
    EXPECT_EQ(got.dtype(), dtype == float64 ? float64 : float32);
    EXPECT_EQ(got.to(float64).to_vector<double>(),
              set.standardization->apply(set.inputs).to(float64).to_vector<double>());
    EXPECT_EQ(got.to(float32).to_vector<float>()[1], static_cast<float>(-1 / std::sqrt(1.5)));
  }
}

TEST(LoaderTest, GivesTensorsOfAnyShapeAndDtype) {
  const TensorOptions options{.dtype = float64, .device = Device::cpu()};
  const Tensor inputs = from_vector(arange(3 * 2 * 4, options).to_vector<double>(), {3, 2, 4}, Device::cpu());
  for (const DType dtype : {float64, float32, int32, uint8, bfloat16})
    for (const DType of_targets : {float64, float32, int32, uint8, bfloat16}) {
      const Tensor targets = arange(3, options).to(of_targets);
      int64_t row = 0;
      for (auto [x, y] : Loader({inputs.to(dtype), targets}, {.batch_size = 2})) {
        const int64_t n = row == 0 ? 2 : 1;
        EXPECT_EQ(x.shape(), (Shape{n, 2, 4}));
        EXPECT_EQ(y.shape(), Shape{n});
        EXPECT_EQ(x.dtype(), dtype);
        EXPECT_EQ(y.dtype(), of_targets);
        EXPECT_EQ(x.to(float64).to_vector<double>().back(), static_cast<double>(8 * (row + n) - 1));
        EXPECT_EQ(y.to(float64).to_vector<double>().front(), static_cast<double>(row));
        row += n;
      }
      EXPECT_EQ(row, 3);
    }
}

TEST(LoaderTest, CanBeLeftEarly) {
  const Loader loader(numbered(100), {.batch_size = 1});
  for (int leave_after = 0; leave_after < 50; ++leave_after) {
    int seen = 0;
    for (auto [images, labels] : loader) {
      EXPECT_EQ(labels.item(), seen % 10);
      if (seen++ == leave_after) break;
    }
    EXPECT_EQ(seen, leave_after + 1);
  }
  EXPECT_THROW(for (auto [images, labels] : loader) throw std::runtime_error("in the loop"), std::runtime_error);
}

TEST(LoaderTest, OutlivesItsDataset) {
  auto set = std::make_unique<Dataset>(numbered(50));
  auto loader = std::make_unique<Loader>(*set, data::LoaderOptions{.batch_size = 7});
  auto iterator = loader->begin();
  set.reset();
  loader.reset();
  int n = 0;
  for (; iterator != std::default_sentinel; ++iterator)
    for (const int32_t label : iterator->targets.to_vector<int32_t>()) EXPECT_EQ(label, n++ % 10);
  EXPECT_EQ(n, 50);
  EXPECT_EQ(error_of([&] { ++iterator; }), "[loader] expected no step beyond the last batch, got one");
}

TEST(LoaderTest, PassesMayRunSideBySide) {
  const Loader loader(numbered(20), {.batch_size = 3});
  int pairs = 0;
  for (auto [images, labels] : loader)
    for (auto [more_images, more_labels] : loader) pairs += static_cast<int>(labels.numel() * more_labels.numel());
  EXPECT_EQ(pairs, 400);
}

TEST(LoaderTest, RefusesWhatGivesNoBatches) {
  for (const int64_t batch_size : {0, -3})
    EXPECT_EQ(error_of([&] { Loader(numbered(5), {.batch_size = batch_size}); }),
              "[loader] expected a batch size above 0, got " + std::to_string(batch_size));
  EXPECT_EQ(error_of([] { Loader(numbered(5), {.batch_size = 6, .drop_last = true}); }),
            "[loader] expected at least one full batch of 6 rows with drop_last, got 5 rows");
  EXPECT_EQ(error_of([] { Loader loader{Dataset{}}; }),
            "[loader] expected inputs and targets, got an undefined tensor");
}

TEST(LoaderTest, LoadsWithoutAThreadWhereNoneIsToBeHad) {
  pthread_attr_t before, huge;
  pthread_getattr_default_np(&before);
  pthread_attr_init(&huge);
  pthread_attr_setstacksize(&huge, size_t{1} << 47);  // more than a process can address
  const Loader loader(numbered(10), {.batch_size = 4});
  ASSERT_EQ(pthread_setattr_default_np(&huge), 0);
  EXPECT_THROW(std::thread([] {}).join(), std::system_error);
  EXPECT_NO_THROW(EXPECT_EQ(pass(loader), ascending(10)));
  pthread_setattr_default_np(&before);
}

/// The exit status of a fork of this process that runs f, or minus the signal that ended it: SIGALRM after ten seconds.
template <class F>
int status_of_fork(F f) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(10);
    _exit(f());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST(LoaderTest, APassDoesNotGoOnInAFork) {
  const Loader loader(numbered(100), {.batch_size = 4});
  std::optional<Loader::Iterator> open = loader.begin();
  const auto left = [&] {
    int count = 0;
    for (; *open != std::default_sentinel; ++*open) ++count;
    return count;
  };
  for (int moment = 0; moment < 20; ++moment) {  // the thread waits, or is about to
    const int status = status_of_fork([&] {
      if (error_of(left) != "[loader] expected the process that began the pass, got a fork of it; begin another pass")
        return 1;
      open.reset();
#ifndef RAMP_SANITIZED  // the thread sanitizer allows no new threads after such a fork
      if (pass(loader) != ascending(100)) return 2;
#endif
      return 0;
    });
    ASSERT_EQ(status, 0);
    ++*open;
  }
  EXPECT_EQ(left(), 5);
}

TEST(Prefetch, HandsOutInOrderOneAhead) {
  std::atomic<int64_t> made = 0;
  data::Prefetch<int64_t> numbers(200, [&](int64_t k) { return made = k + 1, k * k; });
  for (int64_t k = 0; k < 200; ++k) {
    EXPECT_EQ(numbers.left(), 200 - k);
    EXPECT_EQ(numbers.next(), k * k);
    EXPECT_LE(made, k + 2);
  }
  EXPECT_EQ(error_of([&] { numbers.next(); }),
            "[prefetch] expected another call of next() while any are left, got one after the last");
}

TEST(Prefetch, WorksAheadOnAnotherThread) {
  std::atomic<bool> second = false;
  const auto caller = std::this_thread::get_id();
  data::Prefetch<bool> made(2, [&](int64_t k) {
    if (k == 1) second = true;
    return std::this_thread::get_id() != caller;
  });
  EXPECT_TRUE(made.next());
  while (!second) std::this_thread::yield();  // nobody asks for the second
  EXPECT_TRUE(made.next());
}

TEST(Prefetch, PassesOnWhatTheWorkerThrows) {
  data::Prefetch<int> numbers(10, [](int64_t k) {
    if (k == 2) fail("make", "expected a number below 2, got ", k);
    return static_cast<int>(k);
  });
  EXPECT_EQ(numbers.next(), 0);
  EXPECT_EQ(numbers.next(), 1);
  for (int again = 0; again < 3; ++again)
    EXPECT_EQ(error_of([&] { numbers.next(); }), "[make] expected a number below 2, got 2");
}

TEST(Prefetch, EndsAtAnyMoment) {
  for (int taken = 0; taken < 300; ++taken) {
    std::atomic<int> busy = 0;
    {
      data::Prefetch<int> numbers(1000, [&](int64_t k) {
        ++busy;
        if (taken % 3 == 0) std::this_thread::sleep_for(std::chrono::microseconds(50));
        if (taken % 5 == 0 && k == 7) fail("make", "enough");
        --busy;
        return static_cast<int>(k);
      });
      for (int i = 0; i < taken % 7; ++i) EXPECT_EQ(numbers.next(), i);
    }
    EXPECT_LE(busy, taken % 5 == 0 ? 1 : 0);  // the thread has left `make`
  }
}

}  // namespace
}  // namespace ramp

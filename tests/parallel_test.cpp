// Loops over the pool's threads.

#include "ramp/core/cpu/parallel.h"
#include "ramp/core/backend/threads.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <mutex>
#include <set>
#include <thread>

#include "error_of.h"
#include "ramp/ramp.h"

namespace ramp {
namespace {

class Parallel : public testing::Test {
 protected:
  ~Parallel() override { set_num_threads(before_); }

 private:
  int before_ = num_threads();
};

TEST_F(Parallel, VisitsEachIndexOnce) {
  for (const int threads : {1, 2, 3, 7}) {
    set_num_threads(threads);
    for (const int64_t n : {0, 1, 2, 63, 64, 1000, 100000})
      for (const int64_t grain : {1, 10, 1000, 1 << 20}) {
        std::vector<std::atomic<int>> visits(static_cast<size_t>(n));
        parallel_for(n, grain, [&](int64_t begin, int64_t end) {
          EXPECT_LT(begin, end);
          for (int64_t i = begin; i < end; ++i) ++visits[static_cast<size_t>(i)];
        });
        for (const auto& visit : visits) ASSERT_EQ(visit, 1) << n << " by " << grain << ", threads " << threads;
      }
  }
}

TEST_F(Parallel, CutsByWorkAndThreads) {
  set_num_threads(4);
  EXPECT_EQ(pieces(0.5, 1000), 1);  // not worth a second thread
  EXPECT_EQ(pieces(3, 1000), 3);    // one each
  EXPECT_EQ(pieces(100, 1000), 4);
  EXPECT_EQ(pieces(1e6, 1e6), 16);  // long: some to spare
  EXPECT_EQ(pieces(1e6, 640), 10);  // not too thin
  EXPECT_EQ(pieces(1e6, 3), 3);
  set_num_threads(1);
  EXPECT_EQ(pieces(1e6, 1e6), 1);
}

TEST_F(Parallel, NestsOnTheThreadThatItIsOn) {
  set_num_threads(3);
  std::atomic<int64_t> sum{0};
  parallel_for(300, 1, [&](int64_t begin, int64_t end) {
    const auto thread = std::this_thread::get_id();
    for (int64_t i = begin; i < end; ++i)
      parallel_for(100, 1, [&](int64_t first, int64_t last) {
        EXPECT_EQ(std::this_thread::get_id(), thread);
        sum += last - first;
      });
  });
  EXPECT_EQ(sum, 300 * 100);
}

TEST_F(Parallel, ServesSeveralThreads) {
  set_num_threads(3);
  std::atomic<int64_t> sum{0};
  std::vector<std::thread> users;
  for (int user = 0; user < 4; ++user)
    users.emplace_back([&] {
      for (int i = 0; i < 200; ++i) parallel_for(1000, 10, [&](int64_t begin, int64_t end) { sum += end - begin; });
    });
  for (std::thread& user : users) user.join();
  EXPECT_EQ(sum, 4 * 200 * 1000);
}

TEST_F(Parallel, UsesEveryThread) {
  set_num_threads(3);
  // Each piece waits for the others, so that no thread can take two.
  std::atomic<int> arrived{0};
  parallel_for(3, 1, [&](int64_t, int64_t) {
    ++arrived;
    while (arrived < 3) std::this_thread::yield();
  });
  EXPECT_EQ(arrived, 3);
}

TEST_F(Parallel, ChecksWhatTheArraysHold) {
  set_num_threads(2);
  const Array x(Shape{100}, DType::float64, Device::cpu());
  const auto loop = [&] { parallel_for(100, 1, [](float*, int64_t, int64_t) {}, part<float>(x)); };
  EXPECT_EQ(error_of(loop), "[data] expected float32, got float64");
}

TEST_F(Parallel, GoesOnAfterAnErrorInALoopOfOne) {
  const auto loop = [] { parallel_for(1, 1, [](int64_t, int64_t) { fail("loop", "stops"); }); };
  EXPECT_EQ(error_of(loop), "[loop] stops");
  EXPECT_EQ(error_of(loop), "[loop] stops");
}

TEST_F(Parallel, AnExceptionOfAnyThreadArrivesAtTheCaller) {
  for (const int threads : {1, 2, 3, 5}) {
    set_num_threads(threads);
    for (int round = 0; round < 200; ++round) {
      EXPECT_EQ(error_of([&] {
                  parallel_for(64, 1, [&](int64_t begin, int64_t end) {
                    for (int64_t i = begin; i < end; ++i)
                      if (i % 16 == round % 16) fail("piece", "number ", i % 16);
                  });
                }),
                "[piece] number " + std::to_string(round % 16));
    }
    // And the pool works as before, on all of its threads.
    std::mutex mutex;
    std::set<std::thread::id> workers;
    for (int round = 0; round < 1000 && static_cast<int>(workers.size()) < threads; ++round)
      run_on_pool([&] {
        const std::lock_guard lock(mutex);
        workers.insert(std::this_thread::get_id());
        std::this_thread::sleep_for(std::chrono::microseconds(100));
      });
    EXPECT_EQ(static_cast<int>(workers.size()), threads);
  }
}

/// A formula that is not defined below 0.
struct Careful {
  template <class V>
  V operator()(V x) const {
    if (x < V(0)) fail("careful", "expected x >= 0");
    return x;
  }
};

TEST_F(Parallel, AFormulaMayThrow) {
  set_num_threads(3);
  const Tensor x = ones({1 << 18}, {.device = Device::cpu()});
  for (const int64_t at : {0, 1 << 17, (1 << 18) - 1}) {
    fill(x.array().rows(at, at + 1), -1);
    EXPECT_EQ(error_of([&] { map(Careful{}, x); }), "[careful] expected x >= 0");
    fill(x.array(), 1);
    EXPECT_EQ(sum(map(Careful{}, x)).item(), 1 << 18);
  }
}

TEST_F(Parallel, AChildProcessMakesItsOwnThreads) {
#ifdef RAMP_SANITIZED
  GTEST_SKIP() << "sanitizers hold locks of their own over a fork() of several threads";
#endif
  set_num_threads(3);
  const auto work = [] {
    std::atomic<int64_t> sum{0};
    for (int i = 0; i < 50; ++i) {
      const Array memory({1000 + i});
      parallel_for(1000, 1, [&](int64_t begin, int64_t end) { sum += end - begin; });
    }
    return sum == 50 * 1000;
  };
  ASSERT_TRUE(work());
  std::atomic<bool> stop{false};
  std::thread other([&] {  // which computes and allocates while the process forks
    while (!stop) work();
  });
  for (int i = 0; i < 30; ++i) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      alarm(20);  // a child that hangs ends with a signal
      _exit(work() ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "status " << status;
  }
  stop = true;
  other.join();
}

}  // namespace
}  // namespace ramp

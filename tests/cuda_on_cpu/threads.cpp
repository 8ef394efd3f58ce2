#include "threads.h"

#include <setjmp.h>
#include <ucontext.h>

#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

namespace cuda_on_cpu {

namespace {

constexpr size_t stack_bytes = 128 << 10;
constexpr unsigned warp_size = 32;

/// A context in which threads of the GPU run, one after another.
struct Fiber {
  jmp_buf place;
  bool begun = false;
  std::unique_ptr<char[]> stack{new char[stack_bytes]};
  unsigned thread = 0;
  const unsigned* counter = nullptr;  // what it waits for to reach `goal`
  unsigned goal = 0;
};

struct Warp {
  unsigned arrived = 0, exchanges = 0;
  uint64_t values[2][warp_size];  // of this exchange and the previous one, which others may not have read yet
};

/// The block that is running. runtime.cpp guards it by running one kernel at a time.
struct Block {
  const std::function<void()>* kernel;
  bool backwards;
  unsigned threads, begun, arrived, barriers;
  std::vector<Warp> warps;
  std::vector<std::unique_ptr<Fiber>> waiting, idle;
  std::unique_ptr<Fiber> running;
  jmp_buf scheduler;
} block;

/// Switches to `to`; returns when something switches back to `from`. swapcontext() would make a system call each time.
void go(jmp_buf from, jmp_buf to) {
  if (!_setjmp(from)) _longjmp(to, 1);
}

void take_place_of(unsigned thread) {
  threadIdx = {thread % blockDim.x, thread / blockDim.x % blockDim.y, thread / blockDim.x / blockDim.y};
}

/// The endless loop of a fiber: runs threads that have not begun yet.
void serve() {
  for (;;) {
    while (block.begun < block.threads) {
      const unsigned thread = block.begun++;
      block.running->thread = block.backwards ? block.threads - 1 - thread : thread;
      take_place_of(block.running->thread);
      (*block.kernel)();
    }
    Fiber& self = *block.running;
    block.idle.push_back(std::move(block.running));
    go(self.place, block.scheduler);
  }
}

/// Starts serve() on the fiber's own stack, which nothing has run on yet.
void begin(Fiber& fiber) {
  ucontext_t context;
  getcontext(&context);
  context.uc_stack = {.ss_sp = fiber.stack.get(), .ss_flags = 0, .ss_size = stack_bytes};
  context.uc_link = nullptr;
  makecontext(&context, serve, 0);
  setcontext(&context);
}

/// Runs block.running until it waits or has nothing to do.
void resume() {
  Fiber* const fiber = block.running.get();
  if (std::exchange(fiber->begun, true)) go(block.scheduler, fiber->place);
  else if (!_setjmp(block.scheduler)) begin(*fiber);
}

std::unique_ptr<Fiber> idle_fiber() {
  if (block.idle.empty()) return std::make_unique<Fiber>();
  std::unique_ptr<Fiber> fiber = std::move(block.idle.back());
  block.idle.pop_back();
  return fiber;
}

void wait_until(const unsigned& counter, unsigned goal) {
  if (counter == goal) return;
  Fiber& self = *block.running;
  self.counter = &counter;
  self.goal = goal;
  block.waiting.push_back(std::move(block.running));
  go(self.place, block.scheduler);
  take_place_of(self.thread);
}

void run_block() {
  block.begun = block.arrived = block.barriers = 0;
  block.warps.assign((block.threads + warp_size - 1) / warp_size, {});
  while (block.begun < block.threads) {
    block.running = idle_fiber();
    resume();
  }
  while (!block.waiting.empty()) {
    bool went_on = false;
    for (std::unique_ptr<Fiber>& fiber : std::exchange(block.waiting, {})) {
      if (*fiber->counter != fiber->goal) {
        block.waiting.push_back(std::move(fiber));
      } else {
        went_on = true;
        block.running = std::move(fiber);
        resume();
      }
    }
    if (went_on) continue;
    block.waiting.clear();
    throw std::runtime_error("threads of a block wait for others that do not come");
  }
}

}  // namespace

void run_grid(dim3 grid, dim3 threads, const std::function<void()>& kernel, bool backwards) {
  gridDim = grid;
  blockDim = threads;
  block.kernel = &kernel;
  block.backwards = backwards;
  block.threads = threads.x * threads.y * threads.z;
  const unsigned blocks = grid.x * grid.y * grid.z;
  for (unsigned i = 0; i < blocks; ++i) {
    const unsigned b = backwards ? blocks - 1 - i : i;
    blockIdx = {b % grid.x, b / grid.x % grid.y, b / grid.x / grid.y};
    run_block();
  }
}

void wait_for_block() {
  const unsigned goal = block.barriers + 1;
  if (++block.arrived == block.threads) {
    block.arrived = 0;
    block.barriers = goal;
  }
  wait_until(block.barriers, goal);
}

uint64_t exchange_in_warp(uint64_t value, int distance) {
  const unsigned thread = block.running->thread, lane = thread % warp_size;
  Warp& warp = block.warps[thread / warp_size];
  const unsigned goal = warp.exchanges + 1;
  uint64_t* values = warp.values[goal % 2];
  values[lane] = value;
  if (++warp.arrived == warp_size) {
    warp.arrived = 0;
    warp.exchanges = goal;
  }
  wait_until(warp.exchanges, goal);
  return values[lane ^ static_cast<unsigned>(distance)];
}

}  // namespace cuda_on_cpu

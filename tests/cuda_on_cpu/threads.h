#pragma once
// Runs the threads of a block one after another on a single CPU thread: each runs until it has to wait for others.

#include <cstdint>
#include <functional>

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

/// Of the thread that is running.
inline dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace cuda_on_cpu {

/// Runs kernel() for each thread of each block. `backwards`: the last block and the last thread run first, since
/// nothing may depend on the order. Throws std::runtime_error if threads wait for others that never come.
void run_grid(dim3 grid, dim3 block, const std::function<void()>& kernel, bool backwards);

/// Waits until all threads of the block have called it.
void wait_for_block();
/// Waits until all 32 threads of the warp have called it; returns the value of the lane whose number is this one's xor
/// `distance`.
uint64_t exchange_in_warp(uint64_t value, int distance);

}  // namespace cuda_on_cpu

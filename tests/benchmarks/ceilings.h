#pragma once
// What the machine can do at most.

#include <cstdint>

/// GFLOP/s of fused multiply-adds in registers, of the widest kind that the processor has, on all threads together.
double fma_rate(int threads);
/// GB/s of copying arrays of `bytes` on all threads together, reading and writing counted.
double copy_rate(int threads, int64_t bytes);

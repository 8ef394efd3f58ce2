// Tests that the emulation finds the errors it exists to find: each test breaks one of CUDA's rules, or keeps it.

#include <gtest/gtest.h>

#include <cuda_runtime.h>

#include <cstdlib>
#include <set>
#include <vector>

namespace {

class CudaOnCpu : public testing::Test {
 protected:
  CudaOnCpu() {
    for (cudaStream_t* stream : {&one, &other}) cudaStreamCreateWithFlags(stream, cudaStreamNonBlocking);
    cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
    cudaMalloc(&numbers, 64 * sizeof(int));
    cudaMemsetAsync(numbers, 0, 64 * sizeof(int), one);
    cudaStreamSynchronize(one);
  }
  template <class... P, class... A>
  cudaError_t launch(cudaStream_t stream, unsigned threads, void (*kernel)(P...), A... arguments) {
    cudaLaunchConfig_t config;
    config.blockDim = threads;
    config.stream = stream;
    return cudaLaunchKernelEx(&config, kernel, arguments...);
  }
  std::vector<int> read(cudaStream_t stream) {
    std::vector<int> host(64, -1);
    cudaMemcpyAsync(host.data(), numbers, 64 * sizeof(int), cudaMemcpyDefault, stream);
    cudaStreamSynchronize(stream);
    return host;
  }
  cudaStream_t one, other;
  cudaEvent_t event;
  int* numbers;
};

__global__ void set_first(int* to, int value) { *to = value; }
__global__ void append(int* to, int digit) { *to = 10 * *to + digit; }

TEST_F(CudaOnCpu, RunsWhatIsQueuedNoSoonerThanItIsWaitedFor) {
  launch(one, 1, set_first, numbers, 7);
  EXPECT_EQ(read(other)[0], 0);
  EXPECT_EQ(read(one)[0], 7);
  launch(one, 1, set_first, numbers, 8);
  cudaEventRecord(event, one);
  cudaStreamWaitEvent(other, event);
  EXPECT_EQ(read(other)[0], 8);
}

TEST_F(CudaOnCpu, RunsAGraphsNodesInEveryOrderThatItAllows) {
  const auto orders = [&](bool joined_between) {
    cudaGraph_t graph;
    cudaGraphExec_t executable;
    cudaStreamBeginCapture(one, cudaStreamCaptureModeThreadLocal);
    launch(one, 1, set_first, numbers, 1);
    cudaEventRecord(event, one);
    cudaStreamWaitEvent(other, event);
    launch(other, 1, append, numbers, 2);
    cudaEventRecord(event, other);
    if (joined_between) cudaStreamWaitEvent(one, event);
    launch(one, 1, append, numbers, 3);
    cudaStreamWaitEvent(one, event);
    EXPECT_EQ(cudaStreamEndCapture(one, &graph), cudaSuccess);
    cudaGraphInstantiate(&executable, graph, 0);
    std::set<int> seen;
    for (int i = 0; i < 40; ++i) {
      cudaGraphLaunch(executable, one);
      seen.insert(read(one)[0]);
    }
    return seen;
  };
  EXPECT_EQ(orders(true), (std::set{123}));
  EXPECT_EQ(orders(false), (std::set{123, 132}));
}

TEST_F(CudaOnCpu, EndsACaptureThatBreaksItsRules) {
  const auto end_after = [&](auto body) {
    cudaGraph_t graph;
    cudaStreamBeginCapture(one, cudaStreamCaptureModeThreadLocal);
    body();
    const cudaError_t status = cudaStreamEndCapture(one, &graph);
    cudaGetLastError();
    return status;
  };
  EXPECT_EQ(end_after([&] {
              cudaEventRecord(event, one);
              cudaStreamWaitEvent(other, event);
              launch(other, 1, set_first, numbers, 1);
            }),
            cudaErrorStreamCaptureUnjoined);
  EXPECT_EQ(end_after([&] { EXPECT_EQ(cudaStreamSynchronize(one), cudaErrorStreamCaptureUnsupported); }),
            cudaErrorStreamCaptureInvalidated);
  void* block;
  EXPECT_EQ(end_after([&] { EXPECT_EQ(cudaMalloc(&block, 1), cudaErrorStreamCaptureUnsupported); }),
            cudaErrorStreamCaptureInvalidated);
  EXPECT_EQ(end_after([] {}), cudaSuccess);
}

__global__ void sum_of_block(int* to) {
  __shared__ int held[64];
  held[threadIdx.x] = static_cast<int>(threadIdx.x);
  __syncthreads();
  int sum = held[63 - threadIdx.x];
  for (int distance = 16; distance > 0; distance /= 2) sum += __shfl_xor_sync(0xffffffff, sum, distance);
  to[threadIdx.x] = sum;
}
__global__ void leave_early(int*) {
  if (threadIdx.x > 0) __syncthreads();
}
__global__ void write_far(int* to, int64_t at) { to[at] = 1; }

TEST_F(CudaOnCpu, LetsThreadsWaitForEachOther) {
  launch(one, 64, sum_of_block, numbers);
  const std::vector<int> sums = read(one);
  EXPECT_EQ(sums[0], 32 * 63 - 31 * 16);  // 32 + ... + 63
  EXPECT_EQ(sums[63], 31 * 16);           // 0 + ... + 31
  EXPECT_EQ(launch(one, 1025, sum_of_block, numbers), cudaErrorInvalidConfiguration);
  cudaGetLastError();
}

TEST_F(CudaOnCpu, StopsAtWhatNoKernelMayDo) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // each runs in a process of its own, with fresh memory
  const auto outcome = [&](auto kernel, auto... arguments) {
    launch(one, 2, kernel, numbers, arguments...);
    std::fprintf(stderr, "%s\n", cudaGetErrorName(cudaStreamSynchronize(one)));
    std::_Exit(0);
  };
  EXPECT_EXIT(outcome(leave_early), testing::ExitedWithCode(0), "wait for others.*\n*cudaErrorLaunchFailure");
  EXPECT_EXIT(outcome(write_far, int64_t{1} << 34), testing::ExitedWithCode(0), "cudaErrorIllegalAddress");
  EXPECT_DEATH(outcome(write_far, int64_t{64}), "written 0 bytes behind a block of 256");
  EXPECT_DEATH(std::printf("%d\n", *numbers), "the host touched memory of the device");
}

}  // namespace

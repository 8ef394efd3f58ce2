// Memory, streams, events and graphs. Queued work runs as late as the rules allow, and the nodes of a graph in any
// order that they allow, so that a missing wait shows. The host cannot touch the first 2 MiB of the device's memory,
// which hold small blocks: they are accessible only while something runs.

#include <csetjmp>
#include <csignal>
#include <cstdio>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <stdexcept>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

#include "cuda_runtime.h"

struct cuda_on_cpu_node {
  cudaGraphNodeType type;
  cudaMemcpyKind kind;  // of a copy
  std::function<void()> run;
  std::vector<size_t> after;
};
struct cuda_on_cpu_graph {
  std::deque<cuda_on_cpu_node> nodes;
};
struct CUgraphExec_st {
  std::shared_ptr<const cuda_on_cpu_graph> graph;
};

namespace {

struct Capture {
  cudaStream_t origin;
  std::vector<cudaStream_t> streams;
  cuda_on_cpu_graph graph;
  bool valid = true;
};
/// Something to run, or an event to reach or to wait for.
struct Item {
  std::function<void()> run;
  cudaEvent_t reached = nullptr, awaited = nullptr;
  cudaStream_t from = nullptr;  // the stream on which `awaited` was recorded
  uint64_t time = 0;
};

}  // namespace

struct cuda_on_cpu_stream {
  std::deque<Item> queue;
  std::shared_ptr<Capture> capture;
  std::vector<size_t> last;  // nodes of the capture on which the stream's next node depends
};
struct cuda_on_cpu_event {
  cudaStream_t stream = nullptr;
  uint64_t recorded = 0, reached = 0;
  std::weak_ptr<Capture> capture;
  std::vector<size_t> nodes;
};

namespace {

std::recursive_mutex mutex;  // guards everything here
cudaError_t last_error = cudaSuccess, fatal = cudaSuccess;
std::vector<cudaStream_t> streams;
thread_local std::weak_ptr<Capture> capture_of_thread;

using Lock = std::lock_guard<std::recursive_mutex>;

cudaError_t report(cudaError_t error) {
  if (fatal != cudaSuccess) error = fatal;
  if (error != cudaSuccess) last_error = error;
  return error;
}

/// Whether the calling thread is capturing. If so, CUDA forbids the present call, and the capture becomes invalid.
bool forbidden_now() {
  const std::shared_ptr<Capture> capture = capture_of_thread.lock();
  if (capture) capture->valid = false;
  return capture != nullptr;
}

// ---- Memory ---------------------------------------------------------------------------------------------------------

constexpr size_t reserved = size_t{1} << 40, total_bytes = size_t{64} << 30, guard_bytes = 256, page = 4096;
constexpr int guard_value = 0xa5;

size_t taken_up(size_t bytes) { return (bytes + 255) / 256 * 256 + guard_bytes; }

struct Memory {
  char* begin =
      static_cast<char*>(mmap(nullptr, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  // Protecting many pages takes long. Only the first ones, which hold small blocks, are protected; the host may touch
  // the others.
  static constexpr size_t guarded = size_t{2} << 20, large = size_t{1} << 20;
  size_t used_guarded = 0, used_open = guarded, live = 0;
  std::map<char*, size_t> blocks;
  std::multimap<size_t, char*> freed;  // by the bytes that they take up, guard included
  bool open = false;
  char* checked = nullptr;  // the block that was checked last

  bool has(const void* p) const { return p >= begin && p < begin + reserved; }
  void protect(bool on) {
    open = !on;
    mprotect(begin, guarded, on ? PROT_NONE : PROT_READ | PROT_WRITE);
  }
  /// Returns the address of a place for `bytes` bytes.
  char* find(size_t bytes) {
    if (const auto old = freed.find(bytes); old != freed.end()) return freed.extract(old).mapped();
    const bool guard = bytes < large && bytes <= guarded - used_guarded;
    size_t& used = guard ? used_guarded : used_open;
    char* found = begin + used;
    used += bytes;
    if (!guard) {
      const size_t into_page = static_cast<size_t>(found - begin) % page;
      mprotect(found - into_page, into_page + bytes, PROT_READ | PROT_WRITE);
    }
    return found;
  }
  /// Checks the guard bytes behind some of the blocks, others each time.
  void check_guards() {
    auto at = blocks.upper_bound(checked);  // null at first, which is before all blocks
    for (size_t n = std::min<size_t>(blocks.size(), 64); n > 0; --n, ++at) {
      if (at == blocks.end()) at = blocks.begin();
      const auto [block, bytes] = *at;
      for (size_t i = 0; i < guard_bytes; ++i)
        if (static_cast<unsigned char>(block[bytes + i]) != guard_value) {
          std::fprintf(stderr, "cuda_on_cpu: something was written %zu bytes behind a block of %zu\n", i, bytes);
          std::abort();
        }
      checked = block;
    }
  }
} memory;

/// While one lives, the device is working: its memory is accessible.
struct Working {
  const bool outer = !memory.open;
  Working() {
    if (outer) memory.protect(false);
  }
  ~Working() {
    if (!outer) return;
    memory.check_guards();
    memory.protect(true);
  }
};

sigjmp_buf after_fault;

void on_fault(int, siginfo_t* info, void*) {
  if (memory.open) siglongjmp(after_fault, 1);
  constexpr char of_device[] = "cuda_on_cpu: the host touched memory of the device\n";
  if (memory.has(info->si_addr)) [[maybe_unused]]
    const ssize_t n = write(STDERR_FILENO, of_device, sizeof of_device - 1);
  std::signal(SIGSEGV, SIG_DFL);
}

[[gnu::constructor]] void catch_faults() {
  struct sigaction action{};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(SIGSEGV, &action, nullptr);
}

// ---- Running what is queued -----------------------------------------------------------------------------------------

void run_now(const std::function<void()>& work) {
  if (fatal != cudaSuccess) return;
  try {
    if (sigsetjmp(after_fault, 1)) fatal = cudaErrorIllegalAddress;
    else work();
  } catch (const std::runtime_error& error) {
    std::fprintf(stderr, "cuda_on_cpu: %s\n", error.what());
    fatal = cudaErrorLaunchFailure;
  }
}

void run_next(cudaStream_t stream) {
  const Item item = std::move(stream->queue.front());
  stream->queue.pop_front();
  if (item.awaited)
    while (item.awaited->reached < item.time) run_next(item.from);
  if (item.reached) item.reached->reached = item.time;
  if (item.run) run_now(item.run);
}

void run_all(cudaStream_t stream) {
  if (stream->queue.empty()) return;
  const Working working;
  while (!stream->queue.empty()) run_next(stream);
}

/// Queues work, or records it in a graph.
cudaError_t give(cudaStream_t stream, cudaGraphNodeType type, std::function<void()> work,
                 cudaMemcpyKind kind = cudaMemcpyDefault) {
  if (Capture* capture = stream->capture.get()) {
    auto& nodes = capture->graph.nodes;
    nodes.push_back({type, kind, std::move(work), stream->last});
    stream->last = {nodes.size() - 1};
  } else {
    stream->queue.push_back({std::move(work)});
    if (stream->queue.size() > 10'000) run_all(stream);
  }
  return report(cudaSuccess);
}

void run_graph(const cuda_on_cpu_graph& graph) {
  static std::minstd_rand pick;
  std::vector<size_t> missing, ready;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    missing.push_back(graph.nodes[i].after.size());
    if (missing[i] == 0) ready.push_back(i);
  }
  while (!ready.empty()) {
    std::swap(ready[pick() % ready.size()], ready.back());
    const size_t now = ready.back();
    ready.pop_back();
    graph.nodes[now].run();
    for (size_t i = 0; i < graph.nodes.size(); ++i)
      for (size_t before : graph.nodes[i].after)
        if (before == now && --missing[i] == 0) ready.push_back(i);
  }
}

}  // namespace

// ---- CUDA's functions -----------------------------------------------------------------------------------------------

const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
#define CUDA_ON_CPU_NAME(name) \
  case name: return #name;
    CUDA_ON_CPU_NAME(cudaSuccess)
    CUDA_ON_CPU_NAME(cudaErrorInvalidValue)
    CUDA_ON_CPU_NAME(cudaErrorMemoryAllocation)
    CUDA_ON_CPU_NAME(cudaErrorCudartUnloading)
    CUDA_ON_CPU_NAME(cudaErrorInvalidConfiguration)
    CUDA_ON_CPU_NAME(cudaErrorIllegalAddress)
    CUDA_ON_CPU_NAME(cudaErrorLaunchFailure)
    CUDA_ON_CPU_NAME(cudaErrorStreamCaptureUnsupported)
    CUDA_ON_CPU_NAME(cudaErrorStreamCaptureInvalidated)
    CUDA_ON_CPU_NAME(cudaErrorStreamCaptureUnjoined)
    CUDA_ON_CPU_NAME(cudaErrorStreamCaptureIsolation)
#undef CUDA_ON_CPU_NAME
  }
  return "an error without a name";
}
const char* cudaGetErrorString(cudaError_t error) {
  return error == cudaErrorIllegalAddress ? "an illegal memory access was encountered" : cudaGetErrorName(error);
}
cudaError_t cudaGetLastError() {
  const Lock lock(mutex);
  return fatal != cudaSuccess ? fatal : std::exchange(last_error, cudaSuccess);
}

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) { return device == 0 ? cudaSuccess : cudaErrorInvalidValue; }
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  *value = attribute == cudaDevAttrMultiProcessorCount ? 1 : 9;  // one, so that blocks have to loop
  return cudaSuccess;
}

cudaError_t cudaMalloc(void** to, size_t bytes) {
  const Lock lock(mutex);
  if (forbidden_now()) return report(cudaErrorStreamCaptureUnsupported);
  if (bytes > total_bytes - memory.live) return report(cudaErrorMemoryAllocation);
  const Working working;
  char* block = memory.find(taken_up(bytes));
  // NaN, so that a read of memory that nobody wrote shows. In large blocks, such as workspaces, only at the beginning.
  std::memset(block, 0xff, std::min(bytes, size_t{1} << 20));
  std::memset(block + bytes, guard_value, guard_bytes);
  memory.live += bytes;
  memory.blocks.emplace(block, bytes);
  *to = block;
  return report(cudaSuccess);
}
cudaError_t cudaFree(void* block) {
  const Lock lock(mutex);
  if (forbidden_now()) return report(cudaErrorStreamCaptureUnsupported);
  const auto found = memory.blocks.find(static_cast<char*>(block));
  if (found == memory.blocks.end()) return report(cudaErrorInvalidValue);
  for (cudaStream_t stream : streams) run_all(stream);
  memory.live -= found->second;
  memory.freed.emplace(taken_up(found->second), found->first);
  memory.blocks.erase(found);
  return report(cudaSuccess);
}
cudaError_t cudaHostAlloc(void** to, size_t bytes, unsigned) {
  *to = std::malloc(bytes);
  return cudaSuccess;
}
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  const Lock lock(mutex);
  *free = total_bytes - memory.live;
  *total = total_bytes;
  return report(cudaSuccess);
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  const Lock lock(mutex);
  if (memory.has(from) || stream->capture)
    return give(stream, cudaGraphNodeTypeMemcpy, [=] { std::memmove(to, from, bytes); }, kind);
  const auto* begin = static_cast<const char*>(from);  // staged, because the source may be gone when the copy runs
  return give(stream, cudaGraphNodeTypeMemcpy, [to, staged = std::vector<char>(begin, begin + bytes)] {
    std::copy(staged.begin(), staged.end(), static_cast<char*>(to));
  });
}
cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t stream) {
  const Lock lock(mutex);
  return give(stream, cudaGraphNodeTypeMemset, [=] { std::memset(to, value, bytes); });
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  const Lock lock(mutex);
  streams.push_back(*stream = new cuda_on_cpu_stream);
  return report(cudaSuccess);
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  const Lock lock(mutex);
  if (stream->capture) {
    stream->capture->valid = false;
    return report(cudaErrorStreamCaptureUnsupported);
  }
  run_all(stream);
  return report(cudaSuccess);
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new cuda_on_cpu_event;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const Lock lock(mutex);
  event->capture = stream->capture;
  event->stream = stream;
  if (stream->capture) event->nodes = stream->last;
  else stream->queue.push_back({{}, event, nullptr, nullptr, ++event->recorded});
  return report(cudaSuccess);
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event) {
  const Lock lock(mutex);
  if (const std::shared_ptr<Capture> capture = event->capture.lock()) {
    if (stream->capture && stream->capture != capture) return report(cudaErrorStreamCaptureIsolation);
    if (!stream->capture) {
      capture->streams.push_back(stream);
      stream->capture = capture;
      stream->last.clear();
    }
    stream->last.insert(stream->last.end(), event->nodes.begin(), event->nodes.end());
    std::sort(stream->last.begin(), stream->last.end());
    stream->last.erase(std::unique(stream->last.begin(), stream->last.end()), stream->last.end());
    return report(cudaSuccess);
  }
  if (stream->capture) return report(cudaErrorStreamCaptureIsolation);
  stream->queue.push_back({{}, nullptr, event, event->stream, event->recorded});
  return report(cudaSuccess);
}

cudaError_t cuda_on_cpu_launch(const cudaLaunchConfig_t& config, std::function<void()> kernel) {
  const Lock lock(mutex);
  const dim3 grid = config.gridDim, threads = config.blockDim;
  const uint64_t all = uint64_t{threads.x} * threads.y * threads.z;
  if (all == 0 || all > 1024 || threads.z > 64 || grid.x == 0 || grid.x > 0x7fffffff || grid.y == 0 || grid.y > 65535 ||
      grid.z == 0 || grid.z > 65535)
    return report(cudaErrorInvalidConfiguration);
  return give(config.stream, cudaGraphNodeTypeKernel, [=, kernel = std::move(kernel)] {
    static unsigned runs = 0;
    cuda_on_cpu::run_grid(grid, threads, kernel, ++runs % 2);
  });
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  const Lock lock(mutex);
  if (stream->capture) return report(cudaErrorInvalidValue);
  stream->capture = std::make_shared<Capture>();
  stream->capture->origin = stream;
  stream->capture->streams = {stream};
  stream->last.clear();
  capture_of_thread = stream->capture;
  return report(cudaSuccess);
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  const Lock lock(mutex);
  const std::shared_ptr<Capture> capture = stream->capture;
  *graph = nullptr;
  if (!capture || capture->origin != stream) return report(cudaErrorInvalidValue);
  // The last nodes of this stream must come after everything that the other streams were given.
  const auto& nodes = capture->graph.nodes;
  std::vector<bool> before(nodes.size());
  for (size_t i : stream->last) before[i] = true;
  for (size_t i = nodes.size(); i-- > 0;)
    if (before[i])
      for (size_t j : nodes[i].after) before[j] = true;
  bool joined = true;
  for (cudaStream_t each : capture->streams) {
    for (size_t i : each->last) joined &= before[i];
    each->capture.reset();
  }
  if (!capture->valid) return report(cudaErrorStreamCaptureInvalidated);
  if (!joined) return report(cudaErrorStreamCaptureUnjoined);
  *graph = new cuda_on_cpu_graph(std::move(capture->graph));
  return report(cudaSuccess);
}

cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, size_t* count) {
  if (nodes)
    for (size_t i = 0; i < std::min(*count, graph->nodes.size()); ++i) nodes[i] = &graph->nodes[i];
  *count = graph->nodes.size();
  return cudaSuccess;
}
cudaError_t cudaGraphNodeGetType(cudaGraphNode_t node, cudaGraphNodeType* type) {
  *type = node->type;
  return cudaSuccess;
}
cudaError_t cudaGraphMemcpyNodeGetParams(cudaGraphNode_t node, cudaMemcpy3DParms* parameters) {
  parameters->kind = node->kind;
  return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long) {
  *executable = new CUgraphExec_st{std::make_shared<cuda_on_cpu_graph>(*graph)};
  return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  const Lock lock(mutex);
  if (stream->capture) return report(cudaErrorStreamCaptureUnsupported);
  return give(stream, cudaGraphNodeTypeKernel, [graph = executable->graph] { run_graph(*graph); });
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  delete executable;
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}

bool cuda_on_cpu_capturing() { return !capture_of_thread.expired(); }
cudaError_t cuda_on_cpu_queue(cudaStream_t stream, std::function<void()> work) {
  const Lock lock(mutex);
  return give(stream, cudaGraphNodeTypeKernel, std::move(work));
}

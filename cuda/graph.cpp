#include "ramp/cuda/graph.h"

#include <algorithm>
#include <utility>

#include "ramp/core/hooks.h"
#include "ramp/cuda/check.h"
#include "ramp/cuda/context.h"
#include "ramp/cuda/device_error.h"

namespace ramp::cuda {

namespace {

constexpr const char* op = "capture";

/// While one lives, new arrays on the device come from a graph's pool.
struct Within {
  Context& c = context();
  Within(Graph* graph, Pool* pool) { c.graph = graph, c.pool = pool; }
  ~Within() {
    // A step that failed may have left work on the side stream.
    cudaStreamSynchronize(c.branches[1].stream);
    c.release();
    c.graph = nullptr, c.pool = nullptr;
  }
};

/// While one lives, the stream records. The destructor ends a recording that the step has left unfinished.
class Recording {
 public:
  Recording() {
    // Restricts this thread only: others may go on making any driver call.
    check(op, cudaStreamBeginCapture(c_.stream, cudaStreamCaptureModeThreadLocal));
    c_.capturing = true;
    ++c_.device_error;
  }
  ~Recording() {
    if (!c_.capturing) return;
    cudaGraph_t graph = nullptr;
    if (stop(&graph) == cudaSuccess) cudaGraphDestroy(graph);
    cudaGetLastError();  // clears it: the step's own error is the one to report
  }
  cudaGraph_t end() {
    cudaGraph_t graph = nullptr;
    check(op, stop(&graph));
    return graph;
  }

 private:
  cudaError_t stop(cudaGraph_t* graph) {
    c_.capturing = false;
    --c_.device_error;
    return cudaStreamEndCapture(c_.branches[0].stream, graph);
  }
  Context& c_ = context();
};

/// Returns the number of nodes. Throws Error if one is of another kind, which would act on the host or on foreign
/// memory.
size_t check_nodes(cudaGraph_t graph) {
  size_t count = 0;
  check(op, cudaGraphGetNodes(graph, nullptr, &count));
  std::vector<cudaGraphNode_t> nodes(count);
  check(op, cudaGraphGetNodes(graph, nodes.data(), &count));
  for (cudaGraphNode_t node : nodes) {
    cudaGraphNodeType type;
    check(op, cudaGraphNodeGetType(node, &type));
    if (type != cudaGraphNodeTypeKernel && type != cudaGraphNodeTypeMemset && type != cudaGraphNodeTypeMemcpy)
      fail(op, "a graph must hold kernels, fills and copies on the device, got a node of CUDA's type ",
           static_cast<int>(type));
    if (type != cudaGraphNodeTypeMemcpy) continue;
    cudaMemcpy3DParms copy{};
    check(op, cudaGraphMemcpyNodeGetParams(node, &copy));
    if (copy.kind != cudaMemcpyDeviceToDevice && copy.kind != cudaMemcpyDefault)
      fail(op, "a copy between the CPU and a CUDA device cannot be part of a captured step");
  }
  return count;
}

}  // namespace

Graph::Graph() : device_(context().device) {}

Graph::~Graph() {
  if (!executable_) return;
  use(device_);
  if (!context().capturing) cudaStreamSynchronize(context().stream);  // unchecked: at exit the driver may be gone
  cudaGraphExecDestroy(executable_);
}

void Graph::warm_up(const std::function<void()>& step) {
  use(device_);
  const Within within(this, &pool_);
  draws_ = 0;
  step();
  within.c.join();
}

void Graph::capture(const std::function<void()>& step) {
  use(device_);
  constexpr auto doubles = static_cast<int64_t>(sizeof(RandomKey) / sizeof(double));
  if (draws_ > 0) keys_ = Array({static_cast<int64_t>(draws_) * doubles}, float64, {Device::Kind::cuda, device_});
  const Within within(this, &pool_);
  Recording recording;
  end_ = [&] {
    within.c.join();
    const cudaGraph_t graph = recording.end();
    try {
      nodes_ = check_nodes(graph);
      check(op, cudaGraphInstantiate(&executable_, graph, 0));
    } catch (...) {
      cudaGraphDestroy(graph);
      throw;
    }
    check(op, cudaGraphDestroy(graph));
  };
  try {
    step();
    if (!executable_) end_();
  } catch (...) {
    end_ = nullptr;
    throw;
  }
  end_ = nullptr;
}

void Graph::stop() {
  use(device_);
  Context& c = context();
  // What the side stream did so far is part of the graph; what it does next runs after the graph.
  const cudaStream_t stream = std::exchange(c.stream, c.branches[0].stream);
  const bool forked = stream != c.stream;
  if (forked) wait_for(c.branches[1], c.branches[0]);
  end_();
  const std::vector<RandomKey> keys = drawn_;
  launch(keys);
  if (forked) wait_for(c.branches[0], c.branches[1]);
  c.stream = stream;
}

void Graph::launch(std::span<const RandomKey> keys) {
  use(device_);
  throw_device_error();
  if (!keys.empty()) write_keys(keys, static_cast<RandomKey*>(keys_.data<void>()));
  check(op, cudaGraphLaunch(executable_, context().stream));
  check_launch(op);
}

const RandomKey* Graph::replay_key(const char* kernel, RandomKey key) {
  if (!context().capturing) {
    ++draws_;
    return nullptr;
  }
  if (drawn_.size() == draws_) {
    stop_capture(kernel, "a random array that the warm-up steps did not draw cannot be part of a captured step");
    return nullptr;
  }
  drawn_.push_back(key);
  return static_cast<const RandomKey*>(keys_.data<const void>()) + drawn_.size() - 1;
}

const RandomKey* replay_key(const char* op, RandomKey key) {
  Graph* graph = context().graph;
  return graph ? graph->replay_key(op, key) : nullptr;
}

}  // namespace ramp::cuda

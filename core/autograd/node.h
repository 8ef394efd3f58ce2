#pragma once
// One recorded operation, or a leaf: the graph that backward() walks.

#include <cstddef>
#include <functional>
#include <memory>
#include <memory_resource>
#include <vector>

#include "ramp/core/array/array.h"

namespace ramp {

class Gradients;  // autograd.h
class Tensor;
struct TensorImpl;

/// (gradient of the result, slots for the gradients of the inputs). It must not write into `gradient`, whose memory
/// others may hold; it may hand it on, or a view of it, as the gradient of an input.
using Backward = std::function<void(const Array& gradient, Gradients& inputs)>;

/// The bytes that a node's backward reads, as they were when the operation was recorded.
struct Saved {
  std::shared_ptr<Storage> storage;
  int64_t begin, end;
  uint64_t writes;   // to the storage, until then
  const char* role;  // "the input", say, for the Error when they were written to since
};

/// One recorded operation, or a leaf (without `backward`).
struct Node : std::enable_shared_from_this<Node> {
 private:
  // The lists of most nodes fit in here, which spares a request for memory each.
  alignas(std::max_align_t) std::byte space_[3 * sizeof(std::shared_ptr<Node>) + 4 * sizeof(Saved)];
  std::pmr::monotonic_buffer_resource lists_{space_, sizeof space_};

 public:
  const char* op = "leaf";
  uint64_t number = 0;
  Shape shape;
  DType dtype = float32;
  Device device;
  std::pmr::vector<std::shared_ptr<Node>> inputs{&lists_};  // null where no gradient is wanted
  Backward backward;
  std::pmr::vector<Saved> saved{&lists_};
  bool freed = false;  // backward has passed and the graph was not retained

  Array grad;                         // a leaf's (or retained) gradient; an optimizer makes it a view into its arena
  bool has_grad = false;              // false: `grad` is stale memory, and the next gradient overwrites it
  std::shared_ptr<TensorImpl> shown;  // what grad() returned: a view of `grad` until that is overwritten
  bool retain = false;
  bool parameter = false;  // a layer's, or an optimizer's
  using Hook = std::function<Tensor(const Tensor&)>;
  std::vector<std::shared_ptr<Hook>> hooks;  // shared with a walk that calls them, for they may change this list
  uint64_t hook_changes = 0;                 // raised when hooks are added or removed

  uint64_t seen = 0;          // by the last search that came by
  Array pending;              // the sum of the gradients that have arrived during the current walk
  Node* next_dead = nullptr;  // the next node that waits to be destroyed

  /// Adds a hook, which a captured step notices; removes those for which `removable` holds.
  void add_hook(Hook hook);
  template <class F>
  void remove_hooks(F removable) {
    if (std::erase_if(hooks, [&](const std::shared_ptr<Hook>& hook) { return removable(*hook); }) > 0) ++hook_changes;
  }
  /// Makes a node. Graphs of any depth are destroyed without recursion, and without asking for memory.
  static std::shared_ptr<Node> make();
  /// Gives what grad() returned memory of its own when someone still holds it, since `grad` is about to be overwritten.
  void part_from_shown();

  Node() {}  // not "= default", with which make() would first fill `space_` with zeros
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
};

}  // namespace ramp

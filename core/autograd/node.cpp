#include "ramp/core/autograd/node.h"

#include <utility>

#include "ramp/core/array_ops/array_ops.h"
#include "ramp/core/autograd/tensor.h"

namespace ramp {
namespace {

/// Destroys a node. The nodes that only it holds come here too while its members are destroyed; they wait in a list, as
/// a long chain would otherwise take as many nested calls.
void destroy(Node* node) {
  thread_local Node* dead = nullptr;
  thread_local bool busy = false;
  node->next_dead = std::exchange(dead, node);
  if (busy) return;
  busy = true;
  while (dead) {
    Node* const next = std::exchange(dead, dead->next_dead);
    const std::weak_ptr<Node> memory = next->weak_from_this();  // which until now nothing but the node itself held
    next->~Node();
  }
  busy = false;
}

/// Puts a node beside its reference count, and has it destroyed by the function above.
template <class T>
struct NodeAllocator : std::allocator<T> {
  template <class U>
  struct rebind {
    using other = NodeAllocator<U>;
  };
  NodeAllocator() = default;
  template <class U>
  explicit NodeAllocator(const NodeAllocator<U>&) {}
  static void destroy(Node* node) { ramp::destroy(node); }
};

}  // namespace

std::shared_ptr<Node> Node::make() { return std::allocate_shared<Node>(NodeAllocator<Node>()); }

void Node::add_hook(Hook hook) {
  hooks.push_back(std::make_shared<Hook>(std::move(hook)));
  ++hook_changes;
}

void Node::part_from_shown() {
  const bool held_elsewhere = shown && shown.use_count() > 1 + shown->traces;
  if (!held_elsewhere) return;
  shown->value = clone(shown->value);
  shown = nullptr;
}

}  // namespace ramp

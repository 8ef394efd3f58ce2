#pragma once
// The memory of an optimizer: flat arenas, in which each parameter is a slot. Private to optim/.

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ramp/core/autograd/node.h"
#include "ramp/core/autograd/parameter.h"
#include "ramp/core/autograd/tensor.h"
#include "ramp/core/backend/options.h"

namespace ramp::optim {

/// Whether both are the same elements of the same memory.
bool same_view(const Array& a, const Array& b);

/// One parameter's part of an arena: elements [begin, end), including padding.
struct Slot {
  std::string title, name;                             // in messages; in state()
  UncountedTensor held;                                // a captured step must notice when the program releases it
  std::vector<std::weak_ptr<const Tensor>> variables;  // the layers' variables that hold it
  bool decay;
  int64_t begin, end;
  Array value, gradient;
  // Slots of one age have equally many updates with state behind them, and so can be updated together. (The numbers
  // themselves are on the device, in `steps`, where replays of a captured step raise them.)
  int age = 0;

  Tensor tensor() const { return held.get(); }
  bool has_gradient() const { return held->node && held->node->has_grad; }  // no node: it has been frozen

  /// The tensor that replaced this one in a layer's variable; undefined if all variables still hold this one.
  Tensor replacement() const;

  /// Makes the node's gradient our view: in the constructor, and after the parameter was frozen and unfrozen.
  void bind_gradient();
};

/// The parameters of one dtype on one device, those with weight decay first. Padding is zero everywhere, and updates
/// keep it zero, so that a run of slots can be updated as one range.
struct Arena {
  Arena(DType d, Device on) : dtype(d), device(on) {}

  DType dtype;
  Device device;
  std::vector<Slot> slots;
  Array values, gradients;
  std::array<Array, max_states> states;  // those that the rule has used so far
  Array learning_rate;                   // one double, on the parameters' device
  Array steps, factors;                  // rows of UpdateArrays, one for each slot
  Array values_bfloat16;                 // the values as bfloat16, once the precision requires them
  int youngest = 0;                      // the largest age

  int64_t size() const { return slots.empty() ? 0 : slots.back().end; }

  /// Adds a slot at the end. A parameter without a name is named by its position.
  void append(std::string title, const Parameter& p, size_t position);
  /// Allocates the values, to which it copies the parameters, and the gradients.
  void allocate();
  /// Makes states, of zeros, until there are `count`.
  void make_states(int count);
  /// What the update of slots [first, last) reads and writes, with `count` states.
  UpdateArrays run(size_t first, size_t last, int count) const;
  /// Before an update with state: the slots that have a gradient no longer have the age of those that have none.
  void part_ages();
  /// Whether updates must also write `values_bfloat16`; if so, brings it up to date with the values.
  bool keeps_copy();
};

}  // namespace ramp::optim

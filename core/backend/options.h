#pragma once
// What the functions of a backend are given beside arrays.

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "ramp/core/array/array.h"
#include "ramp/core/backend/precision.h"
#include "ramp/core/formulas/updates.h"

namespace ramp {

enum class Compare : uint8_t { less, less_equal, greater, greater_equal, equal, not_equal };

/// What every element of an array must fulfil: to lie in [low, high].
struct RangeRule {
  const char* op;
  std::string rule;  ///< "targets must lie in [0, 1]"
  double low, high;
  const char* where = "";  ///< what an element's position is called, "row"; empty when there is one element
};

/// Equal blocks moved from one array into another: what concatenation and its inverse are made of. In elements.
struct BlockCopy {
  int64_t blocks, size;            // how many, and how long each
  int64_t from_stride, to_stride;  // from one block to the next
  int64_t from_offset = 0, to_offset = 0;
};

/// Which factors of a matrix product are transposed.
struct MatmulOptions {
  bool transpose_a = false;
  bool transpose_b = false;
};

/// A softmax cross-entropy. A row with logits z and label y has the targets t_c = keep() w_y [c = y] + spread() w_c
/// with class weights w. Its loss is sum t_c (log sum(e^(z - max)) - (z_c - max)), and its gradient softmax(z) sum(t) -
/// t.
struct CrossEntropyStep {
  double scale = 1;  // of the losses, and so of the gradient
  double label_smoothing = 0;
  Array class_weights;              // [C] of the logits' dtype, or undefined for ones
  std::optional<int> ignore_index;  // labels equal to it count for nothing; every other one outside [0, C) is an Error

  double keep() const { return scale * (1 - label_smoothing); }
  double spread(int64_t classes) const { return scale * label_smoothing / static_cast<double>(classes); }
};

/// What an optimizer's update reads and writes, for neighbouring parameters with equally many updates behind them.
struct UpdateArrays {
  Array parameter{}, gradient{};           // of one floating dtype
  std::array<Array, max_states> states{};  // as many as the rule uses, like the parameter
  Array copy{};                            // undefined, or the new float32 parameter as bfloat16
  Array learning_rate{};                   // float64 [1]
  Array steps{};                           // float64 [m]: the updates with state of each parameter
  Array factors{};                         // float64 [max_factors]
};

}  // namespace ramp

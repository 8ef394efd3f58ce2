#pragma once
// The CPU backend; core/backend/functions.inc states what each function means.

#include "ramp/core/backend/options.h"
#include "ramp/core/cpu/graph.h"
#include "ramp/core/formulas/formulas.h"

namespace ramp {

struct Cpu {
  using Graph = cpu::Graph;

#include "ramp/core/backend/functions.inc"
};

}  // namespace ramp

#pragma once
// Functions of two arguments. Their partial derivatives come from dual numbers unless partial<Argument>(a, b) is given.

#include "ramp/core/formulas/common.h"

namespace ramp::formula {

struct Add {
  template <class V>
  RAMP_HD V operator()(V a, V b) const {
    return a + b;
  }
};
struct Subtract {
  template <class V>
  RAMP_HD V operator()(V a, V b) const {
    return a - b;
  }
};
struct Multiply {
  template <class V>
  RAMP_HD V operator()(V a, V b) const {
    return a * b;
  }
};
struct Divide {
  template <class V>
  RAMP_HD V operator()(V a, V b) const {
    return a / b;
  }
};
/// The larger. At a tie the last branch gives each side half of the gradient.
struct Maximum {
  template <class V>
  RAMP_HD V operator()(V a, V b) const {
    return select(a > b, a, select(a < b, b, V(0.5) * a + V(0.5) * b));
  }
};
/// The smaller. At a tie each side gets half of the gradient.
struct Minimum {
  template <class V>
  RAMP_HD V operator()(V a, V b) const {
    return select(a < b, a, select(a > b, b, V(0.5) * a + V(0.5) * b));
  }
};

/// LeakyReLU with a slope for each element: x for x >= 0, slope x below. By broadcasting, all elements or each channel
/// can share a slope. He, Zhang, Ren & Sun 2015; with random slopes Xu, Wang, Chen & Li 2015.
struct PReLU {
  double slope_at_zero = 1;
  template <class V>
  RAMP_HD V operator()(V x, V slope) const {
    return select(x < V(0.0), slope * x, x);
  }
  template <int Argument, class V>
  RAMP_HD V partial(V x, V slope) const {
    if constexpr (Argument == 0) return step(x, slope, V(1.0), V(slope_at_zero));
    else return select(x >= V(0.0), V(0.0), x);
  }
};

}  // namespace ramp::formula

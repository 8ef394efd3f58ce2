#pragma once
// Every elementwise function, once. A formula is a struct of parameters with operator()(x) over the vocabulary of math.h;
// the CPU's SIMD, the CUDA threads, the layers, the functions and the tests are readers of it. Where a closed form beats
// the derivative that dual numbers give, a formula adds derivative(x, y) with y = f(x); where it is not differentiable it
// names the points in kinks(), and gradient checks step around them.
//
// The value at a kink is the right branch's, as x >= 0 stands in the definition of ReLU: relu'(0) = 1. The formulas with
// `slope_at_zero` let the user choose another (PyTorch's choice is the left branch). NaN gives NaN, value and derivative.
//
// A new formula is a struct here and a word in a list at the end of this file.

#include <variant>
#include <vector>

#include "ramp/core/error.h"
#include "ramp/core/dual.h"
#include "ramp/core/math.h"

namespace ramp::formula {

using namespace math;

/// The derivative of a function with a kink at 0: `left` for x < 0, `right` for x > 0, `at_zero` at 0, NaN for NaN.
template <class V>
RAMP_HD V step(V x, V left, V right, V at_zero) {
  return select(x > V(0.0), right, select(x < V(0.0), left, select(x == V(0.0), at_zero, x)));
}

// ---- Arithmetic and elementary functions ----------------------------------------------------------------------------

struct Neg {
  template <class V>
  RAMP_HD V operator()(V x) const {
    return -x;
  }
};

struct Exp {
  template <class V>
  RAMP_HD V operator()(V x) const {
    return exp(x);
  }
  template <class V>
  RAMP_HD V derivative(V, V y) const {
    return y;
  }
};

/// The natural logarithm; log(0) = -inf, NaN for x < 0.
struct Log {
  template <class V>
  RAMP_HD V operator()(V x) const {
    return log(x);
  }
};

struct Sqrt {
  template <class V>
  RAMP_HD V operator()(V x) const {
    return sqrt(x);
  }
  template <class V>
  RAMP_HD V derivative(V, V y) const {
    return V(0.5) / y;
  }
};

struct Square {
  template <class V>
  RAMP_HD V operator()(V x) const {
    return x * x;
  }
};

/// |x|; its slope at 0 is 0, the middle of the subgradient, so that an L1 penalty leaves a zero at rest.
struct Abs {
  template <class V>
  RAMP_HD V operator()(V x) const {
    return abs(x);
  }
  template <class V>
  RAMP_HD V derivative(V x, V) const {
    return step(x, V(-1.0), V(1.0), V(0.0));
  }
  std::vector<double> kinks() const { return {0}; }
};

/// x to a constant power.
struct Pow {
  double exponent;
  template <class V>
  RAMP_HD V operator()(V x) const {
    return pow(x, V(exponent));
  }
};

/// min(max(x, low), high); the slope at both ends is 1, as inside.
struct Clamp {
  double low, high;
  template <class V>
  RAMP_HD V operator()(V x) const {
    return select(x < V(low), V(low), select(x > V(high), V(high), x));
  }
  template <class V>
  RAMP_HD V derivative(V x, V) const {
    return select(x < V(low), V(0.0), select(x > V(high), V(0.0), select(x == x, V(1.0), x)));
  }
  void check() const {
    if (!(low <= high)) fail("clamp", "low must not exceed high, got ", low, " and ", high);
  }
  std::vector<double> kinks() const { return {low, high}; }
};

// ---- Activations ----------------------------------------------------------------------------------------------------

/// max(x, 0): slope 1 for x >= 0, else 0. Nair & Hinton 2010; Glorot, Bordes & Bengio 2011.
struct ReLU {
  double slope_at_zero = 1;
  template <class V>
  RAMP_HD V operator()(V x) const {
    return select(x < V(0.0), V(0.0), x);
  }
  template <class V>
  RAMP_HD V derivative(V x, V) const {
    return step(x, V(0.0), V(1.0), V(slope_at_zero));
  }
  std::vector<double> kinks() const { return {0}; }
};

/// x for x >= 0, alpha x below. Maas, Hannun & Ng 2013. The formula takes any slope; the layer insists on the paper's
/// 0 <= alpha < 1.
struct LeakyReLU {
  double alpha = 0.01;
  double slope_at_zero = 1;
  template <class V>
  RAMP_HD V operator()(V x) const {
    return select(x >= V(0.0), x, V(alpha) * x);
  }
  template <class V>
  RAMP_HD V derivative(V x, V) const {
    return step(x, V(alpha), V(1.0), V(slope_at_zero));
  }
  void check_layer() const {
    if (!(alpha >= 0 && alpha < 1)) fail("LeakyReLU", "alpha must lie in [0, 1), got ", alpha);
  }
  std::vector<double> kinks() const { return {0}; }
};

/// 1 / (1 + e^-x), written so that nothing overflows and both tails keep their digits.
struct Sigmoid {
  template <class V>
  RAMP_HD V operator()(V x) const {
    const V e = exp(-abs(x));
    return select(x >= V(0.0), V(1.0), e) / (V(1.0) + e);
  }
  template <class V>
  RAMP_HD V derivative(V x, V) const {
    const V e = exp(-abs(x));
    return e / ((V(1.0) + e) * (V(1.0) + e));
  }
};

struct Tanh {
  template <class V>
  RAMP_HD V operator()(V x) const {
    return tanh(x);
  }
  /// 1 - tanh(x)^2 without the cancellation: 4 e / (1 + e)^2, e = e^(-2|x|).
  template <class V>
  RAMP_HD V derivative(V x, V) const {
    const V e = exp(V(-2.0) * abs(x));
    return V(4.0) * e / ((V(1.0) + e) * (V(1.0) + e));
  }
};

// ---- Functions of two arguments; their partial derivatives are dual numbers' ---------------------------------------

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
/// The larger; at a tie each side takes half of the gradient, which the last branch says.
struct Maximum {
  template <class V>
  RAMP_HD V operator()(V a, V b) const {
    return select(a > b, a, select(a < b, b, V(0.5) * a + V(0.5) * b));
  }
};
/// The smaller; at a tie each side takes half of the gradient.
struct Minimum {
  template <class V>
  RAMP_HD V operator()(V a, V b) const {
    return select(a < b, a, select(a > b, b, V(0.5) * a + V(0.5) * b));
  }
};

// ---- The lists: X(struct, function) ----------------------------------------------------------------------------------

/// Elementary functions of one argument.
#define RAMP_ELEMENTARY(X) \
  X(Neg, neg)              \
  X(Exp, exp)              \
  X(Log, log)              \
  X(Sqrt, sqrt)            \
  X(Square, square)        \
  X(Abs, abs)              \
  X(Pow, pow)              \
  X(Clamp, clamp)

/// Activations: each is also a layer of the struct's name.
#define RAMP_ACTIVATIONS(X) \
  X(ReLU, relu)             \
  X(LeakyReLU, leaky_relu)  \
  X(Sigmoid, sigmoid)       \
  X(Tanh, tanh)

/// Functions of two arguments that broadcast.
#define RAMP_BINARY(X)  \
  X(Add, add)           \
  X(Subtract, subtract) \
  X(Multiply, multiply) \
  X(Divide, divide)     \
  X(Maximum, maximum)   \
  X(Minimum, minimum)

}  // namespace ramp::formula

namespace ramp {

namespace detail {
/// The variant over a list's formulas: its first alternative is a stand-in that swallows the list's leading comma.
struct None {};
template <class First, class... F>
struct Variant {
  using type = std::variant<F...>;
};
}  // namespace detail

#define RAMP_ALTERNATIVE(Struct, function) , formula::Struct
/// Any formula of one argument. Backends visit it and run the formula inside.
using Unary = detail::Variant<detail::None RAMP_ELEMENTARY(RAMP_ALTERNATIVE) RAMP_ACTIVATIONS(RAMP_ALTERNATIVE)>::type;
/// Any formula of two arguments.
using Binary = detail::Variant<detail::None RAMP_BINARY(RAMP_ALTERNATIVE)>::type;
#undef RAMP_ALTERNATIVE

/// The name of a formula's function, as errors and graphs print it.
inline const char* name(const Unary& f) {
#define RAMP_NAME(Struct, function) #function,
  static constexpr const char* names[] = {RAMP_ELEMENTARY(RAMP_NAME) RAMP_ACTIVATIONS(RAMP_NAME)};
  return names[f.index()];
}
inline const char* name(const Binary& f) {
  static constexpr const char* names[] = {RAMP_BINARY(RAMP_NAME)};
#undef RAMP_NAME
  return names[f.index()];
}

/// f'(x) for y = f(x): the formula's closed form where it has one, else the dual number's.
template <class F, class V>
RAMP_HD V derivative(const F& f, V x, V y) {
  if constexpr (requires { f.derivative(x, y); }) return f.derivative(x, y);
  else return f(math::Dual<V>(x, V(1.0))).d;
}
/// The partial derivative of f(a, b) by a (Argument 0) or b (Argument 1).
template <int Argument, class F, class V>
RAMP_HD V partial(const F& f, V a, V b) {
  using D = math::Dual<V>;
  return f(D(a, V(Argument == 0 ? 1.0 : 0.0)), D(b, V(Argument == 1 ? 1.0 : 0.0))).d;
}

}  // namespace ramp

#pragma once
// Every elementwise function, once. A formula is a struct of parameters with operator()(x) over the vocabulary of math.h;
// the CPU's SIMD, the CUDA threads, the layers, the functions and the tests are readers of it. Where a closed form beats
// the derivative that dual numbers give, a formula adds derivative(x, y) with y = f(x); where it is not differentiable it
// names the points in kinks(), and gradient checks step around them.
//
// The value at a kink is the right branch's, as x >= 0 stands in the definition of ReLU: relu'(0) = 1. The formulas with
// `slope_at_zero` let the user choose another (PyTorch's choice is the left branch). NaN gives NaN, value and derivative.
//
// A new formula is a struct in a file of core/formulas and a word in a list below.

#include <variant>

#include "ramp/core/formulas/binary.h"
#include "ramp/core/formulas/elementary.h"
#include "ramp/core/formulas/rectifiers.h"
#include "ramp/core/formulas/smooth.h"

// X(struct, function)

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
#define RAMP_ACTIVATIONS(X)            \
  X(ReLU, relu)                        \
  X(LeakyReLU, leaky_relu)             \
  X(ClippedReLU, clipped_relu)         \
  X(ReLU6, relu6)                      \
  X(ThresholdedReLU, thresholded_relu) \
  X(SquaredReLU, squared_relu)         \
  X(ELU, elu)                          \
  X(CELU, celu)                        \
  X(SELU, selu)                        \
  X(GELU, gelu)                        \
  X(GELUTanh, gelu_tanh)               \
  X(SiLU, silu)                        \
  X(Mish, mish)                        \
  X(HardSigmoid, hard_sigmoid)         \
  X(HardSwish, hard_swish)             \
  X(Softplus, softplus)                \
  X(LogSigmoid, log_sigmoid)           \
  X(Sigmoid, sigmoid)                  \
  X(Tanh, tanh)                        \
  X(Softsign, softsign)                \
  X(UnitStep, unit_step)

/// Functions of two arguments that broadcast.
#define RAMP_BINARY(X)  \
  X(Add, add)           \
  X(Subtract, subtract) \
  X(Multiply, multiply) \
  X(Divide, divide)     \
  X(Maximum, maximum)   \
  X(Minimum, minimum)   \
  X(PReLU, prelu)

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
/// The partial derivative of f(a, b) by a (Argument 0) or b (Argument 1), likewise.
template <int Argument, class F, class V>
RAMP_HD V partial(const F& f, V a, V b) {
  using D = math::Dual<V>;
  if constexpr (requires { f.template partial<Argument>(a, b); }) return f.template partial<Argument>(a, b);
  else return f(D(a, V(Argument == 0 ? 1.0 : 0.0)), D(b, V(Argument == 1 ? 1.0 : 0.0))).d;
}

}  // namespace ramp

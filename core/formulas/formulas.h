#pragma once
// The single definition of every elementwise function. A formula is a struct of parameters with operator()(x), written
// in the vocabulary of math.h; the CPU's SIMD kernels, the CUDA kernels, the layers, the functions and the tests all
// use it. If a closed form is better than the derivative from dual numbers, a formula adds derivative(x, y), where y is
// f(x). If it is not differentiable, it names the points in kinks(), which gradient checks leave out.
//
// The derivative at a kink is that of the right branch unless the formula says otherwise: relu'(0) = 1, as ReLU is
// defined with x >= 0. The formulas with `slope_at_zero` let the user choose another (PyTorch's choice is the left
// branch). NaN gives NaN, in value and derivative.
//
// To add a formula, write its struct in a file of core/formulas and enter it in a list below.

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

#define RAMP_ALTERNATIVE(Struct, function) , formula::Struct
/// Any formula of one argument. Backends visit it and run the formula inside.
using Unary = detail::Variant<detail::None RAMP_ELEMENTARY(RAMP_ALTERNATIVE) RAMP_ACTIVATIONS(RAMP_ALTERNATIVE)>::type;
/// Any formula of two arguments.
using Binary = detail::Variant<detail::None RAMP_BINARY(RAMP_ALTERNATIVE)>::type;
#undef RAMP_ALTERNATIVE

/// The name of a formula's function, as printed in errors and graphs.
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

/// f'(x) for y = f(x): the formula's closed form if it has one, else from dual numbers.
template <class F, class V>
RAMP_HD V derivative(const F& f, V x, V y) {
  if constexpr (requires { f.derivative(x, y); }) return f.derivative(x, y);
  else return f(math::Dual<V>(x, V(1.0))).d;
}
/// The partial derivative of f(a, b) with respect to a (Argument 0) or b (Argument 1), likewise.
template <int Argument, class F, class V>
RAMP_HD V partial(const F& f, V a, V b) {
  using D = math::Dual<V>;
  if constexpr (requires { f.template partial<Argument>(a, b); }) return f.template partial<Argument>(a, b);
  else return f(D(a, V(Argument == 0 ? 1.0 : 0.0)), D(b, V(Argument == 1 ? 1.0 : 0.0))).d;
}

}  // namespace ramp

#include "ramp/layers/activations.h"

#include <array>
#include <bit>

#include "ramp/init/init.h"

namespace ramp {
namespace {

const char* struct_name(const Unary& formula) {
#define RAMP_STRUCT_NAME(Struct, function) #Struct,
  static constexpr const char* names[] = {RAMP_ELEMENTARY(RAMP_STRUCT_NAME) RAMP_ACTIVATIONS(RAMP_STRUCT_NAME)};
#undef RAMP_STRUCT_NAME
  return names[formula.index()];
}

// A formula's parameters are its members. All are doubles, so a formula can be read as an array of doubles.
template <class F>
auto parameters_of(const F& formula) {
  if constexpr (std::is_empty_v<F>) {
    return std::array<double, 0>{};
  } else {
    static_assert(sizeof(F) % sizeof(double) == 0, "a formula's members are doubles");
    return std::bit_cast<std::array<double, sizeof(F) / sizeof(double)>>(formula);
  }
}

}  // namespace

Activation::Activation(const Unary& formula) : formula_(formula) {
  std::visit(
      []<class F>(const F& f) {
        if constexpr (requires { f.check_layer(); }) f.check_layer();
      },
      formula_);
}

std::optional<double> Activation::gain() const { return init::gain(formula_); }

std::string Activation::describe() const {
  std::string text = std::string(struct_name(formula_)) + '(';
  std::visit(
      [&]<class F>(const F& formula) {
        const auto parameters = parameters_of(formula), defaults = parameters_of(F{});
        size_t shown = parameters.size();
        while (shown > 0 && parameters[shown - 1] == defaults[shown - 1]) --shown;
        for (size_t i = 0; i < shown; ++i) text += text_of(i > 0 ? ", " : "", parameters[i]);
      },
      formula_);
  return text + ')';
}

}  // namespace ramp

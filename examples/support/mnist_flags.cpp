#include "support/mnist_flags.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <iostream>
#include <map>

namespace support {
namespace {

/// Every activation by the name of its function.
const std::map<std::string, ramp::Unary>& activations() {
#define RAMP_BY_NAME(Struct, function) {#function, ramp::formula::Struct{}},
  static const std::map<std::string, ramp::Unary> table{RAMP_ACTIVATIONS(RAMP_BY_NAME)};
#undef RAMP_BY_NAME
  return table;
}

const std::map<std::string, ramp::init::Initializer (*)(double gain)>& initializers() {
  namespace init = ramp::init;
  static const std::map<std::string, init::Initializer (*)(double)> table{
      {"glorot_normal", [](double) { return init::glorot_normal(); }},
      {"glorot_uniform", [](double) { return init::glorot_uniform(); }},
      {"he_normal", [](double gain) { return init::he_normal({.gain = gain}); }},
      {"he_uniform", [](double gain) { return init::he_uniform({.gain = gain}); }},
  };
  return table;
}

template <class Table>
std::string names(const Table& table) {
  std::string text;
  for (const auto& [name, value] : table) text += (text.empty() ? "" : ", ") + name;
  return text;
}

/// A check that the value is one of a table's names.
template <class Table>
CLI::Validator one_of(const Table& table) {
  return CLI::Validator(
      [&table](const std::string& text) -> std::string {
        if (table.count(text)) return "";
        return "expected one of " + names(table) + ", got " + text;
      },
      "");
}

/// A check that the value is a number of type T for which `fits` holds.
template <class T, class Fits>
CLI::Validator number(const std::string& rule, Fits fits) {
  return CLI::Validator(
      [=](const std::string& text) -> std::string {
        T value{};
        if (CLI::detail::lexical_cast(text, value) && fits(value)) return "";
        return "expected " + rule + ", got " + text;
      },
      "");
}

CLI::Validator whole(int64_t low, int64_t high) {
  return number<int64_t>("a whole number from " + std::to_string(low) + " to " + std::to_string(high),
                         [=](int64_t value) { return low <= value && value <= high; });
}
CLI::Validator from_zero() {
  return number<double>("a finite number from 0 up",
                        [](double value) { return value >= 0 && std::isfinite(value); });
}
CLI::Validator below_one() {
  return number<double>("a number from 0 up to, but not, 1", [](double value) { return value >= 0 && value < 1; });
}

/// "256,256" or "none".
std::vector<int64_t> parse_widths(const std::string& text) {
  std::vector<int64_t> widths;
  if (text == "none") return widths;
  for (const std::string& part : CLI::detail::split(text + ',', ',')) widths.push_back(0), [&] {
    if (!CLI::detail::lexical_cast(part, widths.back())) widths.back() = 0;
  }();
  return widths;
}

}  // namespace

ramp::Unary MnistFlags::formula() const {
  ramp::Unary formula = activations().at(activation);
  if (auto* leaky = std::get_if<ramp::formula::LeakyReLU>(&formula)) leaky->alpha = leak;
  return formula;
}

ramp::init::Initializer MnistFlags::initializer() const { return initializers().at(init)(ramp::init::gain(formula())); }

}  // namespace support

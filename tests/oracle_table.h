#pragma once
// Tables of activations' values and slopes that the scripts of tests/oracles made.

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "ramp/core/formulas/formulas.h"

namespace ramp {

/// One formula of a table, and f(x) = y, f'(x) = slope at its points.
struct OracleTable {
  Unary formula;
  std::string title;  // "elu 1.5"
  std::vector<double> x, y, slope;
};

/// The activation of a function's name, its members (all doubles) set to `parameters` from the first on.
inline Unary activation(const std::string& function, const std::vector<double>& parameters) {
  const auto build = [&]<class F>(F formula) -> Unary {
    if constexpr (!std::is_empty_v<F>) {
      auto members = std::bit_cast<std::array<double, sizeof(F) / sizeof(double)>>(formula);
      if (parameters.size() > members.size()) throw std::runtime_error("too many parameters for " + function);
      std::copy(parameters.begin(), parameters.end(), members.begin());
      formula = std::bit_cast<F>(members);
    }
    return formula;
  };
#define RAMP_BUILD(Struct, name) \
  if (function == #name) return build(formula::Struct{});
  RAMP_ACTIVATIONS(RAMP_BUILD)
#undef RAMP_BUILD
  throw std::runtime_error("no activation is called " + function);
}

/// Reads lines "function,parameters,x,y,slope".
inline std::vector<OracleTable> read_oracle_tables(const std::string& file) {
  std::ifstream in(RAMP_SOURCE_DIR "/tests/oracles/" + file);
  std::vector<OracleTable> tables;
  for (std::string line; std::getline(in, line);) {
    std::istringstream text(line);
    std::string function, parameters, x, y, slope;
    std::getline(text, function, ',');
    std::getline(text, parameters, ',');
    std::getline(text, x, ',');
    std::getline(text, y, ',');
    std::getline(text, slope, ',');
    const std::string title = function + ' ' + parameters;
    if (tables.empty() || tables.back().title != title) {
      std::istringstream numbers(parameters);
      std::vector<double> values;
      for (double value; numbers >> value;) values.push_back(value);
      tables.push_back({activation(function, values), title, {}, {}, {}});
    }
    tables.back().x.push_back(std::strtod(x.c_str(), nullptr));
    tables.back().y.push_back(std::strtod(y.c_str(), nullptr));
    tables.back().slope.push_back(std::strtod(slope.c_str(), nullptr));
  }
  if (tables.empty()) throw std::runtime_error("no table in " + file);
  return tables;
}

}  // namespace ramp

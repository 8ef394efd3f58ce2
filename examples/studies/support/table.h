#pragma once
// A table for the terminal.

#include <string>
#include <vector>

namespace studies {

/// Columns as wide as they must be: the first to the left, the others to the right.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : rows_{std::move(header)} {}
  /// Throws ramp::Error unless there is a cell for each column.
  void row(std::vector<std::string> cells);
  std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;  // the first is the header
};

}  // namespace studies

#pragma once
// A table for the terminal.

#include <ramp/core/error.h>
#include <string>
#include <utility>
#include <vector>

namespace studies {

/// Columns as wide as they must be: the first to the left, the others to the right.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : rows_{std::move(header), {}} {}
  /// Throws ramp::Error unless there is a cell for each column.
  void row(std::vector<std::string> cells) {
    const size_t columns = rows_.front().size();
    if (cells.size() != columns) ramp::fail("table", "expected ", columns, " cells, got ", cells.size());
    rows_.push_back(std::move(cells));
  }
  std::string text() const { return ramp::text_table(rows_, ramp::column_widths(rows_), 1, 2); }

 private:
  ramp::TextRows rows_;  // the header, a rule, and the rest
};

}  // namespace studies
